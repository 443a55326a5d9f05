"""Files that a program can only read from a disk, brought to one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from batch_scorer.core.durable import writing
from batch_scorer.lake.storage.failures import as_input_error
from batch_scorer.lake.storage.stored_files import StoredFiles

_AT_ONCE = 4
_PIECE_BYTES = 1 << 20


def fetch_all(files: StoredFiles, names: Sequence[str], directory: Path) -> tuple[Path, ...]:
    """Each from its start to its end, in bounded memory, into a directory that exists.

    Raises: InputMoved, FileUnreadable, StoreUnavailable, DiskFull, OutputUnwritable.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(lambda name: _fetched(files, name, directory), names))


def _fetched(files: StoredFiles, name: str, directory: Path) -> Path:
    place = directory / name.rpartition("/")[2]
    try:
        opened = files.open_whole(name)
    except OSError as error:
        raise as_input_error(error, where=files.at(name)) from error
    with opened, writing(place), place.open("xb") as file:
        shutil.copyfileobj(opened, file, _PIECE_BYTES)
    return place
