"""Workers begin to start before they are known to be needed, and nothing heavy is imported before it is."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batch_scorer.config import load
from batch_scorer.config.extends import read_extended
from batch_scorer.config.load import load_job
from batch_scorer.config.project import Project
from batch_scorer.core.chunks import ChunkTask
from batch_scorer.core.errors import ClusterUnavailable, Interrupted, OutputUnwritable
from batch_scorer.execution import settle
from batch_scorer.execution.clusters.local import head_start, workers
from batch_scorer.execution.clusters.protocol import Done
from batch_scorer.execution.clusters.starting import StartingCluster
from batch_scorer.lake.storage.state_files import StateOnDisk
from tests.conftest import TaxiProject
from tests.patience import WAIT_S

_HEAVY = ("pandas", "pyarrow", "numpy", "sklearn", "dask", "distributed", "skops", "great_expectations")


class _Cluster:
    """Gives back what it was given, in order."""

    slots = 2

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.closed = False

    def submit(self, task: ChunkTask) -> None:
        self.taken.append(task)

    def next_done(self, timeout_s: float) -> Done | None:
        return Done(task=self.taken.pop(0)) if self.taken else None

    def close(self) -> None:
        self.closed = True


def _imported(program: str) -> set[str]:
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_tasks_that_come_before_the_cluster_go_out_in_their_order_when_it_is_there() -> None:
    real, may_start = _Cluster(), threading.Event()

    def start() -> _Cluster:
        may_start.wait(WAIT_S)
        return real

    starting = StartingCluster(start, slots=2)
    tasks: list[Any] = ["first", "second", "third"]
    starting.submit(tasks[0])
    assert starting.next_done(0.01) is None
    starting.submit(tasks[1])
    may_start.set()
    first = starting.next_done(WAIT_S)
    starting.submit(tasks[2])
    rest = [starting.next_done(WAIT_S), starting.next_done(WAIT_S)]
    assert [done.task for done in (first, *rest) if done is not None] == tasks
    starting.close()
    assert real.closed


@pytest.mark.parametrize(("stopped", "expected"), [(False, ClusterUnavailable), (True, Interrupted)])
def test_a_cluster_that_does_not_start_is_told_of_unless_the_run_is_to_end(
    stopped: bool, expected: type[Exception]
) -> None:
    def start() -> _Cluster:
        raise ClusterUnavailable("no memory")

    def check_stop() -> None:
        if stopped:
            raise Interrupted("stopped by Ctrl-C")

    starting = StartingCluster(start, slots=2, check_stop=check_stop)
    task: Any = "first"
    with suppress(expected):  # it may be known already
        starting.submit(task)
    with pytest.raises(expected):
        starting.next_done(WAIT_S)
    starting.close()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(head_start, "has_begun", lambda: True)
    monkeypatch.setattr(head_start, "stop_fork_server", lambda: found.append("ended"))
    return found


def _goes_on(project: TaxiProject, ended: list[str], cluster: str | None = None) -> bool:
    job = load_job(Project(root=project.root), "taxi_tips", env={}).job
    ended.clear()
    head_start.end_unless_needed(Project(root=project.root), job, cluster)
    return not ended


def test_for_a_small_table_one_that_is_not_there_and_a_cluster_elsewhere_it_does_not_go_on(
    project: TaxiProject, ended: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not _goes_on(project, ended)
    monkeypatch.setattr(head_start, "_LEAST_BYTES", 0)
    monkeypatch.setattr(head_start, "bytes_without_predictions", lambda *_: 1 << 40)
    for cluster in ("inline", "tcp://127.0.0.1:8786"):
        assert not _goes_on(project, ended, cluster)
    assert _goes_on(project, ended)
    assert _goes_on(project, ended, "local")
    monkeypatch.undo()
    monkeypatch.setattr(head_start, "has_begun", lambda: True)
    monkeypatch.setattr(head_start, "stop_fork_server", lambda: ended.append("ended"))
    project.lake.rename(project.root / "elsewhere")
    assert not _goes_on(project, ended)


def test_a_table_is_not_looked_at_where_nothing_has_begun(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []

    def look(*given: object) -> int:
        looks.append(given)
        return 0

    monkeypatch.setattr(head_start, "bytes_without_predictions", look)
    job = load_job(Project(root=project.root), "taxi_tips", env={}).job
    head_start.end_unless_needed(Project(root=project.root), job, None)
    assert looks == []
    monkeypatch.setattr(head_start, "has_begun", lambda: True)
    head_start.end_unless_needed(Project(root=project.root), job, None)
    assert len(looks) == 1


def test_a_run_reads_its_job_file_once(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1)
    reads: list[object] = []

    def reading(*given: Any) -> Any:
        reads.append(given)
        return read_extended(*given)

    monkeypatch.setattr(load, "read_extended", reading)
    assert project.cli("run", "taxi_tips").code == 0
    assert len(reads) == 1


def test_what_is_due_is_guessed_from_what_has_no_predictions(tmp_path: Path) -> None:
    table, predictions = tmp_path / "table", tmp_path / "predictions"
    for day in range(4):
        (table / f"d=2024-01-0{day + 1}" / "hour=1").mkdir(parents=True)
        (table / f"d=2024-01-0{day + 1}" / "hour=1" / "a.parquet").write_bytes(bytes(10 * (day + 1)))
    assert head_start.bytes_without_predictions(table, predictions) == 4 * 40
    (predictions / "d=2024-01-04").mkdir(parents=True)
    assert head_start.bytes_without_predictions(table, predictions) == 3 * 30
    for day in range(4):
        (predictions / f"d=2024-01-0{day + 1}").mkdir(parents=True, exist_ok=True)
    assert head_start.bytes_without_predictions(table, predictions) == 0
    with pytest.raises(OSError, match="nowhere"):
        head_start.bytes_without_predictions(tmp_path / "nowhere", predictions)


def test_a_fork_server_that_is_not_needed_ends_at_once() -> None:
    program = """
