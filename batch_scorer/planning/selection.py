"""What the command line asked for, checked against the job's partition keys and made a predicate."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from batch_scorer.core.errors import UsageError
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.partitions import (
    KeyType,
    Partition,
    PartitionKey,
    PartitionValue,
    parse_partition_value,
)
from batch_scorer.core.plans import ModelChoice, PartitionPlan, Selection

if TYPE_CHECKING:
    from batch_scorer.config.job import Job


def check_selection(job: Job, selection: Selection) -> None:
    """Raises: UsageError, for a range without the one date key, a range that is upside down, or a
    --partition whose key is not declared or whose value is not of its type.
    """
    if selection.has_range:
        _check_range(job, selection)
    _asked_values(job, selection)


def keep_predicate(job: Job, selection: Selection) -> Callable[[Partition], bool]:
    """Whether a partition is in the range and among the --partition values that were asked for.

    Several values of one key are alternatives; different keys must all match.
    Raises: as check_selection.
    """
    overlaps = overlap_predicate(job, selection)
    if selection.exactly:
        exactly = frozenset(path for path, _ in selection.exactly)
        return lambda partition: partition.path in exactly
    if not is_ranged(selection):
        return lambda _partition: True
    decisive = {name for name, _ in selection.partitions}
    key = date_key(job)
    if key is not None and selection.has_range:
        decisive.add(key.name)
    return lambda partition: decisive.issubset(partition.names) and overlaps(partition)


def overlap_predicate(job: Job, selection: Selection) -> Callable[[Partition], bool]:
    """Whether a directory with the first keys only may hold anything that was asked for.

    Raises: as check_selection.
    """
    check_selection(job, selection)
    if selection.exactly:
        above = {path[:end] for path, _ in selection.exactly for end in _ends(path)}
        return lambda partition: partition.path in above
    asked = _asked_values(job, selection)
    first, last = selection.first_day, selection.last_day

    def overlaps(partition: Partition) -> bool:
        day = partition.date
        if day is not None and ((first and day < first) or (last and day > last)):
            return False
        values = dict(zip(partition.names, partition.values, strict=True))
        return all(values[name] in wanted for name, wanted in asked.items() if name in values)

    return overlaps


def is_ranged(selection: Selection) -> bool:
    """Whether certain partitions were asked for, by a range, by --partition or one by one."""
    return bool(selection.has_range or selection.partitions or selection.exactly)


def not_found(selection: Selection, entries: Iterable[PartitionPlan]) -> list[str]:
    """One warning for each partition that was asked for one by one, and is nowhere."""
    if not selection.exactly:
        return []
    there = {entry.partition.path if entry.partition else entry.label for entry in entries}
    return [f"{path} is not in the lake any more" for path, _ in selection.exactly if path not in there]


def since_success(selection: Selection, succeeded: Iterable[Partition]) -> Selection:
    """`--since last-success` as a range: from the newest day that a run which succeeded has published.

    succeeded: what such runs published. That day is included: late data may have come for it since. A
    later success about older days, such as a backfill, does not move the beginning back. Before the first
    success the range has no beginning.
    """
    days = [partition.date for partition in succeeded if partition.date is not None]
    if not selection.since_last_success or not days:
        return selection
    return replace(selection, first_day=max(days), since_last_success=False)


def as_options(selection: Selection, choice: ModelChoice | None = None) -> str:
    """As a person would type it, each option with a space before it."""
    options: list[tuple[str, object]] = [
        ("--from", selection.first_day),
        ("--to", selection.last_day),
        ("--since", "last-success" if selection.since_last_success else None),
        *(("--partition", shlex.quote(f"{key}={value}")) for key, value in selection.partitions),
        ("--reprocess", selection.reprocess),
        ("--limit", selection.limit),
        ("--model", shlex.quote(choice.version) if choice and choice.version else None),
        ("--model-as-of-date", "" if choice and choice.of_its_day else None),
    ]
    return "".join(f" {option} {value}".rstrip() for option, value in options if value is not None)


def date_key(job: Job) -> PartitionKey | None:
    """The one partition key of type date; None when there is none, or more than one."""
    keys = [key for key in job.input.partition_by if key.type is KeyType.DATE]
    return keys[0] if len(keys) == 1 else None


def _ends(path: str) -> Iterator[int]:
    """Where a path's directories end: `a=1/b=2` → 3, 7."""
    return (at for at in (*(i for i, char in enumerate(path) if char == "/"), len(path)))


def _check_range(job: Job, selection: Selection) -> None:
    if date_key(job) is None:
        declared = ", ".join(f"{key.name}: {key.type}" for key in job.input.partition_by)
        raise UsageError(
            "--from, --to and --since need exactly one partition key of type date; "
            f"{job.name} has {{{declared}}}",
            where="input.partition_by",
            fix="choose partitions with --partition KEY=VALUE",
        )
    first, last = selection.first_day, selection.last_day
    if first and last and first > last:
        raise UsageError(
            f"the range is empty: --from {first} is after --to {last}",
            fix=f"--from {last} --to {first}; both ends are included",
        )


def _asked_values(job: Job, selection: Selection) -> dict[str, set[PartitionValue]]:
    keys = {key.name: key for key in job.input.partition_by}
    asked: dict[str, set[PartitionValue]] = {}
    for name, text in selection.partitions:
        if name not in keys:
            raise _unknown_key(job, name)
        try:
            asked.setdefault(name, set()).add(parse_partition_value(keys[name], text))
        except ValueError as reason:
            raise UsageError(
                f'--partition {name}={text}: "{text}" {reason}',
                where=f"{name} is of type {keys[name].type} in input.partition_by",
            ) from None
    return asked


def _unknown_key(job: Job, name: str) -> UsageError:
    names = [key.name for key in job.input.partition_by]
    return UsageError(
        f'{job.name} has no partition key "{name}"{suggestion(name, names)}',
        where="--partition",
        fix=f"its keys are {', '.join(names)}",
    )
