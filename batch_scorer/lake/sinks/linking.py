"""An earlier generation's files under a second name: nothing is moved before it is published again."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, writing
from batch_scorer.core.errors import DamageFound
from batch_scorer.lake.sinks.sink import Kept


def link_all(source: Path, kept: Kept, staged: Path) -> None:
    """Raises: DamageFound, when one of them is gone; OutputUnwritable, DiskFull."""
    with writing(staged):
        for name in kept.names:
            try:
                _link_or_copy(source / name, staged / name)
            except FileNotFoundError:
                raise DamageFound(
                    f"a file of generation {kept.generation} is gone",
                    where=str(source / name),
                    fix="choose another generation, or have the partition scored anew",
                ) from None
        fsync_directory(staged)


def link_those_there(source: Path, kept: Kept, target: Path) -> None:
    """The same, without those that are gone. Raises: OutputUnwritable, DiskFull."""
    with writing(target):
        for name in kept.names:
            with suppress(FileNotFoundError):
                _link_or_copy(source / name, target / name)
        fsync_directory(target)


def _link_or_copy(source: Path, target: Path) -> None:
    """Some file systems have no hard links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return  # a rollback that was broken off, and goes on
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        beside = target.with_name(f".{target.name}")
        shutil.copyfile(source, beside)
        with beside.open("rb") as copied:
            os.fsync(copied.fileno())
        beside.rename(target)
