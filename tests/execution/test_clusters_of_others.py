"""Workers that are not ours, in processes of their own: looked at, trusted, lost, slow and late."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import joblib
import pandas as pd
import pytest
from distributed import Client

from tests import taxi
from tests.conftest import TaxiProject
from tests.dask_processes import DaskProcesses
from tests.patience import WAIT_S, wait_for

pytestmark = pytest.mark.usefixtures("shared_judge")

MakeSlow = Callable[..., TaxiProject]

# Tells which process scored how many rows with which code, and takes its time.
_MODEL = """
    import os
    import time
    from contextlib import suppress
    from pathlib import Path

    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin


    class Slow(ClassifierMixin, BaseEstimator):
        def fit(self, frame, target):
            self.classes_ = np.array([0, 1])
            self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
            self.n_features_in_ = frame.shape[1]
            return self

        def predict_proba(self, frame):
            time.sleep(self.pause_s)
            while self._is_to_wait():
                Path(f"{self.trace}.waits.{os.getpid()}").touch()
                time.sleep(0.02)
            with open(self.trace, "a") as trace:
                trace.write(f"{os.getpid()} {len(frame)} {__file__}\\n")
            fare = frame["fare"].to_numpy()
            return np.column_stack([1 - fare / 1000, fare / 1000])

        def _is_to_wait(self):
            names = f"{self.trace}.wait", f"{self.trace}.wait.{os.getpid()}"
            return any(map(os.path.exists, names)) or self._is_held()

        def _is_held(self):
            # Once so many partitions are published, if there is a file that says how many.
            with suppress(OSError):
                return len(os.listdir(self.published)) >= int(Path(self.trace + ".hold").read_text())
