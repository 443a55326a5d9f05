"""Every mistake of a job at once, in plain words, at its line and column."""

from __future__ import annotations

import pytest

from batch_scorer.config.load import load_jobs
from batch_scorer.config.mistakes import JobInvalid
from tests.config.conftest import SMALLEST, Jobs


def test_a_mistyped_key_looks_exactly_like_the_manual_says(jobs: Jobs) -> None:
    lines = [f"# line {number}" for number in range(1, 10)]
    job = ["version: 1", "name: small", "input:", "    partion_by: [ride_date]", "    path: x"]
    jobs.write("small", "\n".join([*lines, *job]))
    with pytest.raises(JobInvalid) as caught:
        jobs.load("small")
    assert (
        'jobs/small.yml:13:5: unknown key "partion_by"; did you mean "partition_by"?\n'
        " 13 |     partion_by: [ride_date]\n"
        "          ^^^^^^^^^^\n"
    ) in caught.value.render()
    assert (caught.value.exit_code, caught.value.next_command) == (78, "batch-scorer validate-config small")


def test_all_mistakes_are_told_at_once_in_file_order(jobs: Jobs) -> None:
    jobs.change("version: 1", "version: 2")
    jobs.change("America/Chicago ", "America/Chicgo ")
    jobs.change('"30 4 * * *"', '"30 44 * * *"')
    jobs.change("partition_by", "partion_by")
    jobs.change("key: [ride_id]", "key: ride_id")
    jobs.change('where: "fare > 0"', 'where: "fare > > 0"')
    jobs.change("suite: rides_schema", "suite: rides_shema")
    jobs.change("predict_proba", "predict_prob")
    jobs.change("keep_generations: 3", "keep_generations: many")
    jobs.change("success_marker: false", "success_marker: perhaps")
    assert jobs.mistakes() == [
        "2:10: version: 2 is not known; this batch-scorer reads version 1",
        '11:13: schedule.timezone: "America/Chicgo" is no time zone; did you mean "America/Chicago"?',
        '12:9: schedule.cron: "44" is no hour (0-23)',
        '20:3: unknown key "partion_by"; did you mean "partition_by"?',
        '21:8: input.key: "ride_id" is not a list; write [ride_id]',
        '23:18: input.where: expected a value, found ">"',
        '28:15: validate.input.0.suite: there is no suite "rides_shema" in jobs/suites; '
        'did you mean "rides_schema"?',
        '36:11: model.method: "predict_prob" is not predict, predict_proba, decision_function, '
        'score_samples or transform; did you mean "predict_proba"?',
        '48:21: output.keep_generations: "many" is not a whole number',
        '49:19: output.success_marker: "perhaps" is not true or false',
    ]


def test_what_must_fit_together_is_told_beside_a_mistyped_value(jobs: Jobs) -> None:
    jobs.change("keep_generations: 3", "keep_generations: many")
    jobs.change("suite: rides_schema", "suite: rides_shema")
    jobs.change("path: ${LAKE:-data}/predictions/taxi_tips", "path: data/lake/rides/out")
    assert jobs.mistakes() == [
        '28:15: validate.input.0.suite: there is no suite "rides_shema" in jobs/suites; '
        'did you mean "rides_schema"?',
        '42:9: output.path: "data/lake/rides/out" is inside of input.path ("data/lake/rides")',
        '48:21: output.keep_generations: "many" is not a whole number',
    ]


def test_predictions_in_a_store_need_a_state_that_is_not_a_guess(jobs: Jobs) -> None:
    jobs.change("path: ${LAKE:-data}/predictions/taxi_tips", "path: s3://lake/predictions/taxi_tips")
    assert jobs.load().job.output.path == "s3://lake/predictions/taxi_tips"
    jobs.change("  state: ${LAKE:-data}/state\n", "")
    assert jobs.mistakes() == [
        "42:9: output.path: predictions in an object store need output.state: a directory on a disk that "
        "outlives the run"
    ]
    jobs.change("path: s3://lake/predictions/taxi_tips", "path: s3://lake/tips")
    assert "need output.state" in jobs.mistakes()[0]  # the directory above the bucket is none


