"""Signals that come before a run listens to them, and once it has ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.conftest import TaxiProject

_SIGNALS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])

_RUN, _OBSERVERS = "batch_scorer.execution.run", "batch_scorer.execution.observing"
_LEASES, _CLOSING = "batch_scorer.execution.publishing.leases", "batch_scorer.cli.closing"


def _ended(
    project: TaxiProject, script: str, *options: str, verb: str = "run"
) -> subprocess.CompletedProcess[str]:
    """`run taxi_tips` with something done beforehand, in a process of its own."""
    main = project.root / "stopped" / "__main__.py"
    main.parent.mkdir()
    main.write_text(
        f'{script}\nimport runpy\nrunpy.run_module("batch_scorer", run_name="__main__", alter_sys=True)\n'
    )
    return subprocess.run(
        [sys.executable, "-m", "stopped", "-p", str(project.root), verb, "taxi_tips", *options],
        cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _when_imported(module: str, what: str) -> str:
    """what: one line, said as text: what is made of text could let Python end by the signal."""
    return f"""
import os, sys
class Stops:
    def find_spec(self, name, *_):
        if name == "{module}":
            sys.meta_path.remove(self)
            exec({what!r})
sys.meta_path.insert(0, Stops())
"""


def _after(module: str, function: str, number: signal.Signals, n_signals: int = 1) -> str:
    """Signals as soon as the function of the module has returned."""
    return f"""
import importlib, os
def stops(function):
    def and_then(*given, **named):
        try:
            return function(*given, **named)
        finally:
            for _ in range({n_signals}):
                os.kill(os.getpid(), {int(number)})
    return and_then
