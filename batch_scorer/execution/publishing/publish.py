"""Make finished partitions visible, in an order that a crash at any point can be recovered from.

1. the input is still what was planned  2. the manifest is on disk, beside the staged files  3. ledger row
*publishing*, if the lease is still ours; then the manifest goes to its place  4. one atomic step of the sink
5. ledger row *published*. Only the driver does this. Several partitions take step 3 together, so that they
share its fsyncs; each becomes visible alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from batch_scorer.core.chunks import FILES, QUARANTINE, Accounting, ChunkScored, StagedFile
from batch_scorer.core.durable import NewNames, writing
from batch_scorer.core.errors import BatchScorerError, InternalError, OutputError, StoreUnavailable
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import GenerationRecord, Manifest, Pin
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.prepare import Prepared, moved
from batch_scorer.execution.publishing import quarantined
from batch_scorer.execution.publishing.manifests import manifest_of, record_of
from batch_scorer.execution.publishing.place import check_place
from batch_scorer.lake.sinks.sink import Kept, Publication
from batch_scorer.lake.storage.state_files import StagedDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A generation with its manifest, nothing of it visible yet.

    attempt: the directory with all of it, relative to the root of the state.
    """

    manifest: Manifest
    record: GenerationRecord
    attempt: str
    publication: Publication

    @property
    def partition(self) -> Partition:
        return self.manifest.partition


def stage(
    parts: JobParts,
    plan: Plan,
    prepared: Prepared,
    chunks: Sequence[ChunkScored],
    verdicts: tuple[Mapping[str, Any], ...],
    *,
    run_id: str,
    rows: Accounting,
    pin: Pin | None,
    warnings: Sequence[str],
) -> Staged:
    """Steps 1 and 2. verdicts: as `store_verdict` gave them.

    Raises: InputMoved, OutputError, DamageFound.
    """
    check_input_unmoved(parts, prepared)
    manifest = manifest_of(
        parts, plan, prepared, chunks, verdicts, run_id=run_id, rows=rows, pin=pin, warnings=warnings
    )
    return stage_manifest(parts, manifest, prepared.footing.current, staging=prepared.opening.staging)


def stage_manifest(
    parts: JobParts, manifest: Manifest, current: VisibleGeneration | None, *, staging: str
) -> Staged:
    """Step 2, for a run and for a rollback. current: what it replaces, asked under our lease.

    staging: the name of the attempt's directory.
    Raises: OutputError, DamageFound.
    """
    partition = manifest.partition
    _check_accounting(manifest)
    check_place(parts, partition, current)
    attempt = parts.places.attempt(partition, staging)
    if manifest.restores is None:  # else a rollback has given them their place
        quarantined.place(parts, manifest, f"{attempt}/{QUARANTINE}")
    fault_point(FaultPoint.QUARANTINE_PLACED)
    publication = publication_of(parts, record_of(manifest, ""), staging, manifest, current)
    if parts.job.output.success_marker:
        with writing(publication.staged.where):
            publication.staged.mark(SUCCESS_MARKER)
    fault_point(FaultPoint.BEFORE_MANIFEST)
    record = record_of(manifest, parts.manifests.stage(manifest, attempt))
    fault_point(FaultPoint.AFTER_MANIFEST)
    return Staged(manifest=manifest, record=record, attempt=attempt, publication=publication)


def begin(
    parts: JobParts, staged: Sequence[Staged], token: str, names: NewNames
) -> Mapping[Partition, BatchScorerError | None]:
    """Step 3 for several together: their rows in one transaction, their manifests with few fsyncs.

    names: of what their manifests speak of, which is to last, too.
    Returns: for each, why it must not become visible, if anything stops it. Raises: StoreUnavailable.
    """
    refused = _begin_rows(parts, staged, token)
    fault_point(FaultPoint.PUBLISHING_RECORDED)
    for each in staged:
        if refused[each.partition] is None:
            try:
                parts.manifests.put_in_place(each.record, each.attempt, names)
            except BatchScorerError as error:
                refused[each.partition] = error
    try:
        names.sync()
    except OutputError as error:  # nobody can say whose name may be lost
        refused = {partition: why or error for partition, why in refused.items()}
    fault_point(FaultPoint.MANIFEST_IN_PLACE)
    return refused


def show(parts: JobParts, staged: Staged) -> GenerationRecord:
    """Steps 4 and 5 of one that `begin` let through. Raises: OutputError, DamageFound."""
    manifest, record = staged.manifest, staged.record
    parts.sink.publish(staged.publication)
    fault_point(FaultPoint.BEFORE_PUBLISHED)
    parts.ledger.finish_publish(
        record.job, record.partition, record.number, datetime.now(UTC), manifest.columns
    )
    fault_point(FaultPoint.PUBLISHED_RECORDED)
    forget_old_generations(parts, manifest, has_replaced=staged.publication.base is not None)
    fault_point(FaultPoint.AFTER_CLEANUP)
    return record


