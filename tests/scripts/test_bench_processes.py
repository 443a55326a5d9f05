"""Every process that descends from a measured command is accounted for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measuring.commands import SCRIPTS, CommandFailed, done, measured
from benchmarks.measuring.imports import by_package
from benchmarks.measuring.syncs import counted
from benchmarks.measuring.tree import below, descendants, parsed_usage, proportional_bytes
from benchmarks.measuring.watch import Sampler
from tests.patience import wait_for

_BURN = "import time\nwhile time.process_time() < 0.25: pass\n"
_BURN_LONGER = _BURN.replace("0.25", "1.0")
_MB = 1_000_000


def test_a_grandchild_that_outlives_its_parent_is_waited_for_and_counted() -> None:
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {_BURN!r}])"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    found = measured([sys.executable, "-c", parent])
    assert found.cpu_s > 0.25


def test_a_child_that_its_parent_waited_for_is_counted_once() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BURN_LONGER!r}], check=True)"
    found = measured([sys.executable, "-c", parent])
    assert 1.0 < found.cpu_s < 2.0  # the parent's own start is far from a second


def test_the_largest_process_is_one_not_the_sum() -> None:
    child = "held = bytearray(60_000_000)"
    parent = f"import subprocess, sys; [subprocess.run([sys.executable, '-c', {child!r}]) for _ in 'ab']"
    found = measured([sys.executable, "-c", parent])
    assert 60 * _MB < found.peak_process_bytes < 110 * _MB


def test_the_memory_of_all_is_a_sum() -> None:
    """Two children hold 60 MB each, at the same time."""
    holding = [sys.executable, "-c", "held = bytearray(60_000_000); input()"]
    children = [subprocess.Popen(holding, stdin=subprocess.PIPE) for _ in "ab"]
    with Sampler(os.getpid()) as sampler:
        wait_for(lambda: sampler.peak_bytes > 120 * _MB)
    for child in children:
        child.communicate(b"\n")
    assert sampler.cpu_s > 0


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(CommandFailed, match=r"(?s)ended with 3.*out of rides"):
        measured([sys.executable, "-c", "import sys; print('out of rides', file=sys.stderr); sys.exit(3)"])


def test_a_command_says_its_last_words() -> None:
    with pytest.raises(CommandFailed, match="out of rides"):
        done([sys.executable, "-c", "import sys; sys.exit('out of rides')"])
    assert done([sys.executable, "-c", "print(7)"]) == "7\n"


def test_descendants_are_children_and_theirs() -> None:
    assert below(1, {2: 1, 3: 2, 4: 3, 5: 9, 9: 0}) == [2, 3, 4]
    assert below(7, {2: 1}) == []
    assert os.getpid() in descendants(os.getppid())


def test_a_process_is_read_right_whatever_its_name() -> None:
    fields = ["S", "1", *["0"] * 9, "150", "50", *["0"] * 6, "777", "0"]
    usage = parsed_usage(42, f"42 (a) b (c)) {' '.join(fields)}".encode())
    assert (usage.pid, usage.started) == (42, 777)
    assert usage.cpu_s == 200 / os.sysconf("SC_CLK_TCK")


def test_memory_of_a_process_that_is_gone_is_nothing() -> None:
    assert proportional_bytes(os.getpid()) > _MB
    assert proportional_bytes(1 << 30) == 0


def test_an_interrupted_call_of_strace_counts_once() -> None:
    calls = (
        "1 fsync(5) = 0\n13 fdatasync(7 <unfinished ...>\n13 <... fdatasync resumed>) = 0\n14 +++ gone +++\n"
    )
    assert counted(calls) == 2


def test_imports_are_added_up_by_package() -> None:
    lines = [
        "import time: self [us] | cumulative | imported package",
        "import time:      1500 |       9000 | pandas",
        "import time:       500 |        500 |   pandas.core.frame",
        "import time:       250 |        250 | yaml",
        "run 01: 3 published",
    ]
    assert by_package(lines) == {"pandas": 2.0, "yaml": 0.25}


def test_measuring_leaves_nothing_behind(tmp_path: Path) -> None:
    """A process that would stay is waited for: what it writes last is there."""
    mark = tmp_path / "mark"
    daemon = f"""if True:
        import os, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(0.3)
            open({str(mark)!r}, "w").close()"""
    measured([sys.executable, "-c", daemon])
    assert mark.exists()


def test_a_bench_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    bench = f"""if True:
        import sys
        sys.path.insert(0, {str(SCRIPTS)!r})
        from benchmarks.measuring.commands import measured
        measured([sys.executable, "-c", {program!r}])"""
    started = subprocess.Popen([sys.executable, "-c", bench])
    wait_for(lambda: mark.exists() and mark.read_text() != "")
    started.kill()
    started.wait()
    wait_for(lambda: not Path(f"/proc/{mark.read_text()}").exists())