def test_tables_in_a_store_are_not_inside_of_each_other(jobs: Jobs) -> None:
    jobs.change("path: ${LAKE:-data/lake}/rides", "path: s3://lake/rides/")
    jobs.change("path: ${LAKE:-data}/predictions/taxi_tips", "path: s3://lake/rides/tips")
    assert jobs.mistakes() == [
        '42:9: output.path: "s3://lake/rides/tips" is inside of input.path ("s3://lake/rides/")'
    ]


def test_what_is_below_a_mistyped_key_is_checked_too(jobs: Jobs) -> None:
    jobs.change("\nvalidate:", "\nvalidat:")
    jobs.change("min_rows: 1000", "min_rows: -1")
    assert jobs.mistakes() == [
        '26:1: unknown key "validat"; did you mean "validate"?',
        "32:22: validate.volume.min_rows: must be at least 0",
    ]


def test_a_key_that_resembles_nothing_lists_what_is_known(jobs: Jobs) -> None:
    jobs.change("owner: {team", "owner: {xyzzy: 1, team")
    assert jobs.mistakes() == ['5:9: unknown key "xyzzy"; known here: team, email']


def test_a_mistyped_key_in_any_target_is_told(jobs: Jobs) -> None:
    jobs.change("limit_rows: 10000", "limt_rows: 10000")
    assert jobs.mistakes() == ['55:17: unknown key "limt_rows"; did you mean "limit_rows"?']


@pytest.mark.parametrize("name", ["../../etc/cron", "a b", "", "a\\nb"])
def test_a_target_has_a_name_that_files_can_be_called_by(jobs: Jobs, name: str) -> None:
    jobs.change("  dev: {input", f'  "{name}": {{input')
    assert len(found := jobs.mistakes()) == 1
    assert "is no name for a target" in found[0]


def test_every_target_is_checked_where_none_is_chosen(jobs: Jobs) -> None:
    jobs.change("limit_rows: 10000", "limit_rows: many")
    jobs.write("small", SMALLEST + "targets: {prod: {output: {path: '${ELSEWHERE}/p'}}}\n")
    with pytest.raises(JobInvalid) as caught:
        load_jobs(jobs.project, ["small", "taxi_tips"], env={})
    assert [str(each) for each in caught.value.mistakes] == [
        'jobs/taxi_tips.yml:55:29: input.limit_rows: "many" is not a whole number'
    ]