def publish_manifest(parts: JobParts, manifest: Manifest, *, staging: str, token: str) -> GenerationRecord:
    """Steps 2 to 5 of one alone. Raises: OutputError, DamageFound, LeaseLost, StoreUnavailable."""
    current = parts.ledger.footing(manifest.job, manifest.partition).current
    staged = stage_manifest(parts, manifest, current, staging=staging)
    why_not = begin(parts, (staged,), token, NewNames())[manifest.partition]
    if why_not is not None:
        raise why_not
    return show(parts, staged)


def _begin_rows(
    parts: JobParts, staged: Sequence[Staged], token: str
) -> dict[Partition, BatchScorerError | None]:
    """One that is refused takes the rows of all with it: then each tries alone."""
    try:
        if staged:
            parts.ledger.begin_publishes([each.record for each in staged], token)
    except StoreUnavailable:
        raise
    except BatchScorerError as error:
        if len(staged) == 1:
            return {staged[0].partition: error}
        alone = [_begin_rows(parts, (each,), token) for each in staged]
        return {partition: why for refused in alone for partition, why in refused.items()}
    return {each.partition: None for each in staged}


def publication_of(
    parts: JobParts,
    record: GenerationRecord,
    staging: str,
    manifest: Manifest | None,
    current: VisibleGeneration | None,
) -> Publication:
    """What the sink is told: by a publish, and by the recovery of one. staging: name of the attempt.

    manifest: None, when it is lost; to undo what never was visible the names of its files will do.
    current: the generation that the ledger calls so.
    """
    named = tuple(StagedFile(name=n, n_rows=0, n_bytes=0, sha256="") for n in record.output_names)
    return Publication(
        partition=record.partition,
        generation=record.number,
        run_id=record.run_id,
        staged=staged_files(parts, parts.places.attempt(record.partition, staging)),
        files=manifest.outputs if manifest else named,
        columns=manifest.columns if manifest else (),
        base=kept(current) if current else None,
    )


def staged_files(parts: JobParts, attempt: str) -> StagedDirectory:
    """attempt: its directory, relative to the root of the state."""
    return StagedDirectory(parts.long, f"{attempt}/{FILES}")


def kept(record: GenerationRecord | VisibleGeneration) -> Kept:
    return Kept(generation=record.number, names=record.output_names)


def still_kept(parts: JobParts, partition: Partition) -> tuple[VisibleGeneration, ...]:
    """What a rollback could show again, newest first; of the ledger no more is read than that takes."""
    published = parts.ledger.published(parts.job.name, partition)
    return tuple(parts.sink.kept_among(partition, islice(published, 1, None)))


def check_input_unmoved(parts: JobParts, prepared: Prepared) -> None:
    """The files are the ones that were planned, hashed and read. Raises: InputMoved."""
    from batch_scorer.lake.finding.inventory import relist

    now = relist(parts.storage, parts.input_root, prepared.found)
    if not isinstance(now, PartitionFiles):
        raise moved(prepared.found, "it is gone" if now is None else now.error.what)
    if now.stamp_fingerprint != prepared.found.stamp_fingerprint:
        before = {file.path: file.stamp for file in prepared.found.files}
        after = {file.path: file.stamp for file in now.files}
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        raise moved(prepared.found, ", ".join(changed[:3]))


def forget_old_generations(parts: JobParts, current: Manifest, *, has_replaced: bool) -> None:
    """Keep the newest `output.keep_generations` replaced ones of a partition, and the rows they set aside.

    has_replaced: whether there was one before.
    """
    partition = current.partition
    history = parts.ledger.published(parts.job.name, partition) if has_replaced else iter(())
    newest = tuple(islice(history, 2))  # it, and the one it replaced
    there = tuple(parts.sink.kept_among(partition, chain(newest[1:], history)))
    n_kept = parts.job.output.keep_generations
    needed = frozenset(name for each in (*newest[:1], *there[:n_kept]) for name in each.output_names)
    for each in there[n_kept:]:
        parts.sink.forget(partition, kept(each), needed=needed)
    if parts.long.is_remote and not any(each.n_quarantined for each in (*newest, *there)):
        return  # there is nothing to list; what a crash left is gc's
    quarantined.forget_all_but(parts, current, frozenset(each.number for each in there[:n_kept]))


def _check_accounting(manifest: Manifest) -> None:
    """The last look before anything is visible: a row too many or too few is a bug of ours, and no output."""
    rows = manifest.rows
    for did, n_expected, files in (
        ("scored", rows.n_scored, manifest.outputs),
        ("quarantined", rows.n_quarantined, manifest.quarantine),
    ):
        n_rows = sum(file.n_rows for file in files)
        if n_rows != n_expected:
            raise InternalError(
                f"{n_expected:,} rows were {did}, but {n_rows:,} are in the staged files",
                where=manifest.partition.path,
                fix="nothing was published; please report this as a bug",
            )