import os
from batch_scorer.execution.clusters.local.workers import start_fork_server, stop_fork_server
from multiprocessing import forkserver
stop_fork_server()
start_fork_server()
pid = forkserver._forkserver._forkserver_pid
os.kill(pid, 0)
stop_fork_server()
try:
    os.kill(pid, 0)
except ProcessLookupError:
    print("gone")
"""
    assert "gone" in _imported(program)


def _started_by(words: list[str], then: str = "") -> list[str]:
    """Lines of stdout; see `_watched`."""
    return _watched(words, then).stdout.splitlines()


def _told_by(words: list[str], then: str = "") -> str:
    """stderr; see `_watched`."""
    return _watched(words, then).stderr


def _watched(words: list[str], then: str) -> subprocess.CompletedProcess[str]:
    """What a command prints whose fork servers are watched: `started`, with what was imported by then of what
    it waited for, and at the end whether one is left, and what is as it was."""
    program = f"""
import os, sys
from contextlib import suppress
from multiprocessing import forkserver
from batch_scorer.cli.main import main
server, ensure = forkserver._forkserver, forkserver.ensure_running
def noted():
    late = [name for name in ("pydantic", "batch_scorer.cli.running") if name in sys.modules]
    if server._forkserver_pid is None:
        print("started", *late)
    ensure()
forkserver.ensure_running = noted
{then}
before = dict(os.environ)
with suppress(SystemExit):
    main({words!r})
import multiprocessing
print("left" if server._forkserver_pid else "none left", dict(os.environ) == before)
print(multiprocessing.get_start_method(), forkserver._forkserver._preload_modules)
"""
    given = {k: v for k, v in os.environ.items() if k not in workers._ONE_THREAD}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=given
    )


_AS_BEFORE = ["none left True", "fork ['__main__']"]
_TWO_CPUS = """
from batch_scorer.execution.clusters.local import head_start
head_start.usable_cpus = lambda: 2
"""


def test_a_fork_server_starts_with_the_command_and_ends_once_its_job_is_seen_to_be_small(
    make_project: Callable[..., TaxiProject],
) -> None:
    """Nothing of it is left in the process that scores: no limits of threads, no way to start processes."""
    asked = ["-p", str(make_project(1).root), "-q", "run", "taxi_tips"]
    ends = f"""{_TWO_CPUS}
from batch_scorer import wiring
open_loaded = wiring.open_loaded
def opening(*given, **named):
    print("opens with one" if server._forkserver_pid else "opens without")
    return open_loaded(*given, **named)