def test_required_keys_are_listed_down_to_the_last(jobs: Jobs) -> None:
    jobs.write("small", "name: small\nmodel: {method: predict}\noutput:\n")
    assert jobs.mistakes("small") == [
        '1:1: required key "input.key" is missing',
        '1:1: required key "input.partition_by" is missing',
        '1:1: required key "input.path" is missing',
        '1:1: required key "schedule.timezone" is missing',
        '1:1: required key "version" is missing',
        '2:1: required key "model.output" is missing',
        '2:1: required key "model.uri" is missing',
        '3:1: required key "output.path" is missing',
    ]


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("name: taxi_tips", "name: taxi", '3:7: name: must be "taxi_tips", as the file is called'),
        (
            "description: Which",
            "description: 2024 #",
            "4:14: description: 2024 is not text; put it in quotes",
        ),
        ("{team: earnings,", "{team: [a],", "5:15: owner.team: a list is not text; put it in quotes"),
        ("code: [src]", "code: src", '8:7: code: "src" is not a list; write [src]'),
        ("expect: daily", "expect: hourly", '13:11: schedule.expect: "hourly" is not daily'),
        ("lookback: 3d", "lookback: 3", "15:13: schedule.lookback: 3 is not a duration, such as 30m, 2h, 3d"),
        ("key: [ride_id]", "key: []", "21:8: input.key: must not be an empty list"),
        ("key: [ride_id]", "key: [a, a]", '21:8: input.key: column "a" is listed twice'),
        ("key: [ride_id]", "key: [7]", "21:9: input.key.0: 7 is not text; put it in quotes"),
        (
            "marker: _SUCCESS",
            "marker: a/b",
            '24:19: input.ready.marker: "a/b" is not the plain name of a file',
        ),
        (
            "on_fail: warn",
            "on_fail: wran",
            '29:37: validate.input.1.on_fail: "wran" is not block, warn or quarantine; did you mean "warn"?',
        ),
        (
            "on_fail: warn",
            "on_fail: warn, max_quarantined_rate: 1%",
            "29:65: validate.input.1.max_quarantined_rate: needs on_fail: quarantine; with warn no row is "
            "set aside",
        ),
        (
            "suite: rides_input",
            "suite: ../rides_input",
            '29:15: validate.input.1.suite: "../rides_input" is no name for a suite: letters, '
            'digits, "_" and "-" only',
        ),
        (
            "suite: rides_input",
            "suite: rides_schema",
            '29:15: validate.input.1.suite: suite "rides_schema" is listed twice',
        ),
        (
            "uri: taxi_tips@champion",
            "uri: taxi_tips",
            '35:8: model.uri: "taxi_tips" is not "name@alias" or "name@version", as in taxi_tips@champion',
        ),
        (
            "uri: taxi_tips@champion",
            "uri: taxi_tips@v03",
            '35:8: model.uri: "v03" is no version; write taxi_tips@3',
        ),
        (
            "uri: taxi_tips@champion",
            "uri: ../x@champion",
            '35:8: model.uri: "../x@champion" is not "name@alias" or "name@version", as in '
            "taxi_tips@champion",
        ),
        (
            '"bool = proba[1] > 0.5"',
            '"bool = prob[1] > 0.5"',
            '37:66: model.output.big_tip: unknown name "prob"; with this method only "proba" can be named',
        ),
        (
            '"float64 = proba[1]"',
            "1",
            '37:27: model.output.big_tip_score: must be text: "type = expression", as in "float64 = proba"',
        ),
        (
            "{big_tip_score: ",
            "{_score: ",
            '37:12: model.output._score: "_score" is no name for an output column: a letter, then '
            'letters, digits and "_"',
        ),
        (
            "ride_date: date",
            "ride_date: dat",
            '20:29: input.partition_by.ride_date: "dat" is no type of a partition key (date, string, int); '
            'did you mean "date"?',
        ),
        (
            "{ride_date: date}",
            "[ride_date]",
            "20:17: input.partition_by: must be a mapping, such as {ride_date: date}",
        ),
        (
            "{ride_date: date}",
            "{ride_date: string}",
            "13:11: schedule.expect: daily needs exactly one partition key of type date, not 0",
        ),
        (
            "keep_columns: [ride_id, started_at]",
            "keep_columns: [Big_Tip]",
            '37:58: model.output.big_tip: "big_tip" is in output.keep_columns already',
        ),
        (
            "keep_columns: [ride_id, started_at]",
            "keep_columns: [ride_date]",
            '46:18: output.keep_columns.0: "ride_date" is a partition key, which readers get from '
            "the directory, already",
        ),
        (
            "keep_columns: [ride_id, started_at]",
            "keep_columns: [_run_id]",
            '46:18: output.keep_columns.0: "_run_id" is an audit column already',
        ),
        (
            "file_size: 128MB",
            "file_size: big",
            '47:14: output.file_size: "big" is not a size, such as 64MB, 2GB, 512MiB',
        ),
        (
            "cluster: auto",
            "cluster: locl",
            '51:20: compute.cluster: "locl" is not auto, inline, local or tcp://host:port; did you '
            'mean "local"?',
        ),
        ("workers: auto", "workers: 0", "51:35: compute.workers: must be at least 1, or auto"),
        ("timeout: 2h", "timeout: 0h", "51:87: compute.timeout: must be more than 0"),
        (
            "${LAKE:-data}/state",
            "${LAKE:-data}/predictions/taxi_tips/state",
            '43:10: output.state: "data/predictions/taxi_tips/state" is inside of output.path '
            '("data/predictions/taxi_tips")',
        ),
        (
            "${LAKE:-data}/state",
            "data/lake",
            '43:10: output.state: "data/lake" contains input.path ("data/lake/rides")',
        ),
        (
            "${LAKE:-data}/state",
            "data/../data/lake/rides",
            '43:10: output.state: "data/../data/lake/rides" is input.path too',
        ),
        (
            "path: ${LAKE:-data}/predictions/taxi_tips",
            "path: s3://lake/../taxi_tips",
            "42:9: output.path: an address s3://… is not one of an object store: its path has a part that is "
            'empty, "." or ".."; write s3://bucket/prefix; credentials belong in the environment, not in the '
            "address",
        ),
        (
            "  state: ${LAKE:-data}/state\n",
            "  overwrite: in_place\n",
            "43:14: output.overwrite: in_place is for plain Parquet in an object store; here a partition is "
            "replaced in one step, remove it",
        ),
        (
            "registry: data/models",
            "registry: data/state/models",
            '7:11: registry: "data/state/models" is inside of output.state ("data/state")',
        ),
        (
            "path: ${LAKE:-data/lake}",
            "path: ${RIDES}",
            "19:9: environment variable RIDES is not set; set it, or write ${RIDES:-default}",
        ),
        ("path: ${LAKE:-data/lake}", "path: ${LAKE", '19:9: a "${" that is no ${NAME} or ${NAME:-default}'),
        ("dev: {input:", "dev: {name: x, input:", "55:9: targets.dev: a target cannot change name"),
        (
            "dev: {input: {limit_rows: 10000}, ",
            "dev: [1]\n  x: {",
            "55:8: targets.dev: must be a mapping, such as {input: {limit_rows: 1000}}",
        ),
        (
            "extends: _defaults.yml",
            "extends: ../../outside.yml",
            '6:10: extends: "../../outside.yml" is outside of jobs/',
        ),
        (
            "taxi_tips.prom",
            "taxi_tips.txt",
            '57:24: emit.prometheus_textfile: "/var/lib/node_exporter/taxi_tips.txt" must end with .prom: '
            "node_exporter reads no other files",
        ),
        (
            "https://marquez:5000",
            "marquez:5000",
            "58:22: emit.openlineage.url: must be the URL of a server, such as http://marquez:5000",
        ),
        (
            'url: "https://marquez:5000", ',
            "file: events.jsonl, ",
            "58:46: emit.openlineage.api_key: needs url: a file takes no key",
        ),
        (
            "namespace: earnings",
            "file: events.jsonl",
            "58:88: emit.openlineage.file: events go to url or to a file, not to both; leave one empty",
        ),
        (
            '{url: "https://marquez:5000", api_key: {secret: env:LINEAGE_KEY}, namespace: earnings}',
            "{namespace: earnings}",
            "58:16: emit.openlineage: needs url, the server of events, or file, to append them to",
        ),
        (
            "extends: _defaults.yml",
            "extends: _default.yml",
            '6:10: extends: there is no file "_default.yml" in jobs/',
        ),
        (
            "extends: _defaults.yml",
            "extends: taxi_tips.yml",
            '6:10: extends: "taxi_tips.yml" extends this file again, in a circle',
        ),
        ("extends: _defaults.yml", "extends: [a]", "6:10: extends: must be the name of one file in jobs/"),
    ],
)
def test_each_mistake_is_told_in_plain_words_at_its_place(
    jobs: Jobs, old: str, new: str, mistake: str
) -> None:
    jobs.change(old, new)
    assert mistake in jobs.mistakes()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (
            "{suite: predictions, on_fail: block}",
            "{suite: predictions, on_fail: quarantine}",
            '31:37: validate.output.0.on_fail: "quarantine" is',
        ),
        ("max_error_rows: 0", "max_error_rows: 5", "38:19: model.max_error_rows: 5 is"),
        ("/var/lib/node_exporter", "s3://metrics", "57:24: emit.prometheus_textfile: "),
        (
            'url: "https://marquez:5000", api_key: {secret: env:LINEAGE_KEY}',
            "file: s3://events/x",
            "58:23: emit.openlineage.file: ",
        ),
        ("path: ${LAKE:-data/lake}", "path: hdfs://lake", "19:9: input.path: "),
        ("path: ${LAKE:-data}", "path: hdfs://lake", "42:9: output.path: "),
        ("state: ${LAKE:-data}", "state: hdfs://lake", "43:10: output.state: "),
        ("code: [src]", "code: [s3://src]", "8:8: code.0: "),
    ],
)
def test_what_is_not_built_yet_is_refused_once_and_by_name(
    jobs: Jobs, old: str, new: str, place: str
) -> None:
    jobs.change(old, new)
    (mistake,) = jobs.mistakes()
    assert mistake.startswith(place)
    assert "not supported yet; " in mistake