"""


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """A scheduler and four workers, two of which have two threads. A test that takes one brings another."""
    started = DaskProcesses(tmp_path_factory.mktemp("dask"))
    try:
        for n_threads in ("1", "1", "2", "2"):
            started.add_worker("--nthreads", n_threads)
        started.wait_for_workers(4)
        yield started
    finally:
        started.close()


@pytest.fixture
def make_slow(make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch) -> MakeSlow:
    """`make_slow(n_days, pause_s=…)`: a model with code of its own, two chunks a day."""

    def make(n_days: int, *, pause_s: float = 0.0) -> TaxiProject:
        project = make_project(n_days, code=["src"], compute={"chunk": "1KB"})
        module = f"slow_{uuid.uuid4().hex[:12]}"  # workers outlive the test, and import a name once
        (project.root / "src").mkdir()
        (project.root / "src" / f"{module}.py").write_text(textwrap.dedent(_MODEL))
        monkeypatch.syspath_prepend(str(project.root / "src"))
        frame = taxi.rides(50)
        model = __import__(module).Slow().fit(frame[taxi.FEATURES], frame.tips > 0)
        model.pause_s, model.trace = 0.0, str(project.root / "trace")
        model.published = str(project.predictions)
        frame.to_parquet(project.root / "training.parquet")
        model.pause_s = pause_s
        joblib.dump(model, project.root / "slow.joblib")
        registered = project.cli(
            "models", "register", str(project.root / "slow.joblib"), "--name", "taxi_tips",
            "--reference", str(project.root / "training.parquet"), "--allow-pickle", "--alias", "champion",
        )  # fmt: skip
        assert registered.code == 0, registered.stderr
        (project.root / "trace").unlink()
        return project

    return make


def _trace(project: TaxiProject) -> list[tuple[int, int, str]]:
    """(process, rows, file of the code) of each prediction so far."""
    path = project.root / "trace"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(pid), int(n_rows), file) for pid, n_rows, file in (line.split() for line in lines)]


def _log(project: TaxiProject) -> str:
    """What runs have logged so far."""
    return "".join(path.read_text() for path in (project.state / "logs").rglob("*.jsonl"))


def _start(project: TaxiProject, address: str, *, program: str = "") -> subprocess.Popen[str]:
    """program: run first, in the driver's process."""
    command = f"{program}\nimport sys\nfrom batch_scorer.cli.main import main\nsys.exit(main())"
    arguments = ["-p", str(project.root), "run", "taxi_tips", "--cluster", address, "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _assert_whole(project: TaxiProject, index: int) -> None:
    """Every ride once, with the score of an oracle that knows nothing of us."""
    rides = pd.read_parquet(project.day(index), partitioning=None).set_index("ride_id")
    published = project.published(index).set_index("ride_id")
    assert published.index.is_unique
    assert sorted(published.index) == sorted(rides.index)
    assert published.score.equals((rides.fare / 1000).reindex(published.index).rename("score"))


def _has_more_than(project: TaxiProject, n_files: int) -> bool:
    return len(project.snapshot()) > n_files


def _hold_after(project: TaxiProject, n_published: int) -> None:
    """Chunks stay in the middle of their rows, once so many partitions are published."""
    told = project.root / "told"
    told.write_text(str(n_published))
    told.replace(project.root / "trace.hold")


def _scores(project: TaxiProject) -> dict[str, bytes]:
    frames = {
        path.name: taxi.read_published(path).sort_values("ride_id") for path in project.predictions.iterdir()
    }
    return {name: frame[["ride_id", "score", "big_tip"]].to_csv().encode() for name, frame in frames.items()}


# What every worker must have


@pytest.mark.parametrize("model", ["linear", pytest.param("boosted", marks=pytest.mark.long)])
def test_four_workers_with_one_and_two_threads_publish_the_same_bytes_of_scores_as_this_process(
    make_project: Callable[..., TaxiProject], dask: DaskProcesses, model: str
) -> None:
    project = make_project(3, model=model, compute={"chunk": "1KB"})
    assert project.cli("run", "taxi_tips", "--cluster", "inline").code == 0
    expected = _scores(project)
    result = project.cli("run", "taxi_tips", "--cluster", dask.address, "--reprocess", "all")
    assert (result.code, result.stderr) == (0, "")
    assert _scores(project) == expected
    assert not (project.state / "meetings").exists()  # nothing of the looking stays


def test_the_job_s_own_code_is_brought_to_workers_that_do_not_have_it(
    make_slow: MakeSlow, dask: DaskProcesses
) -> None:
    project = make_slow(3)
    result = project.cli("run", "taxi_tips", "--cluster", dask.address)
    assert result.code == 0, result.stderr
    for index in range(3):
        _assert_whole(project, index)
    scored_by = {file for pid, _, file in _trace(project) if pid != os.getpid()}
    assert scored_by
    assert all(file.startswith(str(dask.directory)) for file in scored_by)


def test_a_worker_that_has_imported_the_code_as_it_was_before_is_not_trusted_with_the_new(
    make_slow: MakeSlow, dask: DaskProcesses
) -> None:
    project = make_slow(2)
    assert project.cli("run", "taxi_tips", "--cluster", dask.address).code == 0
    (code,) = (project.root / "src").glob("slow_*.py")
    code.write_text(code.read_text() + "\nVERSION = 2\n")
    before = project.snapshot()
    result = project.cli("run", "taxi_tips", "--cluster", dask.address, "--reprocess", "all")
    assert result.code == 78
    assert f'imported another "{code.stem}"' in result.stderr
    assert "127.0.0.1" in result.stderr
    assert project.snapshot() == before


@pytest.fixture
def odd_workers(dask: DaskProcesses, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """`odd_workers(…)` adds one as `add_worker` does; all are gone again at the end."""
    odd: list[subprocess.Popen[bytes]] = []

    def add(*options: str, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> None:
        odd.append(dask.add_worker(*options, env=env, prefix=prefix))
        dask.wait_for_workers(4 + len(odd))

    yield add
    for process in odd:
        process.kill()
        process.wait()
        dask.workers.remove(process)
    dask.wait_for_workers(4)


_WITHOUT_US = """
    import importlib.metadata
    import sys

    _version = importlib.metadata.version


    def version(name):
        if name == "batch-scorer":
            raise importlib.metadata.PackageNotFoundError(name)
        return _version(name)


    importlib.metadata.version = version
    sys.modules["batch_scorer"] = None
"""


def test_other_versions_and_a_worker_without_us_are_told_all_at_once_before_anything_is_scored(
    project: TaxiProject, dask: DaskProcesses, odd_workers: Callable[..., None], tmp_path: Path
) -> None:
    other = tmp_path / "other/scikit_learn-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 0.0.1\n")
    (tmp_path / "without").mkdir()
    (tmp_path / "without/sitecustomize.py").write_text(textwrap.dedent(_WITHOUT_US))
    odd_workers(env={"PYTHONPATH": f"{other.parent}{os.pathsep}{Path(__file__).parents[2]}"})
    odd_workers(env={"PYTHONPATH": str(tmp_path / "without")})
    result = project.cli("run", "taxi_tips", "--cluster", dask.address)
    assert result.code == 78
    assert "2 of 6 workers cannot score this job" in result.stderr
    assert "scikit-learn 0.0.1, here 1." in result.stderr
    assert "batch-scorer is missing, here" in result.stderr
    assert "same versions and same paths" in result.stderr
    assert not list(project.predictions.rglob("*.parquet"))


def _on_another_disk(path: Path) -> tuple[str, ...]:
    """A command that runs another where something else is mounted at path. Skips where nobody may mount."""
    command = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs "{path}" && exec "$@"', "sh")
    path.mkdir(parents=True, exist_ok=True)
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may give a process file systems of its own here")
    return command


def test_a_worker_that_sees_other_disks_is_named_with_each_path(
    project: TaxiProject, dask: DaskProcesses, odd_workers: Callable[..., None]
) -> None:
    places = {
        "data/state": "what the driver writes is not there, so it is another disk",
        "data/lake/rides": "a file of the input cannot be read",
        "data/models": "the manifest of taxi_tips@1 cannot be read",
    }
    odd_workers(prefix=tuple(word for place in places for word in _on_another_disk(project.root / place)))
    result = project.cli("run", "taxi_tips", "--cluster", dask.address)
    assert result.code == 78
    assert "1 of 5 workers cannot score this job" in result.stderr
    lines = result.stderr.splitlines()
    for place, says in places.items():
        (line,) = (line for line in lines if says in line)
        assert str(project.root / place) in line
        assert "(127.0.0.1)" in line


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Dask's settings for one certificate that everybody has, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scoring")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (tmp_path / "cert.pem").write_bytes(signed.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    settings = {"CA_FILE": "cert.pem"}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{who}__CERT": "cert.pem", f"{who}__KEY": "key.pem"}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(tmp_path / file) for name, file in settings.items()}


def test_a_scheduler_behind_tls_is_reached_with_a_certificate_and_not_without(
    project: TaxiProject, tmp_path: Path, certificate: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = DaskProcesses(tmp_path / "tls", "--protocol", "tls", env=certificate)
    try:
        assert own.address.startswith("tls://")
        own.add_worker("--nthreads", "1")
        without = project.cli("run", "taxi_tips", "--cluster", own.address)
        assert without.code == 69
        assert "there is no certificate to reach tls://" in without.stderr
        for name, value in certificate.items():
            monkeypatch.setenv(name, value)
        result = project.shell("run", "taxi_tips", "--cluster", own.address)
        assert (result.code, result.stderr) == (0, "")
    finally:
        own.close()


def test_a_plan_and_a_dry_run_ask_no_cluster(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1, compute={"cluster": "tcp://127.0.0.1:9"})
    assert project.cli("plan", "taxi_tips").code == 0
    assert project.cli("run", "taxi_tips", "--dry-run").code == 0
    assert project.cli("run", "taxi_tips").code == 69


def test_doctor_has_every_worker_look(
    make_project: Callable[..., TaxiProject], dask: DaskProcesses, odd_workers: Callable[..., None]
) -> None:
    project = make_project(1, compute={"cluster": dask.address})
    well = project.cli("doctor", "taxi_tips")
    assert well.code == 0, well.stdout
    assert "4 workers have the same versions and see the same disks" in well.stdout
    odd_workers(prefix=_on_another_disk(project.root / "data/models"))
    ill = project.cli("doctor", "taxi_tips")
    assert ill.code == 78
    assert "the manifest of taxi_tips@1 cannot be read" in ill.stdout


# Workers that come and go

_HASTY = """
from batch_scorer.execution.clusters import watch
from batch_scorer.execution.clusters.remote import enlisting, fleet
fleet.HEARING = fleet.Hearing(quiet_s=1.5, silent_s=4.0)
enlisting.PATIENCE = watch.Patience(no_workers_s=6.0, look_s=0.3)
"""


def test_a_run_outlives_a_worker_that_is_killed_and_one_that_stops_and_uses_one_that_joins(
    make_slow: MakeSlow, dask: DaskProcesses
) -> None:
    # A chunk goes to none that comes after it was sent: so many that some are left for late while all others
    # are held. And each so long that it takes no others along.
    n_days = 40
    project = make_slow(n_days, pause_s=0.5)
    elsewhere = _on_another_disk(project.state)
    first, second, *_ = dask.workers
    _hold_after(project, 10)  # the run must not be over before all this has happened
    process = _start(project, dask.address, program=_HASTY)
    try:
        wait_for(lambda: {first.pid, second.pid} <= {pid for pid, _, _ in _trace(project)})
        (project.root / "trace.wait").touch()
        waits = [project.root / f"trace.waits.{each.pid}" for each in (first, second)]
        wait_for(lambda: all(each.exists() for each in waits))  # they are in the middle of a chunk
        first.kill()
        first.wait()
        second.send_signal(signal.SIGSTOP)
        dask.workers.remove(first)
        late, odd = dask.add_worker("--nthreads", "1"), dask.add_worker(prefix=elsewhere)
        wait_for(lambda: "gets no work: what the driver writes is not there" in _log(project))
        (project.root / "trace.wait").unlink()
        wait_for((project.root / f"trace.waits.{late.pid}").exists)
        (project.root / "trace.hold").unlink()
        stdout, stderr = process.communicate(timeout=WAIT_S)
    finally:
        second.send_signal(signal.SIGCONT)
        process.kill()
    assert process.returncode == 0, stderr + stdout
    assert json.loads(stdout.splitlines()[-1])["n_published"] == n_days
    scored_by = {pid for pid, _, _ in _trace(project)}
    assert (late.pid in scored_by, odd.pid in scored_by) == (True, False)
    assert "the worker went silent while it had this chunk" in stderr
    before = project.snapshot()
    wait_for(lambda: _trace(project)[-1][0] == second.pid)  # what it had is finished after all
    assert project.snapshot() == before
    for index in range(n_days):
        _assert_whole(project, index)
    assert project.cli("verify", "taxi_tips", "--deep").code == 0
    odd.kill()
    odd.wait()
    dask.workers.remove(odd)
    dask.wait_for_workers(4)


_IMPATIENT = """
from batch_scorer.execution.clusters import pace
pace.LATENESS = pace.Lateness(least_s=2.0)
"""


def test_what_a_slow_worker_has_runs_on_another_as_well_and_counts_once(
    make_slow: MakeSlow, dask: DaskProcesses
) -> None:
    project = make_slow(8)
    slow = dask.workers[0]  # it has a heartbeat, and does nothing else
    stuck = project.root / f"trace.wait.{slow.pid}"
    stuck.touch()
    process = _start(project, dask.address, program=_IMPATIENT)
    try:
        stdout, stderr = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, stderr + stdout
        assert json.loads(stdout.splitlines()[-1])["n_published"] == 8
        assert "is late: it runs on tcp://" in _log(project)
        assert "ran on a second worker as well" in project.cli("show", "last").stdout
        before = project.snapshot()
        assert slow.pid not in {pid for pid, _, _ in _trace(project)}
    finally:
        process.kill()
        stuck.unlink()
    with Client(dask.address, timeout=WAIT_S, set_as_default=False) as client:
        wait_for(lambda: slow.pid in {pid for pid, _, _ in _trace(project)})
        wait_for(lambda: not any(client.processing().values()))  # what it had is finished after all
    assert project.snapshot() == before
    for index in range(8):
        _assert_whole(project, index)
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_run_that_loses_its_workers_or_its_scheduler_is_exit_69_and_the_next_one_does_the_rest(
    make_slow: MakeSlow, tmp_path: Path
) -> None:
    project = make_slow(14, pause_s=0.3)
    own = DaskProcesses(tmp_path / "own")
    try:
        for lost in ("workers", "scheduler"):
            for _ in range(2):
                own.add_worker("--nthreads", "1")
            own.wait_for_workers(2)
            n_before = len(project.snapshot())
            _hold_after(project, len({Path(name).parent for name in project.snapshot()}) + 2)
            process = _start(project, own.address, program=_HASTY)
            wait_for(partial(_has_more_than, project, n_before))
            for each in own.workers if lost == "workers" else [own.scheduler]:
                each.kill()
            stdout, stderr = process.communicate(timeout=WAIT_S)
            assert process.returncode == 69, stderr
            assert "Traceback" not in stderr
            summary = json.loads(stdout.splitlines()[-1])
            assert summary["error"]["error"] == "ClusterUnavailable"
            assert ("no worker answered for 6 s" in summary["error"]["what"]) is (lost == "workers")
            assert (0 < summary["n_published"] < 14, summary["n_failed"]) == (True, 0)
    finally:
        own.close()
    (project.root / "trace.hold").unlink()
    first = project.snapshot()
    resumed = project.cli("run", "taxi_tips", "--cluster", "inline", "--json")
    assert resumed.code == 0, resumed.stderr
    assert resumed.lines[-1]["n_published"] == 14 - len({Path(name).parent for name in first})
    assert {name: project.snapshot()[name] for name in first} == first  # nothing scored twice
    for index in range(14):
        _assert_whole(project, index)
