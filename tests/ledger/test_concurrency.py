"""Real processes that write to one ledger at once, and are killed while they do."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batch_scorer.ledger.opening import open_ledger

WRITER = """
import sys
from tests.ledger.conftest import make_attempt, make_run
from batch_scorer.ledger.opening import open_ledger

path, name, n_rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = open_ledger(path)
ledger.start_run(make_run(name))
for n in range(n_rows):
    ledger.record_attempt(make_attempt(run_id=name, headline=str(n)))
    print(n, flush=True)
"""


def start_writer(place: str | Path, name: str, n_rows: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(place), name, str(n_rows)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_make_and_write_one_ledger_lose_nothing(
    ledger_place: str | Path,
) -> None:
    writers = [start_writer(ledger_place, name, 200) for name in ("01A", "01B")]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0]
    ledger = open_ledger(ledger_place)
    for name in ("01A", "01B"):
        assert [attempt.headline for attempt in ledger.attempts(name)] == [str(n) for n in range(200)]
    ledger.close()


def test_many_that_make_one_ledger_at_once_all_get_it(tmp_path: Path) -> None:
    """SQLite waits for nobody while it switches a new file to its log: some were told "locked"."""
    with ThreadPoolExecutor(8) as openers:
        for n in range(60):
            together = threading.Barrier(8)

            def open_one(
                _opener: int, path: Path = tmp_path / f"{n}.db", together: threading.Barrier = together
            ) -> None:
                together.wait()
                open_ledger(path).close()

            list(openers.map(open_one, range(8)))


@pytest.mark.parametrize("after_s", [0.0, 0.013, 0.031])
def test_what_a_killed_writer_was_told_is_there_and_the_ledger_goes_on(
    ledger_place: str | Path, after_s: float
) -> None:
    writer = start_writer(ledger_place, "01A", 1_000_000)
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(20)]
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.read().splitlines()
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()

    ledger = open_ledger(ledger_place)
    written = [attempt.headline for attempt in ledger.attempts("01A")]
    assert written == [str(n) for n in range(len(written))]
    assert len(told) <= len(written) <= len(told) + 1
    ledger.mark_died("01A")
    ledger.close()
