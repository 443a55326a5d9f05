"""A whole project in a temporary directory, driven as from a shell."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from batch_scorer.cli.main import run
from batch_scorer.validation.gx import process as gx_process
from batch_scorer.validation.gx.process import GxProcess
from tests import taxi
from tests.objectstore.fixtures import bucket, s3_url  # noqa: F401 (fixtures)
from tests.ports import refusing_port
from tests.postgresql import NoServer, Server, postgresql

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell has what it starts in the background ignore Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no mistake of ours: without deadlines. scripts/test --long looks for what nobody thought
# of: more examples, and others each time. Else they are the same each time, or a change might be refused for
# what chance finds in something else.
settings.register_profile(
    "short",
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "long", deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("short")


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """(joblib file, training Parquet) of one of the three models, fitted once a session."""
    directory = tmp_path_factory.mktemp("models")
    training = directory / "training.parquet"
    taxi.rides(3_000, seed=99).to_parquet(training)

    def files(name: str) -> tuple[Path, Path]:
        path = directory / f"{name}.joblib"
        if not path.exists():
            joblib.dump(taxi.fitted(name), path)
        return path, training

    return files


@pytest.fixture(scope="session")
def registries(
    tmp_path_factory: pytest.TempPathFactory, model_files: Callable[[str], tuple[Path, Path]]
) -> Mapping[str, Path]:
    """For each of the three models a registry of which it is the champion, to be copied.

    All at once, before any test has changed what registering depends on.
    """
    return {name: _registry(tmp_path_factory.mktemp(name), *model_files(name)) for name in taxi.estimators()}


def _registry(root: Path, artefact: Path, training: Path) -> Path:
    taxi.write_job(root, taxi.job_document())
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told):
        code = run(
            [
                "-p", str(root), "models", "register", str(artefact), "--name", "taxi_tips",
                "--reference", str(training), "--allow-pickle", "--alias", "champion",
            ]
        )  # fmt: skip
    _forget_log()
    assert code == 0, told.getvalue()
    return root / "data" / "models"


def _forget_log() -> None:
    """It writes to an stderr that will be closed."""
    logging.getLogger().handlers = [
        handler for handler in logging.getLogger().handlers if handler.name != "batch_scorer"
    ]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """One for the whole session; a test makes a database of its own."""
    try:
        with postgresql() as server:
            yield server
    except NoServer as why:
        pytest.skip(str(why))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Where a connection is refused, as long as the test lasts."""
    with refusing_port() as port:
        yield port


@pytest.fixture
def database_url(postgresql_server: Server) -> Iterator[str]:
    """An empty database on the server, for one test."""
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    yield postgresql_server.create(name)
    postgresql_server.sql(f"DROP DATABASE {name} WITH (FORCE)")


_HERE = Path(__file__).parent
_ORDER = (
    "core", "config", "planning",  # who broke something small should not wait for the clusters
    # What takes a minute or more in one process: beside the others, not after them.
    "month", "readme", "matrix", "life", "mlflow", "execution/test_worker_deaths.py",
    "execution/test_clusters_of_others.py", "execution/test_cluster_classes.py", "execution/test_recovery.py",
    "lake", "ledger", "models", "validation", "ops", "cli", "execution", "objectstore", "stores", "scripts",
    "faults",  # each by itself: so all processes end together
)  # fmt: skip
_PLACES = {_HERE / name: place for place, name in enumerate(_ORDER)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.path))