wiring.open_loaded = opening
"""
    assert _started_by([*asked, "--cluster", "inline"], ends) == ["opens without", *_AS_BEFORE]
    # `wiring` is imported by the test, and with it pydantic.
    assert _started_by(asked, ends) == ["started pydantic", "opens without", *_AS_BEFORE]


def test_nothing_that_a_verb_needs_is_imported_before_the_fork_server_starts(project: TaxiProject) -> None:
    root = str(project.root)
    for words in (["-p", root, "run", "none"], ["-p", root, "backfill", "none"], ["-p", root, "retry"]):
        assert _started_by(words, _TWO_CPUS) == ["started", *_AS_BEFORE]
    for words in (
        ["run", "--help"],
        ["run", "none", "--dry-run"],
        ["run", "--cluster=tcp://127.0.0.1:1", "x"],
    ):
        assert _started_by(["-p", root, *words], _TWO_CPUS)[-2:] == _AS_BEFORE
        assert "started" not in _started_by(["-p", root, *words], _TWO_CPUS)
    assert "started" not in _started_by(["-p", root, "status"], _TWO_CPUS)
    one = _TWO_CPUS.replace("2", "1")
    assert "started" not in _started_by(["-p", root, "run", "none"], one)


def test_a_command_that_is_refused_leaves_no_fork_server(make_project: Callable[..., TaxiProject]) -> None:
    """It would hold the pipe that somebody reads our output from."""
    project = make_project(1)
    asked = ["-p", str(project.root), "-q", "run", "taxi_tips", "--cluster", "local", "--model", "none@9"]
    program = f"""
import os
from contextlib import suppress
from multiprocessing import forkserver
from batch_scorer.cli.main import main
started = []
ensure = forkserver.ensure_running
def noted():
    ensure()
    started.append(forkserver._forkserver._forkserver_pid)
forkserver.ensure_running = noted
with suppress(SystemExit):
    main({asked!r})
try:
    os.kill(started[0], 0)
except ProcessLookupError:
    print("gone")
"""
    assert "gone" in _imported(program)


def test_what_keeps_a_fork_server_from_starting_is_told_of_only_when_workers_are_needed(
    make_project: Callable[..., TaxiProject],
) -> None:
    """A directory for temporary files whose name is too long for a socket, say."""
    project = make_project(1)
    refused = f"""{_TWO_CPUS}
def refuse():
    raise OSError("AF_UNIX path too long")
ensure = refuse
"""
    asked = ["-p", str(project.root), "run", "taxi_tips"]
    assert _started_by([*asked, "--cluster", "local"], refused)[-2:] == _AS_BEFORE
    told = _told_by([*asked, "--cluster", "local"], refused)
    assert "local workers did not start: AF_UNIX path too long" in told
    assert "Traceback" not in told
    assert _started_by(["-q", *asked], refused)[-2:] == _AS_BEFORE
    assert project.published(0).shape[0] == 600


def test_a_command_whose_parent_ignores_what_becomes_of_children_ends_as_any_other(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1)
    ignored = f"{_TWO_CPUS}\nimport signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    for _ in range(2):
        asked = ["-p", str(project.root), "-q", "run", "taxi_tips"]
        assert _started_by(asked, ignored)[-2:] == _AS_BEFORE
    assert project.published(0).shape[0] == 600


def test_a_stop_while_the_fork_server_begins_is_told_of_like_a_later_one(project: TaxiProject) -> None:
    stopped = f"""{_TWO_CPUS}
def stop():
    raise KeyboardInterrupt
ensure = stop
"""
    told = _told_by(["-p", str(project.root), "run", "none"], stopped)
    assert "stopped by Ctrl-C" in told
    assert "Traceback" not in told


def test_a_sigterm_while_the_fork_server_begins_ends_it_too(project: TaxiProject) -> None:
    """It would hold the pipe that somebody reads our output from, until it has imported."""
    stopped = f"""{_TWO_CPUS}
import signal
begin = ensure
def ensure():
    begin()
    os.kill(os.getpid(), signal.SIGTERM)
def ended():
    with suppress(SystemExit):
        try:
            really_main({["-p", str(project.root), "run", "none"]!r})
        except SystemExit as end:
            print("exit", end.code)
            raise
