"""Release rows from quarantine: let rules set no row of a partition aside while its input is what it is.

The ledger gets a waiver, under the partition's lease, and the next run scores the whole partition anew.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from batch_scorer.core.errors import UsageError
from batch_scorer.core.lakefiles import content_fingerprint
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import PartitionRecord
from batch_scorer.core.waivers import Waived, Waiver, rules_set_aside
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.auditing.quarantine import blocked_by_quarantine, chosen_rule, named
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import at_work
from batch_scorer.execution.publishing.place import check_replaceable
from batch_scorer.execution.publishing.recovery import take_settled_or_refuse
from batch_scorer.execution.survey import hashed


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """waiver: what is recorded; None: every rule was waived before. by_rule: rows that break each of its
    rules. before: older waivers of these very rules and this input.
    """

    partition: Partition
    waiver: Waiver | None
    by_rule: Mapping[str, int]
    before: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What set rows aside: the current generation, or the attempt that was blocked since."""

    input_fingerprint: str
    stamps: str
    by_rule: Mapping[str, int]


def choose(parts: JobParts, partition: str, rule: str | None, why: str) -> Release:
    """What a release would record; reads only.

    Raises: UsageError: nothing is set aside, no such rule, the input changed since, or a pin is in the way;
    OutputUnwritable: it is published, and could not be replaced.
    """
    record = named(parts, partition)
    current = record.current
    if current is not None and current.pinned:
        raise UsageError(
            f"{record.partition} is pinned: a release would score it anew with the job's own model",
            where=f"generation {current.number}",
            next_command=f"batch-scorer unpin {parts.job.name} "
            f"--partition {shlex.quote(record.partition.label)}",
        )
    source = _source(parts, record)
    if current is not None:  # else every run would try to, and fail, and nobody could take the waiver back
        check_replaceable(parts, record.partition)
    older = [each.waived for each in record.waivers if each.input_fingerprint == source.input_fingerprint]
    waived = {rule for each in older for rule in each.rules}
    if not source.by_rule and not waived:
        raise UsageError(
            f"no row of {record.partition} is in quarantine",
            next_command=f"batch-scorer quarantine list {parts.job.name}",
        )
    known = {**dict.fromkeys(waived, 0), **source.by_rule}
    wanted = set(known) if rule is None else {chosen_rule(rule, known, parts.job.name)}
    rules = tuple(sorted(wanted - waived))
    told = tuple(each for each in older if wanted & set(each.rules))
    if not rules:
        return Release(partition=record.partition, waiver=None, by_rule={}, before=told)
    return Release(
        partition=record.partition,
        waiver=Waiver(
            job=parts.job.name,
            partition=record.partition,
            input_fingerprint=source.input_fingerprint,
            stamps=source.stamps,
            after_generation=current.number if current else 0,
            waived=Waived(rules=rules, by=user_name(), at=datetime.now(UTC), why=why),
        ),
        by_rule={rule: source.by_rule[rule] for rule in rules},
        before=told,
    )


def release(parts: JobParts, partition: str, rule: str | None, why: str) -> Release:
    """Raises: as choose; LockHeld, while a run works on the partition; OutputError, DamageFound."""
    with at_work(parts.ledger, parts.places.presence, job=parts.job.name, verb="release") as leases:
        take_settled_or_refuse(parts, leases, named(parts, partition).partition)
        chosen = choose(parts, partition, rule, why)
        if chosen.waiver is not None:
            parts.ledger.record_waiver(chosen.waiver, leases.token)
        return chosen


def _source(parts: JobParts, record: PartitionRecord) -> _Source:
    """Raises: UsageError, when the input is not what was judged any more."""
    attempt, current = blocked_by_quarantine(record), record.current
    if attempt is not None and attempt.ingredients is not None:
        stamps = attempt.ingredients.stamps
        fingerprint = _content_now(parts, record.partition, stamps)
        return _Source(
            input_fingerprint=fingerprint, stamps=stamps, by_rule=rules_set_aside(attempt.verdicts)
        )
    if current is None:
        raise UsageError(
            f"no row of {record.partition} is in quarantine",
            next_command=f"batch-scorer quarantine list {parts.job.name}",
        )
    fingerprint = content_fingerprint(current.inputs)
    if _stamps_now(parts, record.partition) != current.ingredients.stamps:
        _content_now(parts, record.partition, None, expected=fingerprint)
    manifest = parts.manifests.read(
        current.job, current.partition, current.number, expected_sha256=current.manifest_sha256
    )
    return _Source(
        input_fingerprint=fingerprint,
        stamps=current.ingredients.stamps,
        by_rule=rules_set_aside(manifest.verdicts),
    )


def _stamps_now(parts: JobParts, partition: Partition) -> str:
    from batch_scorer.execution.suite_check import find_partition

    return find_partition(parts, partition.path).stamp_fingerprint


def _content_now(
    parts: JobParts, partition: Partition, stamps: str | None, *, expected: str | None = None
) -> str:
    """The content's fingerprint, if it has these stamps, or is that one. Raises: UsageError, InputError."""
    from batch_scorer.execution.suite_check import find_partition

    found = find_partition(parts, partition.path)
    if stamps in (None, found.stamp_fingerprint):
        fingerprint = content_fingerprint(hashed(parts, found.files, found.files))
        if expected in (None, fingerprint):
            return fingerprint
    raise UsageError(
        f"the input of {partition} has changed since its rows were set aside: a waiver is for one input only",
        where=found.directory,
        fix="let the new input be scored first, and look at what it sets aside",
        next_command=f"batch-scorer plan {parts.job.name}",
    )