class _FilesAndFaults(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests stay together, as their fixtures are for all of them; those of faults need not."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file.startswith("tests/faults/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _FilesAndFaults(config, log) if config.getvalue("dist") == "loadfile" else None


def _place(path: Path) -> int:
    return next((_PLACES[each] for each in (path, *path.parents) if each in _PLACES), len(_PLACES))


def _checked(result: taxi.Result, arguments: Sequence[str]) -> taxi.Result:
    """With --json the last line says how it ended, and all are as the published schema says."""
    if "--json" in arguments and "--help" not in arguments:
        last = result.lines[-1]
        assert (last["message_type"] in ("summary", "error"), last["exit_code"]) == (True, result.code)
    return result


class TaxiProject:
    """root: with jobs/ and data/; `cli` runs one command in this process, as from `root`."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self._capsys = capsys

    @property
    def lake(self) -> Path:
        return self.root / "data" / "lake" / "rides"

    @property
    def predictions(self) -> Path:
        return self.root / "data" / "predictions" / "taxi_tips"

    @property
    def state(self) -> Path:
        return self.root / "data" / "state"

    def cli(self, *arguments: str) -> taxi.Result:
        self._capsys.readouterr()
        code = run(["-p", str(self.root), *arguments])
        captured = self._capsys.readouterr()
        _forget_log()
        assert "Traceback" not in captured.err
        return _checked(taxi.Result(code, captured.out, captured.err), arguments)

    def captured(self) -> tuple[str, str]:
        """(stdout, stderr) of a command that left by SystemExit."""
        return self._capsys.readouterr()

    def shell(self, *arguments: str) -> taxi.Result:
        """The same in a process of its own, which lets go of everything when it ends."""
        command = [sys.executable, "-m", "batch_scorer", "-p", str(self.root), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return _checked(taxi.Result(done.returncode, done.stdout, done.stderr), arguments)

    def add_day(self, index: int, n_rows: int = 600, **changes: Any) -> pd.DataFrame:
        """Day `index` of January 2024 with rides of its own; changes replace whole columns."""
        frame = taxi.rides(n_rows, seed=index, first_id=index * 1_000_000).assign(**changes)
        taxi.write_day(self.lake, taxi.days(index + 1)[index], frame)
        return frame

    def day(self, index: int) -> Path:
        return self.lake / f"ride_date={taxi.days(index + 1)[index]}"

    def published(self, index: int) -> pd.DataFrame:
        return taxi.read_published(self.predictions / self.day(index).name)

    def snapshot(self) -> dict[str, bytes]:
        """Every byte that readers can see."""
        return {
            str(path.relative_to(self.predictions)): path.read_bytes()
            for path in sorted(self.predictions.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def small_batches_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days of a test have few rows, and go where large batches go."""
    monkeypatch.setattr("batch_scorer.models.scoring.scorer.FEWEST_ROWS", 1)


@pytest.fixture
def row_groups_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of a test have few rows, and are batches of their own as large ones are; in this process."""
    monkeypatch.setattr("batch_scorer.core.batches.JOINED_BYTES", 0)


@pytest.fixture
def make_project(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    registries: Mapping[str, Path],
    small_batches_compiled: None,
) -> Callable[..., TaxiProject]:
    """`make_project(n_days, model="linear", **changes to the job)`: a lake, a registered champion, a job."""

    def make(n_days: int = 2, *, model: str = "linear", **changes: Any) -> TaxiProject:
        project = TaxiProject(tmp_path / "project", capsys)
        project.lake.mkdir(parents=True)
        for index in range(n_days):
            project.add_day(index)
        taxi.write_job(project.root, taxi.job_document(**changes))
        shutil.copytree(registries[model], project.root / "data" / "models")
        return project

    return make


@pytest.fixture
def project(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    """Two days, a linear model, no suites."""
    return make_project(2)


@pytest.fixture(scope="session")
def _judge() -> Iterator[GxProcess]:
    with GxProcess(max_bytes=4 << 30) as process:
        yield process


class _Shared:
    """What a run is given for a GX process of its own: its start takes longer than all the rest of a run."""

    def __init__(self, judge: GxProcess) -> None:
        self.submit, self.result = judge.submit, judge.result

    def __enter__(self) -> _Shared:
        return self

    def __exit__(self, *_: object) -> None:
        """The others need it still."""


@pytest.fixture
def shared_judge(_judge: GxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx_process, "GxProcess", lambda **_: _Shared(_judge))
