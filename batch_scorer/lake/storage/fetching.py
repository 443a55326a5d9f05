"""Files that a program can only read from a disk, brought to one."""

from __future__ import annotations

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

    def one(name: str) -> Path:
        try:
            return fetch(files, name, directory)
        except OSError as error:
            raise as_input_error(error, where=files.at(name)) from error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(one, names))


def fetch(files: StoredFiles, name: str, directory: Path) -> Path:
    """The same of one. Raises: OSError, StoreUnavailable, DiskFull, OutputUnwritable."""
    place = directory / name
    with writing(place):
        file = place.open("xb")
    with file, files.open_whole(name) as opened:
        while piece := opened.read(_PIECE_BYTES):
            with writing(place):
                file.write(piece)
    return place
