"""The table that a job is drafted from: its hive keys, what its rows hold, its newest partition in full."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from batch_scorer.core.errors import PartitionPathRefused, UsageError
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.core.stores import ObjectUrl, StoreOptions
from batch_scorer.execution.suite_draft import DraftedSuite, draft_from_sample
from batch_scorer.lake.finding.hive_names import HiveNames, guess_keys
from batch_scorer.lake.finding.inventory import list_partitions
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.reading.sampling import choose_sample
from batch_scorer.lake.storage.storage import LakeStorage

_MOST_LOOKED_AT = 5  # partitions, for one with rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTable:
    """path: absolute, as it was given. newest: the last partition with rows. footers: of its files."""

    path: Path | ObjectUrl
    storage: LakeStorage
    hive: HiveNames
    suite: DraftedSuite
    partition_rows: tuple[int, ...]
    newest: PartitionFiles
    footers: tuple[Footer, ...]

    @contextmanager
    def newest_opened(self) -> Iterator[Sequence[BinaryIO]]:
        """Raises: OSError, StoreUnavailable."""
        with ExitStack() as opened:
            files = (self.storage.open(str(self.path), file.path)[0] for file in self.newest.files)
            yield [opened.enter_context(file) for file in files]


def look_at_table(path: Path | ObjectUrl, suite_name: str, stores: StoreOptions) -> DraftTable:
    """Raises: UsageError (nothing there, no partitions), InputError, StoreUnavailable."""
    if isinstance(path, Path):
        path = Path(os.path.abspath(path))  # noqa: PTH100 (a symlink stays one: it may move with the table)
    _refuse_one_partition(path)
    sample = choose_sample(path, stores=stores)
    hive = guess_keys(sample.directories, where=str(path))
    newest, footers = _newest(sample.storage, str(path), hive)
    return DraftTable(
        path=path,
        storage=sample.storage,
        hive=hive,
        suite=draft_from_sample(suite_name, path, sample),
        partition_rows=tuple(partition.n_rows for partition in sample.partitions),
        newest=newest,
        footers=footers,
    )


def _refuse_one_partition(path: Path | ObjectUrl) -> None:
    inside = PurePosixPath(path.key) if isinstance(path, ObjectUrl) else path
    table = inside
    while "=" in table.name or (table.suffix == ".parquet" and "=" in table.parent.name):
        table = table.parent
    if table != inside:
        named = replace(path, key=str(table)) if isinstance(path, ObjectUrl) else table
        raise UsageError(
            "this is one partition of a table, and a job scores all of them",
            where=str(path),
            fix=f"name the table itself: --from-parquet {named}",
        )


def _newest(storage: LakeStorage, path: str, hive: HiveNames) -> tuple[PartitionFiles, tuple[Footer, ...]]:
    """The last partition in the order of their paths, as a run would list it, and its files' footers: that of
    the few last which has rows, since of none every key would do. Raises: UsageError, InputError.
    """
    found = list_partitions(storage, path, hive.keys, keep=lambda _partition: True, marker=None)
    for refused in found.refused:
        if refused.directory == hive.highest or not found.partitions:
            error = refused.error
            raise UsageError(error.what, where=f"{path}/{error.where}", fix=_fix_of(error))
    last = [each for each in found.partitions if each.files][-_MOST_LOOKED_AT:]
    seen = [(each, _footers(storage, path, each)) for each in last[::-1]]
    return next((each for each in seen if any(footer.n_rows for footer in each[1])), seen[0])


def _footers(storage: LakeStorage, path: str, found: PartitionFiles) -> tuple[Footer, ...]:
    return tuple(read_footer(storage, path, file) for file in found.files)


def _fix_of(error: Exception) -> str | None:
    return error.fix if isinstance(error, PartitionPathRefused) else None