really_main, main = main, lambda _words: ended()
"""
    ended = _watched([], stopped)
    assert ended.stdout.splitlines() == ["started", "exit 143", *_AS_BEFORE]
    assert ended.stderr.splitlines() == ["error: stopped by SIGTERM"]


def test_a_parent_that_ignores_what_becomes_of_children_makes_no_failure_of_theirs_a_success(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, code=["code"])
    (project.root / "code").mkdir()
    (project.root / "code" / "broken.py").write_text("import no_such_module")
    ignored = "import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    told = _watched(["-p", str(project.root), "doctor", "taxi_tips"], ignored).stdout
    assert "the project's own code cannot be imported" in told


def test_a_night_with_nothing_due_imports_no_data_library_and_a_driver_no_estimators(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(2)
    assert project.cli("run", "taxi_tips").code == 0
    asked = f"'-p', {str(project.root)!r}, '-q', 'run', 'taxi_tips'"
    imported = _imported(f"from batch_scorer.cli.main import run\nassert run([{asked}]) == 0")
    assert not imported & set(_HEAVY)
    project.add_day(2)
    asked += ", '--cluster', 'local', '--workers', '1'"
    imported = _imported(f"from batch_scorer.cli.main import run\nassert run([{asked}]) == 0")
    assert not imported & {"sklearn", "scipy", "joblib", "skops", "great_expectations"}
    assert project.published(2).shape[0] == 600


def test_a_worker_starts_without_what_only_some_models_need() -> None:
    preloaded = _imported("; ".join(f"import {name}" for name in workers._PRELOADED))
    assert {"sklearn.linear_model", "pandas", "distributed.nanny"} <= preloaded
    assert not preloaded & {"skops", "pytest", "dask.array", "great_expectations"}
    assert not preloaded & {"rich", "jinja2", "numpy.f2py", "sklearn.ensemble", "pyarrow.dataset"}


def test_what_a_worker_starts_without_can_be_imported_in_it() -> None:
    program = "import batch_scorer.models.scipy_start, batch_scorer.execution.clusters.local.preload\n"
    wanted = {"rich", "jinja2", "numpy.f2py", "numpy.testing", "sklearn.ensemble", "pyarrow.dataset"}
    assert wanted <= _imported(program + "import " + ", ".join(wanted))


def test_workers_know_what_they_tell_the_scheduler_of_versions_without_asking_another_program() -> None:
    program = """
import batch_scorer.execution.clusters.local.preload, sys
def hear(event, given):
    assert event not in ("subprocess.Popen", "open", "os.listdir"), (event, given)
sys.addaudithook(hear)
from distributed.versions import get_versions
get_versions()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_settings_of_dask_are_those_that_pythons_own_reader_reads() -> None:
    told = []
    for first in ("import batch_scorer.execution.clusters.dask_start", "pass"):
        program = f"""
import yaml
loader = yaml.SafeLoader
{first}
import json, distributed, dask
assert yaml.SafeLoader is loader
print(json.dumps(dask.config.config, sort_keys=True, default=str))
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        told.append(done.stdout)
    assert told[0] == told[1] != ""


def test_a_run_does_not_look_for_garbage_while_it_imports(project: TaxiProject) -> None:
    """What it made by then stays, and looking through it again and again took a sixth of a cold start."""
    program = f"""
import gc, sys
from batch_scorer.core import collector
from batch_scorer.cli.main import run
searches = []
def note(phase, info):
    if collector._usual is not None and phase == "start":
        searches.append(info["generation"])
gc.callbacks.append(note)
collector.owns_process()
assert run(["-p", {str(project.root)!r}, "-q", "run", "taxi_tips", "--cluster", "inline"]) == 0
print("searches", *searches, "frozen" if gc.get_freeze_count() > 100_000 else "-", gc.get_threshold()[0])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["searches", "frozen", str(gc.get_threshold()[0])]


def test_libraries_that_a_models_code_brings_do_not_complain_at_the_end(project: TaxiProject) -> None:
    """Such as those made with nanobind, of which DuckDB is one: what stays at the end they call leaked."""
    program = f"""
from batch_scorer.cli.main import main
from batch_scorer.execution import chunk
load_model = chunk.load_model
def with_code(pin):
    import duckdb
    return load_model(pin)
chunk.load_model = with_code
main(["-p", {str(project.root)!r}, "-q", "run", "taxi_tips", "--cluster", "inline"])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stderr == ""


def test_workers_inherit_a_heap_that_no_search_goes_through() -> None:
    """It would take as long as the imports did, and make its pages each worker's own."""
    program = "; ".join(f"import {name}" for name in workers._PRELOADED)
    told = subprocess.run(
        [sys.executable, "-c", f"{program}; import gc; print(gc.get_freeze_count(), *gc.get_threshold())"],
        capture_output=True,
        text=True,
        check=True,
    )
    frozen, rarely, *_ = map(int, told.stdout.split())
    assert frozen > 100_000
    assert rarely > 100 * gc.get_threshold()[0]