def test_a_tolerance_without_days_to_compare_with_is_a_mistake(jobs: Jobs) -> None:
    jobs.change("against: 28d, ", "")
    assert jobs.mistakes() == [
        "32:39: validate.volume.tolerance: needs against too, the days to compare with, such as against: 28d"
    ]


@pytest.mark.parametrize(
    ("keys", "n_dates"), [("{region: string}", 0), ("{ride_date: date, loaded: date}", 2)]
)
def test_days_to_compare_with_need_the_one_date_key(jobs: Jobs, keys: str, n_dates: int) -> None:
    jobs.change("expect: daily", "expect:")
    jobs.change("partition_by: {ride_date: date}", f"partition_by: {keys}")
    assert jobs.mistakes() == [
        "32:37: validate.volume.against: the days before need exactly one partition key of type date, "
        f"not {n_dates}"
    ]


def test_a_window_that_can_never_hold_enough_days_is_a_mistake(jobs: Jobs) -> None:
    jobs.change("against: 28d", "against: 6d")
    assert jobs.mistakes() == [
        "32:37: validate.volume.against: must be at least 7d: fewer published days than that decide nothing"
    ]
    jobs.change("against: 6d", "against: 145h")  # a begun day counts whole, so this is seven of them
    assert jobs.load().job.validation.volume.against is not None


