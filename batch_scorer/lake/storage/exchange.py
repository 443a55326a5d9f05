"""Swapping directories in one atomic step, where the file system can, and making it last.

`renameat2(RENAME_EXCHANGE)` is Linux's; macOS, NFS and some FUSE file systems lack it. There the fallback is
two renames: the old directory away, the new one in. Between the two the partition is missing for a moment
(never mixed, never half), and a crash there leaves both directories whole for recovery to decide.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

_AT_FDCWD = -100
_NOREPLACE = 1
_EXCHANGE = 2
# What kernels and file systems answer when they know no such rename.
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


class Guarantee(StrEnum):
    """How a new generation replaces an old one."""

    ATOMIC_EXCHANGE = "atomic exchange"
    TWO_RENAMES = "two renames"


def probe(directory: Path) -> Guarantee:
    """What the file system of an existing directory can do; tried on two empty directories in it.

    Raises: OSError, when directories cannot be made there.
    """
    scratch = Path(tempfile.mkdtemp(prefix=".probe-", dir=directory))
    try:
        first, second = scratch / "first", scratch / "second"
        first.mkdir()
        second.mkdir()
        exchange(first, second)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return Guarantee.TWO_RENAMES
        raise
    else:
        return Guarantee.ATOMIC_EXCHANGE
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def exchange(first: Path, second: Path) -> None:
    """Swap two existing names atomically. Raises: OSError; ENOSYS or EINVAL where that is unknown."""
    _rename(first, second, _EXCHANGE)


def move_new(source: Path, target: Path) -> None:
    """Rename to a name that must not exist. Raises: FileExistsError, OSError.

    Where the file system cannot refuse by itself, the check and the rename are two steps.
    """
    try:
        _rename(source, target, _NOREPLACE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)


def _rename(source: Path, target: Path, flags: int) -> None:
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(target))


def _find_renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    function.restype = ctypes.c_int
    return function  # type: ignore[no-any-return]


_renameat2 = _find_renameat2()
