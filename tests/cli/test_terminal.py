"""On a terminal: a bar while it works, a closing table when it is done."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

from tests import taxi
from tests.conftest import TaxiProject


def _on_a_terminal(*arguments: str, typed: str = "") -> tuple[int, str]:
    """Exit code and what a person's screen received."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-m", "batch_scorer", *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, typed.encode())
    screen = b""
    while True:
        try:
            received = os.read(ours, 65_536)
        except OSError:  # the other side is closed
            break
        if not received:
            break
        screen += received
    os.close(ours)
    return process.wait(), screen.decode()


def test_a_person_sees_a_bar_and_a_closing_table(project: TaxiProject) -> None:
    code, screen = _on_a_terminal("-p", str(project.root), "run", "taxi_tips")
    assert code == 0
    assert "0/2 partitions" in screen
    assert "2024-01-01  OK  600 scored" in screen
    assert "2024-01-02  OK  600 scored" in screen
    assert "2 published" in screen

    code, screen = _on_a_terminal("-p", str(project.root), "run", "taxi_tips")
    assert code == 0
    assert "nothing to do" in screen


def test_a_quiet_run_on_a_terminal_says_nothing(project: TaxiProject) -> None:
    assert _on_a_terminal("-q", "-p", str(project.root), "run", "taxi_tips") == (0, "")


def test_a_person_is_asked_before_more_than_fifty_partitions_and_their_answer_counts(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(0)
    for index, day in enumerate(taxi.days(51)):
        taxi.write_day(project.lake, day, taxi.rides(5, first_id=index * 10), n_files=1)
    backfill = ("-p", str(project.root), "backfill", "taxi_tips", "--from", "2024-01-01", "--to")

    code, screen = _on_a_terminal(*backfill, "2024-02-20", typed="n\n")
    assert code == 1
    assert "score 51 partitions of taxi_tips? [y/N]" in screen
    assert "nothing was done" in screen
    assert not project.predictions.exists()

    code, screen = _on_a_terminal(*backfill, "2024-02-20", typed="y\n")
    assert code == 0
    assert "51 published" in screen
    assert "0/51 partitions" in screen
    assert "rows/s" in screen
    assert "s left" in screen
