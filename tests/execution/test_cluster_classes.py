"""A Dask cluster class named in the job file: found, started within a time, and closed whatever happens."""

from __future__ import annotations

import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.core.errors import ClusterUnavailable, ConfigInvalid, Terminated
from batch_scorer.execution.clusters.remote import starting
from batch_scorer.execution.clusters.remote.starting import StartedCluster, cluster_class, started
from tests import taxi
from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S, wait_for, wait_until_stopped

_MODULE = """
    import threading
    import time

    LOG = []
    MAY_COME = threading.Event()


    class OddCluster:
        def __init__(self, is_late=False, password=None, close_s=0):
            LOG.append("started")
            self.close_s = close_s
            if is_late:
                MAY_COME.wait()
            self.password = password
            if password and not password.startswith("good"):
                raise RuntimeError(f"login failed for {password.rpartition(':')[2]}")

        def scale(self, n):
            LOG.append(f"scaled to {n}")

        def adapt(self, minimum, maximum):
            LOG.append(f"adapts {minimum} to {maximum}")

        def close(self):
            LOG.append("closed")
            time.sleep(self.close_s)
            if self.password:
                raise RuntimeError(f"cannot log out with {self.password}")


    class NoCluster:
        pass
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the classes of `odd_clusters` were asked to do."""
    (tmp_path / "odd_clusters.py").write_text(textwrap.dedent(_MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_clusters", raising=False)
    found: list[str] = __import__("odd_clusters").LOG
    return found


def _spec(path: str = "odd_clusters.OddCluster", **others: Any) -> ClusterClass:
    return ClusterClass.model_validate({"class": path, **others})


def _let_it_come() -> None:
    sys.modules["odd_clusters"].MAY_COME.set()


def _nobody_stops() -> None:
    """No signal comes."""


@pytest.mark.parametrize(
    ("path", "what", "fix"),
    [
        ("dask_jobqueue.SLURMCluster", "dask_jobqueue is not installed", "pip install dask-jobqueue"),
        ("dask_cloudprovider.aws.FargateCluster", "dask_cloudprovider is not installed", "[aws]"),
        ("odd_clusters.NoCluster", "is no Dask cluster class", "name one"),
        ("odd_clusters.LOG", "is no Dask cluster class", "name one"),
        ("odd_clusters.OdCluster", 'has no "OdCluster"; did you mean "OddCluster"?', "correct it"),
        ("os.system", "is no Dask cluster class", "name one"),
    ],
)
def test_a_class_that_is_not_there_or_is_none_is_refused_with_what_to_do(
    log: list[str], path: str, what: str, fix: str
) -> None:
    with pytest.raises(ConfigInvalid, match=r"\S") as refused:
        cluster_class(_spec(path))
    assert what in refused.value.what
    assert fix in str(refused.value.fix)
    assert log == []


def test_it_is_scaled_or_adapts_and_is_closed(log: list[str]) -> None:
    started(_spec(), 3, _nobody_stops).close(timeout=1)
    assert log == ["started", "scaled to 3", "closed"]
    log.clear()
    started(_spec(adapt={"minimum": 1, "maximum": 9}), None, _nobody_stops).close(timeout=1)
    assert log == ["started", "adapts 1 to 9", "closed"]
    log.clear()
    started(_spec(adapt={"maximum": 9}), 2, _nobody_stops).close(timeout=1)  # run --workers 2
    assert log == ["started", "scaled to 2", "closed"]


def test_one_that_comes_too_late_is_given_up_and_closed_when_it_comes(log: list[str]) -> None:
    with pytest.raises(ClusterUnavailable, match="has not started within 1 s"):
        started(_spec(start_within="1s", kwargs={"is_late": True}), 1, _nobody_stops)
    _let_it_come()
    wait_for(lambda: log == ["started", "scaled to 1", "closed"])


def test_one_that_comes_too_late_and_does_not_close_is_told_without_its_secrets(
    log: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "good sesame")
    with pytest.raises(ClusterUnavailable, match="has not started within 1 s"):
        started(
            _spec(start_within="1s", kwargs={"is_late": True, "password": "${QUEUE_PASSWORD}"}),
            1,
            _nobody_stops,
        )
    _let_it_come()
    wait_for(lambda: "what started too late did not close: RuntimeError" in caplog.text)
    assert "sesame" not in caplog.text


def test_a_signal_while_it_starts_closes_it(log: list[str]) -> None:
    def stop() -> None:
        raise Terminated("stopped by SIGTERM")

    with pytest.raises(Terminated):
        started(_spec(kwargs={"is_late": True}), 1, stop)
    _let_it_come()
    wait_for(lambda: log[-1] == "closed")


def test_no_message_shows_a_variable_s_value(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "open sesame")
    with pytest.raises(ClusterUnavailable, match="did not start") as failed:
        started(_spec(kwargs={"password": "${QUEUE_PASSWORD}"}), 1, _nobody_stops)
    assert "login failed for ${QUEUE_PASSWORD}" in failed.value.what
    assert "sesame" not in failed.value.render()
    monkeypatch.delenv("QUEUE_PASSWORD")
    with pytest.raises(ConfigInvalid, match="QUEUE_PASSWORD is not set"):
        started(_spec(kwargs={"password": "${QUEUE_PASSWORD}"}), 1, _nobody_stops)


def test_a_variable_within_a_text_is_not_shown_alone_nor_when_closing_fails(
    log: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "open sesame")
    with pytest.raises(ClusterUnavailable, match=r"login failed for \$\{QUEUE_PASSWORD\}") as failed:
        started(_spec(kwargs={"password": "ana:${QUEUE_PASSWORD}"}), 1, _nobody_stops)
    assert "sesame" not in failed.value.render()
    started(_spec(kwargs={"password": "good:${QUEUE_PASSWORD}"}), 1, _nobody_stops).close(timeout=1)
    assert "cannot log out with good:${QUEUE_PASSWORD}" in caplog.text
    assert "sesame" not in caplog.text


def test_kwargs_that_the_class_does_not_take_are_a_mistake_of_the_job_file(log: list[str]) -> None:
    with pytest.raises(ConfigInvalid, match=r"does not take these kwargs: .*'cores'"):
        started(_spec(kwargs={"cores": 4}), 1, _nobody_stops)


def test_one_that_does_not_close_is_left_after_a_while(
    log: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(starting, "_CLOSE_S", 0.1)
    cluster: StartedCluster = started(_spec(kwargs={"close_s": 600}), 1, _nobody_stops)
    cluster.close(timeout=1)
    assert "dask-cluster" in {thread.name for thread in threading.enumerate()}  # it closes still
    assert "has not closed within" in caplog.text


_LOCAL = {"class": "distributed.LocalCluster", "kwargs": {"threads_per_worker": 1, "dashboard_address": ":0"}}


def test_any_class_scores_the_same_and_its_variables_are_nowhere(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch, shared_judge: None
) -> None:
    monkeypatch.setenv("OUR_ACCOUNT", "open-sesame")
    kwargs = {**_LOCAL["kwargs"], "processes": False, "name": "${OUR_ACCOUNT}"}  # type: ignore[dict-item]
    project = make_project(2, compute={"workers": 2, "cluster": {**_LOCAL, "kwargs": kwargs}})
    result = project.cli("run", "taxi_tips")
    assert (result.code, result.stderr) == (0, "")
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    shown = [
        project.cli("validate-config", "taxi_tips", "--resolved").stdout,
        project.cli("show", run_id, "--config").stdout,
        project.cli("plan", "taxi_tips", "--explain", "--reprocess", "all").stdout,
    ]
    assert "${OUR_ACCOUNT}" in shown[0]
    stored = [path.read_bytes() for path in project.state.rglob("*") if path.is_file()]
    assert not any("open-sesame" in text for text in shown)
    assert not any(b"open-sesame" in content for content in stored)
    scores = [project.published(index).score for index in range(2)]
    taxi.write_job(project.root, taxi.job_document(compute={"cluster": "inline"}))
    assert "2 SKIP" in project.cli("plan", "taxi_tips").stdout or project.cli("plan", "taxi_tips").code == 0
    assert (
        project.cli("run", "taxi_tips", "--json").lines[-1]["n_published"] == 0
    )  # another cluster, nothing stale
    assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    for index, expected in enumerate(scores):
        assert project.published(index).score.equals(expected)


def test_a_cluster_that_was_started_is_gone_after_sigterm(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(20, compute={"chunk": "1KB", "workers": 2, "cluster": _LOCAL})
    process = start(project, "stop:attempt-recorded:1", "run", "taxi_tips")
    wait_until_stopped(process.pid)
    ours = psutil.Process(process.pid).children(recursive=True)
    assert len(ours) >= 2
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=WAIT_S)
    assert process.returncode == 143, stderr
    assert "Traceback" not in stderr
    _, alive = psutil.wait_procs(ours, timeout=WAIT_S)
    assert not alive


def test_doctor_imports_the_class_and_starts_nothing(
    make_project: Callable[..., TaxiProject], log: list[str]
) -> None:
    project = make_project(1, compute={"workers": 2, "cluster": {"class": "odd_clusters.OddCluster"}})
    assert "can be imported; a run starts it with 2 workers" in project.cli("doctor", "taxi_tips").stdout
    assert log == []
