"""From a job file to a job: layers, values with their sources, and the types other rooms rely on."""

from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from batch_scorer.config.job import Job
from batch_scorer.config.layers import merge, to_plain
from batch_scorer.config.load import load_job, load_jobs
from batch_scorer.config.mistakes import JobInvalid
from batch_scorer.config.yaml_source import parse_yaml
from batch_scorer.core.errors import UsageError
from batch_scorer.core.expressions.parser import parse_expression
from batch_scorer.core.models import Method
from batch_scorer.core.partitions import KeyType, PartitionKey
from batch_scorer.core.validation import OnFail
from tests.config.conftest import SMALLEST, Jobs


def test_the_complete_job_has_the_types_that_others_rely_on(jobs: Jobs) -> None:
    job = jobs.load().job
    assert (job.name, job.registry, job.code) == ("taxi_tips", "data/models", ("src",))
    assert job.schedule.lookback == dt.timedelta(days=3)
    assert job.schedule.catchup.max_partitions == 7
    assert job.input.partition_by == (PartitionKey(name="ride_date", type=KeyType.DATE),)
    assert job.input.where == parse_expression("fare > 0")
    assert job.input.where_source == "fare > 0"
    assert job.input.ready.min_age == dt.timedelta(minutes=30)
    assert [(use.suite, use.on_fail) for use in job.validation.input] == [
        ("rides_schema", OnFail.BLOCK),
        ("rides_input", OnFail.WARN),
    ]
    assert (job.model.name, job.model.alias, job.model.version) == ("taxi_tips", "champion", None)
    assert job.model.method is Method.PREDICT_PROBA
    assert [(out.name, out.type) for out in job.model.output] == [
        ("big_tip_score", "float64"),
        ("big_tip", "bool"),
    ]
    assert (job.output.file_size, job.compute.memory_per_worker, job.compute.chunk) == (128e6, 2e9, 64e6)
    assert job.compute.workers is None
    assert job.carried_columns == ("ride_id", "started_at")


def test_the_smallest_job_has_the_documented_defaults(jobs: Jobs) -> None:
    job = jobs.load("small").job
    assert (job.model.method, job.model.version, job.model.alias) == (Method.PREDICT, 1, None)
    assert (job.output.state, job.output.keep_columns, job.output.keep_generations) == ("data/state", (), 3)
    assert (job.validation.input, job.validation.volume.min_rows) == ((), 1)
    assert (job.schedule.catchup.max_partitions, job.schedule.lookback, job.compute.timeout) == (
        None,
        None,
        None,
    )
    assert (job.input.where, job.input.limit_rows, job.input.ready.marker) == (None, None, None)
    assert (job.compute.cluster, job.compute.retries, job.compute.max_failed_partitions) == ("auto", 3, None)


@pytest.mark.parametrize(
    ("predictions", "state"),
    [
        ("data/predictions/taxi", "data/state"),
        ("data/predictions/taxi/", "data/state"),
        ("/mnt/out/predictions/taxi", "/mnt/out/state"),
        ("predictions/taxi", "state"),
    ],
)
def test_state_is_beside_the_predictions_unless_said_otherwise(
    jobs: Jobs, predictions: str, state: str
) -> None:
    jobs.write("small", SMALLEST.replace("data/predictions/small", predictions))
    assert jobs.load("small").job.output.state == state


def test_a_job_is_frozen_and_survives_pickling(jobs: Jobs) -> None:
    job = jobs.load().job
    assert pickle.loads(pickle.dumps(job)) == job
    with pytest.raises(ValidationError, match="frozen"):
        job.model.uri = "other@1"


@pytest.mark.parametrize("name", ["taxi_tips", "small"])
def test_a_job_as_written_is_the_same_job(jobs: Jobs, name: str) -> None:
    job = jobs.load(name).job
    again = Job.model_validate(job.as_written())
    assert again.model_copy(update={"targets": job.targets}) == job


