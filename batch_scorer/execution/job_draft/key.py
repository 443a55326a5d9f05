"""Which columns tell the rows of a partition apart: one column where there is one, else two together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from batch_scorer.core.chunks import AUDIT_COLUMNS
from batch_scorer.core.errors import UsageError
from batch_scorer.core.nearest import suggestion
from batch_scorer.execution.job_draft.table import DraftTable
from batch_scorer.lake.staging.keys import DuplicateKeys, duplicate_keys
from batch_scorer.validation.drafting.rules import looks_like_key
from batch_scorer.validation.drafting.seen import ColumnSeen, Kind

_TIMES = (("Timestamp",), ("datetime64",))
_MOST_TRIED = 12  # single columns, then pairs: each is a pass over a column of the newest partition


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenKey:
    """why: what was looked at, for the person who reviews it."""

    columns: tuple[str, ...]
    why: str


def choose_key(table: DraftTable, asked: Sequence[str]) -> ChosenKey:
    """asked: columns from the command line, held against the data; empty: the first that will do.

    Proven on every row of the newest partition, and on the rows looked at of the others as far as nulls go.
    Raises: UsageError.
    """
    where = f"{table.newest.partition.label}, the newest partition"
    if asked:
        _check(table, asked)
        return ChosenKey(columns=tuple(asked), why=f"as asked for; no value twice in {where}")
    for columns in _candidates(table):
        if not _duplicates(table, columns).n_rows:
            together = " together" if len(columns) > 1 else ""
            return ChosenKey(columns=columns, why=f"no nulls seen, and no value twice{together} in {where}")
    raise UsageError(
        f"neither a column nor two together tell the rows of {where}, apart, and predictions need a key",
        where=str(table.path),
        fix="name the columns that do with --key, once for each; or add an id where the table is written",
    )


def _check(table: DraftTable, asked: Sequence[str]) -> None:
    """Raises: UsageError, when a run would not take these columns for a key."""
    seen = {column.name: column for column in table.suite.seen.columns}
    for name in asked:
        if name not in seen:
            raise UsageError(
                f'--key: not every file has a column "{name}"{suggestion(name, seen)}', where=str(table.path)
            )
        if seen[name].n_missing:
            what = f'--key: "{name}" is null in {seen[name].n_missing:,} of the rows looked at'
            raise UsageError(what, where=str(table.path), fix="name columns without nulls")
    twice = _duplicates(table, asked)
    if twice.n_rows:
        raise UsageError(
            f"--key: {twice.n_rows:,} rows of {table.newest.partition.label} share theirs with another row, "
            f"such as {twice.examples[0]}",
            where=str(table.path),
            fix="add a column with another --key",
        )


def _candidates(table: DraftTable) -> Iterator[tuple[str, ...]]:
    single = [
        column
        for column in _usable(table)
        if column.kind in (Kind.WHOLE, Kind.TEXT) or column.types in _TIMES
    ]
    # Stable: then in file order.
    single.sort(key=lambda column: (not looks_like_key(column.name), column.types in _TIMES))
    yield from islice(_names((column,) for column in single if _may_be_unique(column)), _MOST_TRIED)
    varied = sorted(_usable(table), key=lambda column: (not looks_like_key(column.name), _n_distinct(column)))
    yield from islice(_names(combinations(varied, 2)), _MOST_TRIED)


def _names(groups: Iterable[Sequence[ColumnSeen]]) -> Iterator[tuple[str, ...]]:
    return (tuple(column.name for column in group) for group in groups)


def _usable(table: DraftTable) -> list[ColumnSeen]:
    taken = {key.name.lower() for key in table.hive.keys} | {name.lower() for name, _ in AUDIT_COLUMNS}
    return [
        column
        for column in table.suite.seen.columns
        if not column.n_missing
        and column.name.lower() not in taken
        and column.kind not in (Kind.NUMBER, Kind.MIXED)
        and column.types != ("bool",)
    ]


def _may_be_unique(column: ColumnSeen) -> bool:
    """Not when the rows looked at say otherwise already."""
    if looks_like_key(column.name) and not column.is_unique:
        return False
    is_counted = column.distinct is not None and column.types not in _TIMES
    return not is_counted or len(column.distinct or ()) == column.n_rows


def _n_distinct(column: ColumnSeen) -> float:
    """Those with most values first: there were too many to count."""
    return -float("inf") if column.distinct is None else -len(column.distinct)


def _duplicates(table: DraftTable, columns: Sequence[str]) -> DuplicateKeys:
    n_rows = sum(footer.n_rows for footer in table.footers)
    with table.newest_opened() as files:
        return duplicate_keys(files, columns, n_rows=n_rows)