def test_local_workers_and_their_scheduler_hardly_ask_themselves_how_they_are_and_need_not_wait() -> None:
    program = """
import sys
if __name__ == "__main__":
    from batch_scorer.execution.clusters.local.workers import start_local_workers
    usual = sys.getswitchinterval()
    own = start_local_workers(1, 1 << 30)
    from distributed import Client
    with Client(own.cluster) as client:
        asked = client.run(lambda dask_worker: dask_worker.periodic_callbacks["tick"].callback_time)
        asked["scheduler"] = own.cluster.scheduler.periodic_callbacks["tick"].callback_time
        asked["nanny"] = own.cluster.workers[0].periodic_callbacks["tick"].callback_time
        assert set(asked.values()) == {1000.0} and len(asked) == 3, asked
        assert sys.getswitchinterval() <= usual / 5
    own.close(timeout=10)
    assert sys.getswitchinterval() == usual
    print("done")
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert told.stdout == "done\n", told.stderr


def test_all_of_arrow_takes_memory_from_one_pool_in_a_worker() -> None:
    program = (
        "from batch_scorer.execution.clusters.local import one_pool, preload\n"
        "import pyarrow as pa\n"
        "print(pa.default_memory_pool().backend_name)\n"
        "pa.BufferOutputStream().write(b'x' * 1_000_000)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (told.stdout, told.stderr) == ("jemalloc\n", "")


def _one_pool(before: str, environment: dict[str, str]) -> tuple[str, str]:
    """(stdout, stderr) of a process that imports it, then shows Arrow's pool and what it would pass on."""
    program = f"""
import os, sys
{before}
import batch_scorer.execution.clusters.local.one_pool
import pyarrow as pa
print("heard", file=sys.stderr)
print(pa.default_memory_pool().backend_name, os.environ.get("ARROW_DEFAULT_MEMORY_POOL"))
"""
    given = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"} | environment
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=given
    )
    return told.stdout.strip(), told.stderr.strip()


def test_what_a_models_code_starts_is_not_told_of_our_pool() -> None:
    assert _one_pool("", {}) == ("jemalloc None", "heard")


def test_a_pool_that_a_user_chose_stays() -> None:
    assert _one_pool("", {"ARROW_DEFAULT_MEMORY_POOL": "system"}) == ("system system", "heard")


def test_an_arrow_that_was_built_without_the_pool_says_nothing_and_takes_its_own() -> None:
    """As such a build does: it complains to file 2 while it is imported."""
    complains = """
import importlib.abc
class Complains(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "pyarrow":
            os.write(2, b"Unsupported backend 'jemalloc'")
sys.meta_path.insert(0, Complains())
"""
    assert _one_pool(complains, {}) == ("jemalloc None", "heard")


def test_a_worker_without_stderr_starts_all_the_same() -> None:
    assert _one_pool("os.close(2); sys.stderr = open(os.devnull, 'w')", {}) == ("jemalloc None", "")


def _scored(keys: tuple[int, int] | None, n_scored: int = 2) -> Any:
    return SimpleNamespace(
        keys=keys, rows=SimpleNamespace(n_scored=n_scored), files=[SimpleNamespace(name="a")]
    )


def test_keys_apart_are_unique_without_a_look_at_the_files_and_others_are_looked_at(tmp_path: Path) -> None:
    parts: Any = SimpleNamespace(
        job=SimpleNamespace(input=SimpleNamespace(key=("ride_id",))), long=StateOnDisk(tmp_path)
    )

    def why(*chunks: Any) -> str | None:
        work: Any = SimpleNamespace(
            chunks=chunks,
            prepared=SimpleNamespace(attempt="gone"),
            rows=SimpleNamespace(n_scored=2 * len(chunks)),
        )
        return settle._duplicates(parts, work)

    assert why(_scored((5, 9)), _scored((1, 4)), _scored(None, n_scored=0)) is None
    for touching in ((_scored((1, 5)), _scored((5, 9))), (_scored((1, 5)), _scored(None))):
        with pytest.raises(OutputUnwritable, match="cannot be read back"):
            why(*touching)
