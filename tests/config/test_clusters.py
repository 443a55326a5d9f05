"""`compute.cluster`: a word, an address, or a class with what it is called with."""

from __future__ import annotations

import jsonschema
import pytest

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.config.fingerprint import config_fingerprint
from batch_scorer.config.layers import filled_in
from batch_scorer.config.load import load_job
from batch_scorer.config.schema import job_schema
from tests.config.conftest import SMALLEST, Jobs

_KWARGS = "{cores: 4, account: '${ACCOUNT:-ours}', extra: ['${ACCOUNT}', 1]}"
_SLURM = "{class: dask_jobqueue.SLURMCluster, kwargs: %s}" % _KWARGS  # noqa: UP031 (braces are YAML's)


def test_variables_in_kwargs_stay_as_written_until_they_are_used(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST + f"compute: {{workers: 4, cluster: {_SLURM}}}\n")
    loaded = load_job(jobs.project, "small", env={"ACCOUNT": "sesame"})
    cluster = loaded.job.compute.cluster
    assert isinstance(cluster, ClusterClass)
    assert "sesame" not in repr(loaded) + str(loaded.values) + str(loaded.job.as_written())
    assert filled_in(cluster.arguments, {"ACCOUNT": "sesame"}) == {
        "cores": 4, "account": "sesame", "extra": ["sesame", 1],
    }  # fmt: skip
    with pytest.raises(ValueError, match="ACCOUNT is not set"):
        filled_in(cluster.arguments, {})


def test_a_variable_that_is_not_set_is_a_mistake_at_once(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST + f"compute: {{workers: 4, cluster: {_SLURM}}}\n")
    (mistake,) = jobs.mistakes("small")
    assert "environment variable ACCOUNT is not set" in mistake


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ("{cluster: {class: a.B}}", "needs compute.workers: N, or adapt: {minimum: 0, maximum: N}"),
        ("{workers: 2, cluster: {class: a.B, adapt: {maximum: 3}}}", "is instead of compute.workers"),
        ("{cluster: {class: a.B, adapt: {minimum: 4, maximum: 3}}}", "is more than the maximum of 3"),
        ("{workers: 2, cluster: {class: SLURMCluster}}", "is no dotted name of a class"),
        ("{workers: 2, cluster: {clas: a.B}}", 'unknown key "clas"; did you mean "class"?'),
        ("{workers: 2, cluster: {kwargs: {}}}", 'required key "compute.cluster.class" is missing'),
        (
            "{workers: 2, cluster: {class: a.B, kwargs: {n_workers: 2}}}",
            "n_workers: say it as",
        ),
        ("{workers: 2, cluster: {class: a.B, kwargs: {asynchronous: true}}}", "batch-scorer decides that"),
        ("{workers: 2, cluster: {class: a.B, kwargs: {a-b: 2}}}", "is no name of a parameter"),
        ("{workers: 2, cluster: tcp://host:1}", "compute.workers: tcp://host:1 has the workers that it has"),
        ("{workers: 2, cluster: tls://host:1}", "remove it, or set auto"),
        ("{cluster: tcp://nohost}", "is not auto, inline, local or tcp://host:port"),
        ("{cluster: tcp://ana:pw@host:1}", "holds no user and password"),
        ("{workers: 2, cluster: [local]}", "must be auto, inline, local, tcp://host:port or {class"),
        ("{workers: 2, cluster: locl}", 'did you mean "local"?'),
    ],
)
def test_mistakes_in_a_cluster_are_found_without_importing_anything(
    jobs: Jobs, compute: str, message: str
) -> None:
    jobs.write("small", SMALLEST + f"compute: {compute}\n")
    (mistake,) = jobs.mistakes("small")
    assert message in mistake


def test_a_mistake_in_a_cluster_hides_no_other(jobs: Jobs) -> None:
    jobs.write("small", SMALLEST + "compute: {cluster: {kwargs: {}}}\nvalidate: {input: [{suite: nope}]}\n")
    assert len(jobs.mistakes("small")) == 2


def test_the_schema_takes_both_forms_and_no_cluster_changes_the_fingerprint(jobs: Jobs) -> None:
    fingerprints = set()
    for workers, cluster in ((4, "local"), ("auto", "tls://host:1"), (4, _SLURM)):
        jobs.write("small", SMALLEST + f"compute: {{workers: {workers}, cluster: {cluster}}}\n")
        job = load_job(jobs.project, "small", env={"ACCOUNT": "ours"}).job
        fingerprints.add(config_fingerprint(job))
        jsonschema.validate(job.as_written(), job_schema())
    assert len(fingerprints) == 1
