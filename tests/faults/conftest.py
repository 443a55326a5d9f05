"""Runs that break off where they are told to, and a lake that knows what must have come of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import taxi
from tests.conftest import TaxiProject
from tests.faults.lake import Lake

BUILD = Path(__file__).parent / "warm"
TALLY: Counter[str] = Counter()
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def environment(faults: str) -> Mapping[str, str]:
    """With the test build on the path, and what it is told to do."""
    path = os.pathsep.join(filter(None, [str(BUILD), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "BATCH_SCORER_FAULTS": faults}


def start(project: TaxiProject, faults: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own, not forked from the warm one."""
    command = [sys.executable, "-m", "batch_scorer", "-p", str(project.root), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(faults)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A driver that was forked. code: minus the signal, where one killed it."""

    server: Drivers
    pid: int
    out: Path
    err: Path

    def wait(self) -> taxi.Result:
        code = int(self.server.ask({"wait": self.pid})["status"])
        return taxi.Result(code, self.out.read_text(), self.err.read_text())


class Drivers:
    """Starts commands from a process that has everything imported."""

    def __init__(self, scratch: Path, **env: str) -> None:
        self._scratch = scratch
        self._n_started = 0
        self._lock = threading.Lock()
        self._server = subprocess.Popen(
            [sys.executable, str(BUILD / "driver_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # No library of numbers may start threads before a fork.
            env={**environment(""), **dict.fromkeys(_THREADS, "1"), **env},
        )

    def start(
        self, root: Path, *arguments: str, faults: str = "", env: Mapping[str, str] | None = None
    ) -> Run:
        with self._lock:
            self._n_started += 1
            out, err = (self._scratch / f"{self._n_started}.{kind}" for kind in ("out", "err"))
        for file in (out, err):
            file.touch()  # it may be killed before it can
        request = {
            "argv": ["-p", str(root), *arguments],
            "env": {"BATCH_SCORER_FAULTS": faults, **(env or {})},
            "out": str(out),
            "err": str(err),
        }
        return Run(server=self, pid=self.ask(request)["pid"], out=out, err=err)

    def run(self, root: Path, *arguments: str, faults: str = "") -> taxi.Result:
        result = self.start(root, *arguments, faults=faults).wait()
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with self._lock:
            print(json.dumps(request), file=self._server.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def close(self) -> None:
        self._server.communicate()


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    found = Drivers(tmp_path_factory.mktemp("drivers"))
    yield found
    found.close()


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory,
    drivers: Drivers,
    model_files: Callable[[str], tuple[Path, Path]],
) -> Callable[[str], Path]:
    """A project of two days and a registered model for each output format, made once."""
    made: dict[str, Path] = {}

    def template(format: str) -> Path:
        if format not in made:
            root = tmp_path_factory.mktemp(f"template-{format}")
            artefact, training = model_files("linear")
            lake = Lake(root, drivers)
            lake.write_job(output={"format": format, "keep_generations": 0})
            registered = drivers.run(
                root, "models", "register", str(artefact), "--name", "taxi_tips",
                "--reference", str(training), "--allow-pickle", "--alias", "champion",
            )  # fmt: skip
            assert registered.code == 0, registered.stderr
            made[format] = root
        return made[format]

    return template


@pytest.fixture
def make_lake(tmp_path: Path, drivers: Drivers, templates: Callable[[str], Path]) -> Callable[..., Lake]:
    """`make_lake(n_days, format="parquet", **changes to the job)`: a project of its own."""

    def make(n_days: int = 2, *, format: str = "parquet", **changes: Any) -> Lake:
        root = tmp_path / "project"
        shutil.copytree(templates(format), root)
        lake = Lake(root, drivers)
        output = {"format": format, "keep_generations": 0, **changes.pop("output", {})}
        lake.write_job(output=output, **changes)
        for index in range(n_days):
            lake.write_day(index)
        return lake

    return make


@pytest.fixture(scope="session")
def published(
    tmp_path_factory: pytest.TempPathFactory, drivers: Drivers, templates: Callable[[str], Path]
) -> Callable[[str], Path]:
    """A project whose two days are published, for each output format, made once."""
    made: dict[str, Path] = {}

    def root_of(format: str) -> Path:
        if format not in made:
            root = tmp_path_factory.mktemp(f"published-{format}") / "project"
            shutil.copytree(templates(format), root)
            lake = Lake(root, drivers)
            for index in range(2):
                lake.write_day(index)
            assert lake.run().code == 0
            made[format] = root
        return made[format]

    return root_of


@pytest.fixture
def make_replacing(tmp_path: Path, drivers: Drivers, published: Callable[[str], Path]) -> Callable[..., Lake]:
    """`make_replacing(format="parquet")`: two days are published, and have arrived in another version."""

    def make(format: str = "parquet") -> Lake:
        shutil.copytree(published(format), tmp_path / "project")
        lake = Lake(tmp_path / "project", drivers)
        lake.versions = {0: [0], 1: [0]}
        for index in lake.versions:
            lake.write_day(index, 1)
        return lake

    return make


@pytest.fixture
def replacing(make_replacing: Callable[..., Lake]) -> Lake:
    return make_replacing()


@pytest.fixture
def lake(make_lake: Callable[..., Lake]) -> Lake:
    return make_lake()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of two processes that share the tests, each hands its figures to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["faults"] = dict(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    TALLY.update(node.workeroutput.get("faults", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures that docs/guarantees.md quotes."""
    if TALLY:
        terminalreporter.write_sep("-", "faults")
        for name, n in sorted(TALLY.items()):
            terminalreporter.write_line(f"{name}: {n:,}")
