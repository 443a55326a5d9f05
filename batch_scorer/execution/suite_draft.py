"""A suite drafted from a table: here the lake's sample and the drafting room meet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch_scorer.core.stores import ObjectUrl, StoreOptions
from batch_scorer.lake.reading.sampling import Sample, choose_sample, pieces_of
from batch_scorer.validation.drafting.looking import look_at
from batch_scorer.validation.drafting.seen import TableSeen
from batch_scorer.validation.drafting.suite_text import Draft, draft_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedSuite:
    """looked_at: `15,002 of 61,000 rows, in 3 of 9 files, in 3 of 9 partitions of …`. seen: what was there.

    n_rows, n_files, n_partitions: of what was looked at.
    """

    draft: Draft
    seen: TableSeen
    looked_at: str
    n_rows: int
    n_files: int
    n_partitions: int


def draft_from_parquet(name: str, table: Path | ObjectUrl, stores: StoreOptions) -> DraftedSuite:
    """Raises: UsageError, FileUnreadable, InputMoved, StoreUnavailable."""
    return draft_from_sample(name, table, choose_sample(table, stores=stores))


def draft_from_sample(name: str, table: Path | ObjectUrl, sample: Sample) -> DraftedSuite:
    """table: as the notes call it. Raises: FileUnreadable, InputMoved, StoreUnavailable."""
    seen = look_at(
        pieces_of(sample),
        partition_rows=[partition.n_rows for partition in sample.partitions],
        n_files=sample.n_files_read,
    )
    looked_at = _in_words(table, sample, seen.n_rows)
    return DraftedSuite(
        draft=draft_suite(name, seen, looked_at=looked_at),
        seen=seen,
        looked_at=looked_at,
        n_rows=seen.n_rows,
        n_files=sample.n_files_read,
        n_partitions=len(sample.partitions),
    )


def _in_words(table: Path | ObjectUrl, sample: Sample, n_rows: int) -> str:
    n_there = sum(partition.n_rows for partition in sample.partitions)
    parts = [
        _of(n_rows, n_there, "row"),
        _of(sample.n_files_read, sample.n_files, "file"),
        _of(len(sample.partitions), sample.n_partitions, "partition"),
    ]
    return f"{', in '.join(parts)} of {table}"


def _of(n: int, n_there: int, noun: str) -> str:
    """`12 files` when that is all, `12 of 365 files` when it is not."""
    there = f"{n_there:,} {noun}" if n_there == 1 else f"{n_there:,} {noun}s"
    return there if n == n_there else f"{n:,} of {there}"