def test_a_mistyped_window_is_not_told_twice_by_its_tolerance(jobs: Jobs) -> None:
    jobs.change("against: 28d", "against: 28")
    assert jobs.mistakes() == ["32:37: validate.volume.against: 28 is not a duration, such as 30m, 2h, 3d"]
    jobs.change(", tolerance: 40%", "")
    assert len(jobs.mistakes()) == 1


def test_a_mistake_in_the_defaults_names_the_defaults(jobs: Jobs) -> None:
    jobs.write("_defaults", "compute:\n  retrys: 5\n")
    with pytest.raises(JobInvalid) as caught:
        jobs.load()
    assert str(caught.value.mistakes[0]) == (
        'jobs/_defaults.yml:2:3: unknown key "retrys"; did you mean "retries"?'
    )


def test_a_circle_of_extends_is_refused_and_depth_is_bounded(jobs: Jobs) -> None:
    jobs.write("_defaults", "extends: taxi_tips.yml\n")
    with pytest.raises(JobInvalid, match="in a circle"):
        jobs.load()
    jobs.write("_defaults", "extends: _0.yml\n")
    for number in range(10):
        jobs.write(f"_{number}", f"extends: _{number + 1}.yml\n")
    with pytest.raises(JobInvalid, match="more than 8 files"):
        jobs.load()


def test_a_link_out_of_jobs_is_not_followed_by_extends(jobs: Jobs) -> None:
    outside = jobs.project.root / "outside.yml"
    outside.write_text("compute: {retries: 9}\n")
    (jobs.project.jobs / "_link.yml").symlink_to(outside)
    jobs.change("extends: _defaults.yml", "extends: _link.yml")
    assert jobs.mistakes() == ['6:10: extends: "_link.yml" is outside of jobs/']


def test_a_variable_between_braces_must_be_quoted_and_the_message_says_so(jobs: Jobs) -> None:
    jobs.change("workers: auto", "workers: ${N:-2}")
    (mistake,) = jobs.mistakes()
    assert mistake.startswith("51:36: not valid YAML")
    assert mistake.endswith('; quote "${…}" inside of {…} and […]')