patched = importlib.import_module("{module}")
patched.{function} = stops(patched.{function})
"""


@pytest.mark.parametrize(
    "module", ["click", "batch_scorer.cli.main", "batch_scorer.cli.planning", "yaml.loader"]
)
@_SIGNALS
def test_a_signal_in_the_middle_of_imports_ends_a_run_with_its_own_exit_code_and_one_line(
    project: TaxiProject, number: signal.Signals, code: int, module: str
) -> None:
    """What code made of text (a dataclass) is broken off by Ctrl-C would let Python end by the signal; and
    the job's observers are looked for with modules that are half there.
    """
    ended = _ended(project, _when_imported(module, f"import os; os.kill(os.getpid(), {int(number)})"))
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.split("\n\n")[-1].strip().splitlines()) == 1, ended.stderr


@_SIGNALS
def test_a_second_signal_does_not_wait_until_the_command_is_imported(
    project: TaxiProject, number: signal.Signals, code: int
) -> None:
    """By the signal itself, as shells tell of it."""
    twice = f"import os; [os.kill(os.getpid(), {int(number)}) for _ in range(2)]"
    ended = _ended(project, _when_imported("click", twice))
    assert 128 - ended.returncode == code
    assert ended.stderr == ""


def test_a_ctrl_c_that_whoever_started_the_command_ignores_stays_ignored_while_it_starts(
    project: TaxiProject,
) -> None:
    """As a shell does for what it runs in the background."""
    assert _ended(project, _ignoring(signal.SIGINT) + _when_imported("click", _CTRL_C)).returncode == 0


_CTRL_C = f"import os; os.kill(os.getpid(), {int(signal.SIGINT)})"


def _ignoring(number: signal.Signals) -> str:
    return f"import signal\nsignal.signal({int(number)}, signal.SIG_IGN)\n"


@pytest.mark.parametrize(
    ("verb", "module", "function"),
    [
        ("run", _RUN, "recover"),
        ("run", _RUN, "_carry_out"),
        ("plan", "batch_scorer.config.load", "load_job"),
    ],
)
@_SIGNALS
def test_a_signal_that_whoever_started_the_command_ignores_stays_ignored_throughout(
    project: TaxiProject, number: signal.Signals, code: int, verb: str, module: str, function: str
) -> None:
    """`batch-scorer run … &` in a script has Ctrl-C ignored, and a script may have SIGTERM so as well."""
    script = _ignoring(number) + _after(module, function, number, n_signals=2)
    ended = _ended(project, script, "--json", verb=verb)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout.splitlines()[-1])["exit_code"] == 0


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (_RUN, "record_end"),
        (_LEASES, "_leave"),
        (_CLOSING, "_warn"),
        ("batch_scorer.cli.main", "run"),
    ],
)
@_SIGNALS
def test_a_run_whose_end_is_recorded_ends_with_that_exit_code_whatever_signal_comes(
    project: TaxiProject, number: signal.Signals, code: int, module: str, function: str
) -> None:
    ended = _ended(project, _after(module, function, number), "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout.splitlines()[-1])["exit_code"] == 0
    assert project.shell("runs", "--json").lines[0]["exit_code"] == 0


@pytest.mark.parametrize(
    "when",
    [
        [(_CLOSING, "_warn", 2)],
        [(_LEASES, "_leave", 2)],
        [(_LEASES, "_leave", 1), (_CLOSING, "_warn", 1)],
        [(_OBSERVERS, "Observers.ended", 1), (_CLOSING, "_warn", 1)],
        # The second one breaks off what observers are waited for, and no more.
        [(_OBSERVERS, "Observers.ended", 2), (_LEASES, "_leave", 1)],
        # Nobody looked any more whether it should stop, when the first came.
        [(_RUN, "_carry_out", 1), (_LEASES, "_leave", 1)],
        [(_RUN, "_carry_out", 1), (_CLOSING, "_warn", 1)],
    ],
    ids=lambda when: " then ".join(f"{n} after {function}" for _, function, n in when),
)
@_SIGNALS
def test_a_second_signal_once_the_end_is_recorded_does_not_wait_and_changes_no_exit_code(
    project: TaxiProject, number: signal.Signals, code: int, when: list[tuple[str, str, int]]
) -> None:
    """Whatever hangs then: the ledger that a run takes leave of, a terminal."""
    script = "".join(_after(module, function, number, n) for module, function, n in when)
    ended = _ended(project, script, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"summary"' not in ended.stdout  # it would come next
    assert project.shell("runs", "--json").lines[0]["exit_code"] == 0


_LEAVES_A_LOCKED_LEDGER = """
import os, sqlite3, threading
from batch_scorer.execution.publishing import leases
from batch_scorer.execution.stop import StopRequest
leave, on_signal, heard = leases._leave, StopRequest.on_signal, threading.Event()
def hears(*given):
    heard.set()
    on_signal(*given)
def stops():
    os.kill(os.getpid(), {number})
    heard.wait()
    os.kill(os.getpid(), {number})
class Locked:
    def __init__(self, ledger):
        self._ledger = ledger
    def leave(self, token):
        threading.Timer(0.2, stops).start()  # the ledger is waited for by then, most likely
        try:
            self._ledger.leave(token)
        finally:
            os._exit(1)  # it was waited for
def leaves(ledger, token):
    lock = sqlite3.connect({path!r}, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    leave(Locked(ledger), token)
leases._leave, StopRequest.on_signal = leaves, hears
"""


@_SIGNALS
def test_a_second_signal_does_not_wait_for_a_ledger_that_is_locked_while_leave_is_taken_of_it(
    project: TaxiProject, number: signal.Signals, code: int
) -> None:
    """SQLite waits for 30 s, and lets Python look at no signal meanwhile."""
    script = _LEAVES_A_LOCKED_LEDGER.format(number=int(number), path=str(project.state / "ledger.db"))
    ended = _ended(project, script, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"summary"' not in ended.stdout


@_SIGNALS
def test_a_signal_while_a_stop_is_told_changes_nothing(
    project: TaxiProject, number: signal.Signals, code: int
) -> None:
    twice = _when_imported("yaml.loader", f"import os; os.kill(os.getpid(), {int(number)})")
    ended = _ended(
        project, twice + _after("batch_scorer.core.errors", "BatchScorerError.render", signal.SIGINT)
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
