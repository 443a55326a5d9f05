"""The Nth system call that writes fails, N from 1 until a run passes clean: a clear error, nothing half."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import disks
from tests.faults.conftest import TALLY, Drivers
from tests.faults.lake import Lake

_SOURCE = Path(__file__).parent / "failing_io.c"
_KINDS = (errno.EIO, errno.ENOSPC, errno.EACCES)
# What a broken disk may end a run with; the rest would be a lie, or a bug.
_CLEAN = {0, 1, 3, 6, 69}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    """Drivers whose system calls can be made to fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to build the library that makes system calls fail")
    directory = tmp_path_factory.mktemp("failing")
    library = directory / "failing_io.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
    found = Drivers(directory, LD_PRELOAD=str(library))
    yield found
    found.close()


class _Disk:
    """A project that is put back as it was before each try."""

    def __init__(self, lake: Lake, failing: Drivers, scratch: Path) -> None:
        self.lake = lake
        self._failing = failing
        self._saved = scratch / "saved"
        self._count = scratch / "count"
        shutil.copytree(lake.root, self._saved)

    def put_back(self) -> None:
        for name in ("predictions", "state"):
            shutil.rmtree(self.lake.root / "data" / name, ignore_errors=True)
            if (self._saved / "data" / name).exists():
                shutil.copytree(self._saved / "data" / name, self.lake.root / "data" / name)

    def run(self, fail_at: int, kind: int = errno.EIO, *, sticky: bool = False) -> tuple[int, str]:
        """Exit code and stderr."""
        env = {
            "FAIL_UNDER": str(self.lake.root / "data"),
            "FAIL_AT": str(fail_at),
            "FAIL_ERRNO": str(kind),
            "FAIL_COUNT": str(self._count),
            **({"FAIL_STICKY": "1"} if sticky else {}),
        }
        arguments = ("run", "taxi_tips", "--cluster", "inline")
        ended = self._failing.start(self.lake.root, *arguments, env=env, faults="log:/dev/null").wait()
        return ended.code, ended.stderr

    @property
    def n_calls(self) -> int:
        return int(self._count.read_text())


def _fail_every(disk: _Disk, step: int) -> None:
    disk.put_back()
    assert disk.run(0)[0] == 0
    n_calls = disk.n_calls
    assert n_calls > 50
    for n in range(1, n_calls + 1, step):
        kind = _KINDS[n // step % len(_KINDS)]
        disk.put_back()
        code, stderr = disk.run(n, kind, sticky=kind == errno.ENOSPC)
        told = f"call {n} of {n_calls} failed with {errno.errorcode[kind]}: exit {code}\n{stderr}"
        assert code in _CLEAN, told
        assert "Traceback" not in stderr, told
        assert "bug" not in stderr, told
        seen = disk.lake.assert_whole()
        assert code != 0 or seen == {0: disk.lake.versions[0][-1]}, told
        assert disk.lake.run().code == 0, told
        disk.lake.assert_settled()
        TALLY["system calls that failed"] += 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["first", "replacing"])
def test_a_run_on_a_disk_that_fails_once_says_so_and_leaves_nothing_half(
    make_lake: Callable[..., Lake], failing: Drivers, tmp_path: Path, kind: str
) -> None:
    lake = make_lake(1)
    if kind == "replacing":
        assert lake.run().code == 0
        lake.write_day(0, 1)
    _fail_every(_Disk(lake, failing, tmp_path), step=10 if kind == "first" else 5)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_run_on_a_disk_that_fails_at_any_call(
    make_lake: Callable[..., Lake], failing: Drivers, tmp_path: Path
) -> None:
    lake = make_lake(1)
    assert lake.run().code == 0
    lake.write_day(0, 1)
    _fail_every(_Disk(lake, failing, tmp_path), step=1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    with disks.small_disk(tmp_path / "disk", "8m") as disk:
        yield disk


def test_a_disk_that_runs_full_is_gone_on_with_once_there_is_room(
    make_lake: Callable[..., Lake], small_disk: Path
) -> None:
    lake = make_lake(3)
    for name in ("predictions", "state"):
        (lake.root / "data" / name).parent.mkdir(exist_ok=True)
        (small_disk / name).mkdir()
        (lake.root / "data" / name).symlink_to(small_disk / name)
    (lake.root / "data" / "predictions" / "taxi_tips").mkdir()
    ballast = small_disk / "ballast"
    for left in (20_000, 60_000, 150_000, 400_000):
        for path in (*small_disk.glob("predictions/*"), *small_disk.glob("state/*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(bytes(max(0, free - left)))
        full = lake.run()
        assert full.code in _CLEAN, full.stderr
        lake.assert_whole()
        ballast.unlink()
        assert lake.run().code == 0
        lake.assert_settled()
        TALLY["disks that ran full"] += 1
