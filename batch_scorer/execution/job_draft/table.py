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

_MOST_LOOKED_AT = 5  # partitions, for one with rows


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTable:
    """path: absolute, as it was given. newest: the last partition with rows. footers: of its files."""

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
    newest, footers = _newest(path, hive)
    return DraftTable(
        path=path,
        hive=hive,
        suite=draft_from_sample(suite_name, path, sample),
        partition_rows=tuple(partition.n_rows for partition in sample.partitions),
        newest=newest,
        footers=footers,
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


def _newest(path: Path, hive: HiveNames) -> tuple[PartitionFiles, tuple[Footer, ...]]:
    """The last partition in the order of their paths, as a run would list it, and its files' footers: that of
    the few last which has rows, since of none every key would do. Raises: UsageError, InputError.
    """
    found = list_partitions(LocalStorage(), str(path), hive.keys, keep=lambda _partition: True, marker=None)
    for refused in found.refused:
        if refused.directory == hive.highest or not found.partitions:
            error = refused.error
            raise UsageError(error.what, where=f"{path}/{error.where}", fix=_fix_of(error))
    last = [each for each in found.partitions if each.files][-_MOST_LOOKED_AT:]
    seen = [(each, _footers(path, each)) for each in last[::-1]]
    return next((each for each in seen if any(footer.n_rows for footer in each[1])), seen[0])


def _footers(path: Path, found: PartitionFiles) -> tuple[Footer, ...]:
    return tuple(read_footer(LocalStorage(), str(path), file) for file in found.files)


def _fix_of(error: Exception) -> str | None:
    return error.fix if isinstance(error, PartitionPathRefused) else None