def test_two_spellings_of_one_partition_key_are_one_key_too_many(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST.replace("{day: date}", "{day: date, Day: int}"))
    (mistake,) = jobs.mistakes("small")
    assert mistake.startswith("4:63: input.partition_by.Day:")


def test_the_same_mistake_is_told_once(jobs: Jobs) -> None:
    jobs.change('where: "fare > 0"', 'where: "fare + 1"')
    assert jobs.mistakes() == [
        '23:11: input.where: is not a condition: compare it with something, as in "fare > 0"'
    ]


def test_a_wrong_method_hides_neither_wrong_outputs_nor_what_must_fit_together(jobs: Jobs) -> None:
    jobs.change("method: predict_proba", "method: proba")
    jobs.change('big_tip_score: "float64 = proba[1]"', 'ride_id: "flaot64 = proba[1]"')
    jobs.change('big_tip: "bool', 'started_at: "bool')
    jobs.change("state: ${LAKE:-data}/state", "state: ${LAKE:-data}/predictions")
    found = [mistake.split(": ", 1)[1] for mistake in jobs.mistakes()]
    assert [each.split(":")[0] for each in found] == [
        "model.method",
        "model.output.ride_id",
        "model.output.started_at",
        "output.state",
    ]


def test_a_missing_required_key_hides_nothing_that_must_fit_together(jobs: Jobs) -> None:
    jobs.change("  timezone: America/Chicago ", "  # ")
    jobs.change("  key: [ride_id]", "  key: [ride_id, 7]")
    jobs.change("suite: rides_schema", "suite: rides_shema")
    jobs.change("state: ${LAKE:-data}/state", "state: ${LAKE:-data}/predictions/taxi_tips/state")
    found = [mistake.split(": ", 1)[1] for mistake in jobs.mistakes()]
    assert [each.split(":")[0] for each in found] == [
        'required key "schedule.timezone" is missing',
        "input.key.1",
        "validate.input.0.suite",
        "output.state",
    ]


def test_a_kept_column_that_is_listed_twice_is_a_mistake(jobs: Jobs) -> None:
    jobs.change("keep_columns: [ride_id, started_at]", "keep_columns: [fare, started_at, fare]")
    assert jobs.mistakes() == ['46:17: output.keep_columns: column "fare" is listed twice']


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("state_db: sqlite", "state_db: postgresql+psycopg://scorer:hunter2@db/"),
        ("state_db: sqlite", "state_db: mysql://scorer:hunter2@db/tips"),
        ("state_db: sqlite", "state_db: scorer:hunter2@db/tips"),
        ("state_db: sqlite", 'state_db: "postgresql://scorer:hunter2 @db/tips"'),
        ("state_db: sqlite", "state_db: postgresql://me@corp.example:hunter2@db/tips"),
        ("state_db: sqlite", "state_db: postgresql://scorer:hunter2@db:x/tips"),
        ("state_db: sqlite", "state_db: postgresql://db:x/tips?password=hunter2"),
        ("state_db: sqlite", "state_db: [postgresql://scorer:hunter2@db/tips]"),
        ("state_db: sqlite", "state_db: {x: postgresql://scorer:hunter2@db/tips}"),
        ("registry: data/models", 'registry: "https://scorer:hun/ter2@registry/models"'),
        ("registry: data/models", 'registry: "mlflow:https://scorer:hunter2@tracking"'),
        ("registry: data/models", 'registry: "mlflow:mysql://scorer:hunter2@tracking"'),
        ("cluster: auto", "cluster: tcp:///scorer:hunter2@" + "h" * 80),
        ("timezone: America/Chicago ", "timezone: x://" + "u" * 60 + ":hunter2@host #"),
        ("version: 1", "version: [x://scorer:hunter2@host"),
        ("https://marquez", "https://scorer:hunter2@marquez"),
    ],
)
def test_no_message_repeats_the_password_of_a_url(jobs: Jobs, old: str, new: str) -> None:
    jobs.change(old, new)
    with pytest.raises(JobInvalid) as caught:
        jobs.load()
    told = f"{caught.value.render()} {caught.value.as_dict()} {caught.value.mistakes}"
    assert "hunter2" not in told
    assert "ter2@" not in told


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlight", "is neither sqlite nor a database URL"),
        ("sqlite:///ledger.db", "sqlite is no database for the ledger"),
        ("mysql://db/tips", "mysql is no database for the ledger"),
        ("postgresql://db", "the URL names no database"),
        ("postgresql://db/?sslmode=require", "the URL names no database"),
        ("postgresql://u:p@ss@db/tips", 'an "@" within the user or the password must be written as %40'),
        ("postgresql://db:70000/tips", "the URL's port is no number from 1 to 65535"),
        ('"postgresql://db/my tips"', "a URL has no spaces"),
    ],
)
def test_a_database_url_that_cannot_be_one_is_told_without_repeating_it(
    jobs: Jobs, url: str, message: str
) -> None:
    jobs.change("state_db: sqlite", f"state_db: {url}")
    (mistake,) = jobs.mistakes()
    assert mistake.startswith(f"44:13: output.state_db: {message}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://db/tips",
        "postgresql://scorer:a%40b/c?d@[::1]:5432/tips?sslmode=require",
        "postgres:///tips?host=/run/postgresql",
    ],
)
def test_a_database_url_is_taken_as_it_is_and_shown_without_its_password(jobs: Jobs, url: str) -> None:
    jobs.change("state_db: sqlite", "state_db: ${LEDGER_URL}")
    loaded = jobs.load(env={"LEDGER_URL": url})
    assert loaded.job.output.state_db == url
    ((shown, source),) = [(v, source) for key, v, source in loaded.values if key == "output.state_db"]
    assert source == "environment LEDGER_URL"
    assert shown == url.replace("a%40b/c?d", "***")
    assert url not in repr(loaded) + repr(loaded.job)