def test_a_file_beats_what_it_extends_and_a_target_beats_both(jobs: Jobs) -> None:
    loaded = jobs.load()
    assert (loaded.job.compute.retries, loaded.job.compute.chunk) == (3, 64_000_000)
    jobs.change("chunk: 64MB, ", "")
    assert jobs.load().job.compute.chunk == 32_000_000
    dev = jobs.load(target="dev")
    assert (dev.target, dev.targets) == ("dev", ("dev",))
    assert (dev.job.input.limit_rows, dev.job.output.path) == (10_000, "dev/predictions")
    assert dev.job.output.keep_columns == ("ride_id", "started_at")


def test_an_empty_key_takes_the_default_back(jobs: Jobs) -> None:
    jobs.change("compute: {", "compute: {chunk: , ")
    jobs.change("chunk: 64MB, ", "")
    assert jobs.load().job.compute.chunk == 64_000_000
    assert ("compute.chunk", "64MB", "default") in jobs.load().values


def test_flags_beat_the_file_and_the_environment(jobs: Jobs) -> None:
    jobs.change("workers: auto", "workers: '${N:-2}'")
    assert jobs.load().job.compute.workers == 2
    assert jobs.load(env={"N": "4"}).job.compute.workers == 4
    loaded = jobs.load(env={"N": "4"}, compute__workers=8, compute__timeout="90m")
    assert (loaded.job.compute.workers, loaded.job.compute.timeout) == (8, dt.timedelta(minutes=90))


def test_every_value_says_where_it_came_from(jobs: Jobs) -> None:
    jobs.change("chunk: 64MB, ", "")
    loaded = jobs.load(target="dev", env={"LAKE": "/mnt"}, compute__workers=8, model__uri="taxi_tips@3")
    sources = {key: source for key, _, source in loaded.values}
    values = {key: value for key, value, _ in loaded.values}
    assert sources["input.where"] == "jobs/taxi_tips.yml:23:3"
    assert sources["input.partition_by.ride_date"] == "jobs/taxi_tips.yml:20:18"
    assert sources["validate.input.1.on_fail"] == "jobs/taxi_tips.yml:29:28"
    assert sources["compute.chunk"] == "jobs/_defaults.yml:1:23"
    assert (sources["input.path"], values["input.path"]) == ("environment LAKE", "/mnt/rides")
    assert (sources["input.limit_rows"], values["input.limit_rows"]) == ("target dev", 10_000)
    assert (sources["compute.workers"], sources["model.uri"]) == ("flag --workers", "flag --model")
    assert (sources["output.file_size"], values["output.file_size"]) == ("jobs/taxi_tips.yml:47:3", "128MB")
    assert (sources["input.columns"], sources["emit.openlineage.file"]) == (
        "jobs/taxi_tips.yml:22:3",
        "default",
    )


def test_variables_have_defaults_and_an_escape(jobs: Jobs) -> None:
    jobs.change("driver earnings mart", "${WHO:-mart} $${WHO} ${EMPTY:-filled} ${BLANK}, $5")
    description = jobs.load(env={"EMPTY": "", "BLANK": ""}).job.description
    assert description == "Which rides end with a big tip, for the mart ${WHO} filled , $5"


def test_a_value_from_the_environment_is_never_interpolated_again(jobs: Jobs) -> None:
    jobs.change("driver earnings mart", "${WHO}")
    assert jobs.load(env={"WHO": "${HOME}", "HOME": "/root"}).job.description.endswith("for the ${HOME}")


def test_an_unknown_target_suggests_the_nearest(jobs: Jobs) -> None:
    with pytest.raises(UsageError, match='did you mean "dev"'):
        jobs.load(target="dve")
    with pytest.raises(UsageError, match='no target "dev"'):
        jobs.load("small", target="dev")


def test_a_wrong_flag_is_the_command_lines_mistake(jobs: Jobs) -> None:
    with pytest.raises(
        UsageError, match=r"flag --workers: compute\.workers: must be at least 1, or auto"
    ) as caught:
        jobs.load(compute__workers=0)
    assert caught.value.exit_code == 2
    jobs.change("retries: 3", "retries: x")
    with pytest.raises(JobInvalid) as both:
        jobs.load(compute__workers=0)
    assert len(both.value.mistakes) == 2


def test_secrets_stay_names(jobs: Jobs) -> None:
    secret = {"secret": "env:ALERT_WEBHOOK"}
    text = SMALLEST + "notify: [{on: [failed], to: {webhook: {secret: env:ALERT_WEBHOOK}}}]\n"
    written = to_plain(parse_yaml(text, "a.yml").root)
    assert Job.model_validate(written).as_written()["notify"][0]["to"]["webhook"] == secret


