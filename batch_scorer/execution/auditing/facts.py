"""Gather what ledger, manifests and files say about a partition. Reads only, and trusts nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from batch_scorer.core.errors import InputError
from batch_scorer.core.findings import Finding, FindingKind, ManifestFile, OutputEntry, PartitionFacts
from batch_scorer.core.holdings import DELTA_LOG, current_record, is_as_recorded
from batch_scorer.core.partitions import Partition, parse_partition_path
from batch_scorer.core.records import GenerationRecord
from batch_scorer.core.runs import RunHead
from batch_scorer.core.stores import is_object_url
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing import quarantined

NONSENSE = (ValueError, KeyError, TypeError)  # what records raise when a row was edited into the impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Every partition that anything is known of, by hive path, and what lies where no partition can.

    partitions: None for a path with manifests that stands for no partition.
    """

    partitions: dict[str, Partition | None]
    intruders: tuple[Finding, ...]


def look_around(parts: JobParts, keep: Callable[[Partition], bool]) -> Surroundings:
    """What ledger, manifests and the table know, as far as `keep` is true; of the rest only what is odd.

    Raises: StoreUnavailable, DamageFound.
    """
    from batch_scorer.lake.published.looking import walk_table
    from batch_scorer.ledger.manifest_files import partitions_with_manifests

    found: dict[str, Partition | None] = {partition.path: partition for partition in _in_ledger(parts)}
    for path in partitions_with_manifests(parts.kept, parts.job.name):
        found.setdefault(path, _partition(parts, path))
    intruders = []
    for path, is_leaf in walk_table(parts.published, len(parts.job.input.partition_by)):
        if _is_log(parts, path):
            continue
        partition = found.get(path) or _partition(parts, path)
        if is_leaf and partition is not None:
            found[path] = partition
        else:
            intruders.append(_intruder(parts, path, is_directory=is_leaf))
    kept = {path: p for path, p in sorted(found.items()) if p is None or keep(p)}
    return Surroundings(partitions=kept, intruders=tuple(intruders))


def look_at(parts: JobParts, path: str, partition: Partition | None) -> PartitionFacts:
    """One look at one partition. Raises: StoreUnavailable, DamageFound."""
    from batch_scorer.lake.published.looking import list_published
    from batch_scorer.ledger.manifest_files import manifest_files
    from batch_scorer.ledger.manifests import directory_of

    records: tuple[GenerationRecord, ...] = ()
    runs: dict[str, RunHead] = {}
    nonsense = None
    try:
        records = records_of(parts, partition)
        runs = parts.ledger.run_heads({record.run_id for record in records})  # an absence is a finding
    except NONSENSE as error:
        nonsense = str(error)
    expected = {name for record in records for name in record.output_names}
    manifests = manifest_files(parts.kept, parts.job.name, path)
    facts = PartitionFacts(
        job=parts.job.name,
        path=path,
        partition=partition,
        directory=parts.published.at(path),
        manifests_at=parts.kept.at(directory_of(parts.job.name, path)),
        ledger_at=parts.ledger_at,
        records=records,
        runs=runs,
        nonsense=nonsense,
        manifests=manifests,
        outputs=_seen_by_readers(
            parts,
            partition,
            expected,
            manifests,
            list_published(parts.published, path, wants_footer=lambda name: name not in expected),
        ),
    )
    current = current_record(facts)
    file = recorded_manifest(facts, current)
    if current is None or file is None or file.manifest is None or not file.manifest.quarantine:
        return facts
    quarantine = quarantined.rows_at(parts, current.partition, current.number)
    kept = list_published(quarantine, "", wants_footer=lambda _: False)
    return replace(facts, quarantine_at=quarantine.root, quarantine=kept or ())


def _seen_by_readers(
    parts: JobParts,
    partition: Partition | None,
    recorded: set[str],
    manifests: Sequence[ManifestFile],
    entries: tuple[OutputEntry, ...] | None,
) -> tuple[OutputEntry, ...] | None:
    """Without files of earlier generations: in a Delta table they stay beside those of the current one."""
    if parts.job.output.format != "delta" or partition is None:
        return entries
    visible = parts.sink.visible(partition)
    if entries is None:  # in a store a partition without rows has no directory, and yet it is there
        return () if visible is not None and is_object_url(parts.places.predictions) else None
    told = {file.name for each in manifests if each.manifest for file in each.manifest.outputs}
    hidden = (recorded | told) - (visible or frozenset())
    return tuple(entry for entry in entries if entry.name not in hidden)


def _is_log(parts: JobParts, path: str) -> bool:
    return parts.job.output.format == "delta" and path.partition("/")[0] == DELTA_LOG


def records_of(parts: JobParts, partition: Partition | None) -> tuple[GenerationRecord, ...]:
    """Oldest first."""
    if partition is None:
        return ()
    history = parts.ledger.generations(parts.job.name, partition)
    return tuple(sorted(history, key=lambda record: record.number))


def recorded_manifest(facts: PartitionFacts, record: GenerationRecord | None) -> ManifestFile | None:
    """The manifest of a generation, when it is the one that the ledger recorded."""
    file = facts.manifest_file(record.number) if record else None
    return file if record is not None and is_as_recorded(record, file) else None


def _in_ledger(parts: JobParts) -> tuple[Partition, ...]:
    """None, when one row makes no sense: manifests and table know the partitions, too."""
    ledger, job = parts.ledger, parts.job.name
    try:
        tried = (attempt.partition for attempt in ledger.standing(job).unsettled)
        return (*ledger.partitions(job), *(partition for partition in tried if partition is not None))
    except NONSENSE:
        return ()


def _partition(parts: JobParts, path: str) -> Partition | None:
    try:
        return parse_partition_path(parts.job.input.partition_by, path)
    except InputError:
        return None


def _intruder(parts: JobParts, path: str, *, is_directory: bool) -> Finding:
    return Finding(
        kind=FindingKind.DIRECTORY_UNEXPECTED if is_directory else FindingKind.FILE_UNEXPECTED,
        partition="",
        file=parts.published.at(path),
        what="only partitions belong into the table",
    )
