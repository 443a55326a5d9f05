"""Small files that are written once and then stay: manifests, suite results.

A directory holds them, or a prefix in an object store (`stores/kept_objects.py`): who keeps something there
cannot tell which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from batch_scorer.core.durable import NewNames, move_without_replacing, write_named_later


class KeptFiles(Protocol):
    """Paths are relative to a root: `manifests/taxi_tips/day=1/3.json`. Hidden names are what a killed writer
    left: they are not listed.

    Raises, everywhere: StoreUnavailable, when it is a store that does not answer.
    """

    @property
    def is_remote(self) -> bool:
        """What a process asked for may then still be carried out when the process is dead."""

    def at(self, path: str) -> str:
        """Where it is, as a person may see it."""

    def read(self, path: str) -> bytes:
        """A whole file. Raises: OSError."""

    def write(self, path: str, content: bytes, names: NewNames) -> None:
        """Whole or not at all, whatever was there; it outlasts a power cut once `names` are synced.

        Raises: DiskFull, OutputUnwritable.
        """

    def waiting(self, staged: str, path: str, sha256: str) -> str:
        """Where a file waits for its lasting name, `path`. staged: a name of its attempt's own."""

    def put_in_place(self, waiting: str, path: str, names: NewNames) -> None:
        """Give a file its lasting name, durably once `names` are synced. It waits no longer.

        Raises: FileExistsError, when the name is taken; OSError.
        """

    def remove(self, path: str) -> None:
        """Raises: FileNotFoundError (a directory only), OSError."""

    def names(self, directory: str) -> tuple[str, ...]:
        """Of the files directly in it; a prefix that is not there has none. Raises: OSError."""

    def left_waiting(self, above: str) -> Mapping[str, datetime]:
        """Files anywhere below `above` that still wait for their names beside them, and since when."""

    def directories(self, above: str) -> Iterator[str]:
        """Those anywhere below `above` that hold files, relative to it, each once. Raises: OSError."""


@dataclass(frozen=True, slots=True)
class KeptOnDisk:
    root: Path

    @property
    def is_remote(self) -> bool:
        return False

    def at(self, path: str) -> str:
        return str(self.root / path)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def write(self, path: str, content: bytes, names: NewNames) -> None:
        write_named_later(self.root / path, content, names, below=self.root)

    def waiting(self, staged: str, path: str, sha256: str) -> str:  # noqa: ARG002 (a store's)
        return staged

    def put_in_place(self, waiting: str, path: str, names: NewNames) -> None:
        """Whoever lost the directory of `waiting` to a take-over, which renames it, cannot do it any more."""
        place = self.root / path
        names.make_directories(place.parent, below=self.root)
        names.add(place.parent)
        move_without_replacing(self.root / waiting, place)

    def remove(self, path: str) -> None:
        (self.root / path).unlink()

    def names(self, directory: str) -> tuple[str, ...]:
        with os.scandir(self.root / directory) as found:
            return tuple(each.name for each in found if not (each.name.startswith(".") or each.is_dir()))

    def left_waiting(self, above: str) -> Mapping[str, datetime]:  # noqa: ARG002 (a store's)
        """They wait in the directory of their attempt, and go with it."""
        return {}

    def directories(self, above: str) -> Iterator[str]:
        top = self.root / above
        for directory, below, names in os.walk(top, onerror=_refuse):
            below.sort()
            if directory != str(top) and any(not name.startswith(".") for name in names):
                yield Path(directory).relative_to(top).as_posix()


def _refuse(error: OSError) -> None:
    """A directory that is not there holds nothing; one that cannot be read might."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