def test_jobs_that_publish_into_one_directory_are_refused_together(jobs: Jobs) -> None:
    jobs.write("other", SMALLEST.replace("name: small", "name: other"))
    with pytest.raises(JobInvalid) as caught:
        load_jobs(jobs.project, jobs.project.job_names(), env={})
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        'jobs/small.yml:6:10: output.path: job "other" publishes there too'
    ]


def test_jobs_that_write_one_textfile_are_refused_together(jobs: Jobs) -> None:
    emit = "emit: {prometheus_textfile: metrics/../m.prom}\n"
    jobs.write("small", SMALLEST + emit)
    jobs.change("/var/lib/node_exporter/taxi_tips.prom", "m.prom")
    with pytest.raises(JobInvalid) as caught:
        load_jobs(jobs.project, jobs.project.job_names(), env={})
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        'jobs/taxi_tips.yml:57:3: emit.prometheus_textfile: job "small" writes there too'
    ]


def test_a_target_takes_back_what_the_job_emits(jobs: Jobs) -> None:
    jobs.change("notify: []}", "notify: [], emit: {prometheus_textfile: , openlineage: }}")
    emit = jobs.load(target="dev").job.emit
    assert (emit.prometheus_textfile, emit.openlineage) == (None, None)


def test_a_key_for_a_server_is_named_and_never_held(jobs: Jobs) -> None:
    loaded = jobs.load(env={"LINEAGE_KEY": "hunter2"})
    values = {key: value for key, value, _ in loaded.values}
    assert values["emit.openlineage.api_key.secret"] == "env:LINEAGE_KEY"
    assert "hunter2" not in repr(loaded) + repr(loaded.values) + repr(loaded.job.as_written())


def test_jobs_may_share_their_state(jobs: Jobs) -> None:
    loaded = load_jobs(jobs.project, jobs.project.job_names(), env={})
    assert {each.job.output.state for each in loaded} == {"data/state"}


def test_mistakes_of_several_jobs_are_told_together(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST.replace("version: 1", "version: 7"))
    jobs.change("retries: 3", "retries: x")
    with pytest.raises(JobInvalid) as caught:
        load_jobs(jobs.project, jobs.project.job_names(), env={})
    assert [mistake.file for mistake in caught.value.mistakes] == ["jobs/small.yml", "jobs/taxi_tips.yml"]


trees = st.recursive(
    st.integers(0, 9),
    lambda inner: (
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3)
        | st.lists(st.integers(0, 9), max_size=2)
    ),
    max_leaves=10,
)
mappings = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


def merged(*documents: object) -> object:
    first, *rest = [parse_yaml(str(document), "a.yml").root for document in documents]
    for over in rest:
        first = merge(first, over)
    return to_plain(first)


def leaves(value: object, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    if not isinstance(value, dict):
        return {path: value}
    return {key: leaf for name, item in value.items() for key, leaf in leaves(item, (*path, name)).items()}


@given(mappings, mappings)
def test_merging_keeps_every_leaf_of_the_upper_and_what_it_leaves_alone_of_the_lower(
    lower: dict[str, object], upper: dict[str, object]
) -> None:
    result, above = leaves(merged(lower, upper)), leaves(upper)
    hidden = {
        path for path in leaves(lower) for key in above if path[: len(key)] == key or key[: len(path)] == path
    }
    expected = {path: leaf for path, leaf in leaves(lower).items() if path not in hidden}
    assert result == expected | above
    assert merged(lower, {}) == merged({}, lower) == merged(lower, lower) == lower


def test_loading_imports_nothing_heavy() -> None:
    code = "import sys, batch_scorer.config.load, batch_scorer.config.fingerprint; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pandas", "numpy", "pyarrow", "sklearn", "dask", "sqlalchemy", "great_expectations", "click"}
    assert not heavy & set(done.stdout.split())


def test_an_unknown_job_is_a_usage_error(jobs: Jobs) -> None:
    with pytest.raises(UsageError, match='did you mean "small"'):
        load_job(jobs.project, "smal", env={})
