"""Which rows were set aside, by which rules, of what is published and of what was blocked. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import UsageError
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.partitions import Partition, typed
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    GenerationRecord,
    GenerationState,
    PartitionRecord,
)
from batch_scorer.core.waivers import Waived, rules_set_aside
from batch_scorer.execution.naming import record_named, records_at
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined
from batch_scorer.lake.storage.stored_files import StoredFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAside:
    """What one generation set aside; or, when generation is None, what a blocked attempt would have.

    rows: its whole account. by_rule: `suite: rule in words` and how many rows break it. files: where the rows
    are, by name in `kept`; none of a blocked attempt.
    """

    partition: Partition
    generation: int | None
    is_current: bool
    run_id: str
    rows: Accounting
    by_rule: Mapping[str, int]
    kept: StoredFiles | None = None
    files: tuple[str, ...] = ()
    waivers: tuple[Waived, ...] = ()


def list_aside(parts: JobParts) -> Iterator[RowsAside]:
    """Of every partition, by path, the newest generation first; generations whose rows are kept.

    Raises: DamageFound, when a manifest is not as recorded.
    """
    # Of most partitions there is nothing to tell: only those are read that may have something.
    paths = {*_with_rows_kept(parts), *parts.ledger.blocked_paths(parts.job.name)}
    for known in records_at(parts.ledger, parts.job.name, sorted(paths)):
        partition = known.partition
        blocked = blocked_by_quarantine(known)
        if blocked is not None:
            yield _of_attempt(partition, blocked)
        for number in reversed(quarantined.numbers(parts, partition)):
            record = parts.ledger.generation(parts.job.name, partition, number)
            if record is not None and record.state is GenerationState.PUBLISHED:
                yield _of_generation(parts, record, is_current=record == known.current)


def aside_of_partition(parts: JobParts, text: str) -> RowsAside:
    """Of the current generation of `2024-01-01`, or `ride_date=…`. Raises: UsageError, DamageFound."""
    record = named(parts, text)
    if record.current is None:
        raise UsageError(
            f"{record.partition} was never published: rows of a blocked partition are not kept",
            next_command=f"batch-scorer show {typed(parts.job.name, record.partition.path)} --validation",
        )
    return _of_generation(parts, record.current, is_current=True)


def aside_of_run(parts: JobParts, run_id: str) -> Iterator[RowsAside]:
    """Of each partition that the run published without all of its rows. Raises: DamageFound."""
    for attempt in parts.ledger.attempts(run_id):
        if attempt.partition is None or not attempt.rows or not attempt.rows.n_quarantined:
            continue
        record = parts.ledger.generation(parts.job.name, attempt.partition, attempt.generation or 0)
        current = parts.ledger.generation(parts.job.name, attempt.partition, None)
        if record is not None and attempt.generation is not None:
            yield _of_generation(parts, record, is_current=record == current)


def aside_by_run(parts: JobParts, run_id: str) -> tuple[list[str], list[str]]:
    """Hive paths of the partitions of which the run set rows aside: those that are still as it left them, and
    those that a later run has worked on.
    """
    tries = {
        attempt.partition: attempt
        for attempt in parts.ledger.attempts(run_id)
        if attempt.partition is not None and rules_set_aside(attempt.verdicts)
    }
    known = records_at(parts.ledger, parts.job.name, [partition.path for partition in tries])
    records = {record.partition: record for record in known}
    found: list[str] = []
    moved: list[str] = []
    for partition, attempt in tries.items():
        record = records.get(partition)
        blocked = blocked_by_quarantine(record) if record else None
        if blocked is not None:
            is_its = blocked.run_id == run_id
        else:
            current = record.current if record else None
            is_its = current is not None and attempt.generation == current.number
        (found if is_its else moved).append(partition.path)
    return found, moved


def named(parts: JobParts, text: str) -> PartitionRecord:
    """Raises: UsageError."""
    found = record_named(parts, text)
    if found is None:
        raise UsageError(
            f"{parts.job.name} has no record of partition {text}",
            fix="write it as the directory is named, e.g. ride_date=2024-01-01",
            next_command=f"batch-scorer quarantine list {parts.job.name}",
        )
    return found


def blocked_by_quarantine(record: PartitionRecord) -> AttemptRecord | None:
    """The newest attempt since the current generation, when it was blocked with rows set aside."""
    newest = record.attempts[0] if record.attempts else None
    if newest is None or newest.state is not AttemptState.BLOCKED or not rules_set_aside(newest.verdicts):
        return None
    return newest


def chosen_rule(rule: str, known: Mapping[str, int] | set[str], job: str) -> str:
    """The rule, `suite: rule` or without its suite, that was meant. Raises: UsageError."""
    fitting = [each for each in known if rule in (each, each.partition(": ")[2])]
    if len(fitting) == 1:
        return fitting[0]
    bare = [*known, *(each.partition(": ")[2] for each in known)]
    what = f'several suites have the rule "{rule}"' if fitting else f'no row was set aside by "{rule}"'
    raise UsageError(
        what + ("" if fitting else suggestion(rule, bare)),
        fix=f"one of: {'; '.join(sorted(known)) or 'none'}",
        next_command=f"batch-scorer quarantine list {job}",
    )


def _with_rows_kept(parts: JobParts) -> Iterator[str]:
    """Hive paths, and whatever else lies there, as far as a ledger can be asked for it."""
    for path in quarantined.partitions_with_some(parts):
        with suppress(UnicodeEncodeError):
            path.encode()
            yield path


def _of_generation(parts: JobParts, record: GenerationRecord, *, is_current: bool) -> RowsAside:
    manifest = parts.manifests.read(
        record.job, record.partition, record.number, expected_sha256=record.manifest_sha256
    )
    return RowsAside(
        partition=record.partition,
        generation=record.number,
        is_current=is_current,
        run_id=manifest.published_run_id or manifest.run_id,
        rows=manifest.rows,
        by_rule=rules_set_aside(manifest.verdicts),
        kept=quarantined.rows_at(parts, record.partition, record.number),
        files=tuple(file.name for file in manifest.quarantine),
        waivers=manifest.waivers,
    )


def _of_attempt(partition: Partition, attempt: AttemptRecord) -> RowsAside:
    return RowsAside(
        partition=partition,
        generation=None,
        is_current=False,
        run_id=attempt.run_id,
        rows=attempt.rows or Accounting(n_read=0, n_scored=0),
        by_rule=rules_set_aside(attempt.verdicts),
    )


def rows_in(aside: RowsAside, rule: str | None) -> Iterator[dict[str, Any]]:
    """Raises: FileUnreadable, StoreUnavailable."""
    from batch_scorer.lake.staging.quarantine import read_rows

    return iter(()) if aside.kept is None else read_rows(aside.kept, aside.files, rule)