def test_a_target_that_publishes_elsewhere_needs_a_database_of_its_own(jobs: Jobs) -> None:
    jobs.change("state_db: sqlite", "state_db: postgresql://db/tips")
    with pytest.raises(JobInvalid, match=r"needs an output\.state_db of its own") as caught:
        jobs.load(target="dev")
    (mistake,) = caught.value.mistakes
    assert mistake.message.startswith("a target that changes output.path")
    jobs.change("path: dev/predictions,", "path: dev/predictions, state_db: sqlite,")
    assert jobs.load(target="dev").job.output.state_db == "sqlite"


def test_a_wrong_method_is_the_only_mistake_of_outputs_that_name_another_ones_result(jobs: Jobs) -> None:
    jobs.change("predict_proba", "score_sample")
    jobs.change(
        '{big_tip_score: "float64 = proba[1]", big_tip: "bool = proba[1] > 0.5"}',
        '{prediction: "float64 = score"}',
    )
    mistakes = jobs.mistakes()
    assert len(mistakes) == 1
    assert 'model.method: "score_sample" is not ' in mistakes[0]
    assert 'did you mean "score_samples"?' in mistakes[0]


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("path: s3://lake/predictions", "path: data/predictions", "goes with predictions in one"),
        ("postgresql://db/ledger", "sqlite", "set output.state_db to a PostgreSQL database"),
        ("overwrite: refuse", "overwrite: in_place", "keeps what it replaces on a disk"),
    ],
)
def test_a_state_in_a_store_says_what_it_cannot_do(jobs: Jobs, found: str, instead: str, said: str) -> None:
    jobs.change("path: ${LAKE:-data}/predictions/taxi_tips", "path: s3://lake/predictions/taxi_tips")
    jobs.change("state: ${LAKE:-data}/state", "state: s3://lake/state")
    jobs.change("state_db: sqlite", "state_db: postgresql://db/ledger")
    jobs.change("format: parquet", "format: parquet\n  overwrite: refuse")
    assert jobs.load().job.output.state == "s3://lake/state"
    jobs.change(found, instead)
    (told,) = jobs.mistakes()
    assert told.split(": ")[1] == "output.state"
    assert said in told
