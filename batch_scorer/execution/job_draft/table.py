"""The table that a job is drafted from: its hive keys, what its rows hold, its newest partition in full."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.errors import PartitionPathRefused, UsageError
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.execution.suite_draft import DraftedSuite, draft_from_sample
from batch_scorer.lake.footers import read_footer
from batch_scorer.lake.hive_names import HiveNames, guess_keys
from batch_scorer.lake.inventory import list_partitions
from batch_scorer.lake.sampling import choose_sample
from batch_scorer.lake.storage import LocalStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTable:
    """path: absolute, as it was given. newest: the last partition, with the footers of its files."""

    path: Path
    hive: HiveNames
    suite: DraftedSuite
    partition_rows: tuple[int, ...]
    newest: PartitionFiles
    footers: tuple[Footer, ...]

    @property
    def newest_paths(self) -> tuple[Path, ...]:
        return tuple(self.path / file.path for file in self.newest.files)


def look_at_table(path: Path, suite_name: str) -> DraftTable:
    """Raises: UsageError (nothing there, no partitions), InputError, StoreUnavailable."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 (a symlink stays one: it may move with the table)
    _refuse_one_partition(path)
    sample = choose_sample(path)
    hive = guess_keys(sample.directories, where=str(path))
    newest = _newest(path, hive)
    return DraftTable(
        path=path,
        hive=hive,
        suite=draft_from_sample(suite_name, path, sample),
        partition_rows=tuple(partition.n_rows for partition in sample.partitions),
        newest=newest,
        footers=tuple(read_footer(LocalStorage(), str(path), file) for file in newest.files),
    )


def _refuse_one_partition(path: Path) -> None:
    table = path
    while "=" in table.name or (table.suffix == ".parquet" and "=" in table.parent.name):
        table = table.parent
    if table != path:
        raise UsageError(
            "this is one partition of a table, and a job scores all of them",
            where=str(path),
            fix=f"name the table itself: --from-parquet {table}",
        )


def _newest(path: Path, hive: HiveNames) -> PartitionFiles:
    """The last partition in the order of their paths, as a run would list it. Raises: UsageError."""
    found = list_partitions(LocalStorage(), str(path), hive.keys, keep=lambda _partition: True, marker=None)
    for refused in found.refused:
        if refused.directory == hive.highest or not found.partitions:
            error = refused.error
            raise UsageError(error.what, where=f"{path}/{error.where}", fix=_fix_of(error))
    return [each for each in found.partitions if each.files][-1]


def _fix_of(error: Exception) -> str | None:
    return error.fix if isinstance(error, PartitionPathRefused) else None
