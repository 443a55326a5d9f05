"""Opening a generation, or going on with one that an earlier run opened and never published.

What its files hold is decided by the opening's key; only with an equal key, and only for files whose size
and hash are what their record says, is work of an earlier run taken over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ulid import ULID

from batch_scorer.core.chunks import FILES, QUARANTINE, RECORDS, SPILLS, Chunk, ChunkScored
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.footing import Footing
from batch_scorer.core.lakefiles import PartitionFiles, content_fingerprint
from batch_scorer.core.leases import Opening
from batch_scorer.core.models import ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Plan
from batch_scorer.core.waivers import Waived
from batch_scorer.execution.parts import JobParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """opening: as the ledger has it. attempt: its directory, relative to the root of the state.

    scored: chunks that need not be scored again.
    """

    opening: Opening
    attempt: str
    scored: tuple[ChunkScored, ...] = ()


def open_generation(
    parts: JobParts,
    footing: Footing,
    *,
    run_id: str,
    token: str,
    key: str,
    chunks: Sequence[Chunk] = (),
) -> Opened:
    """The generation to work on, with directories to stage into. Our lease keeps all others away.

    footing: asked under it.

    Raises: LeaseLost, OutputUnwritable, DiskFull.
    """
    partition, found = footing.partition, footing.opening
    number, follows = footing.end.last_number + 1, footing.end.manifest_sha256
    # The same number and the same one before it: nothing was published or burnt since it was opened.
    if found is not None and (found.key, found.number, found.previous_sha256) == (key, number, follows):
        return _go_on(parts, found, token, tuple(chunks))
    if found is not None:  # else `recover` has removed what was nobody's
        discard_staging(parts, partition)
    opening = Opening(
        job=parts.job.name,
        partition=partition,
        number=number,
        run_id=run_id,
        key=key,
        staging=str(ULID()),
        opened_at=datetime.now(UTC),
        previous_sha256=follows,
    )
    # The ledger first: a directory that it does not know is nobody's.
    parts.ledger.open_generation(opening, token)
    fault_point(FaultPoint.GENERATION_OPENED)
    attempt = _made(parts, opening)
    fault_point(FaultPoint.STAGING_MADE)
    return Opened(opening=opening, attempt=attempt)


def opening_of(parts: JobParts, partition: Partition) -> Opening | None:
    return next(iter(parts.ledger.openings(parts.job.name, partition)), None)


def opening_key(
    parts: JobParts,
    plan: Plan,
    model: ModelPin,
    found: PartitionFiles,
    chunks: Sequence[Chunk],
    columns: tuple[tuple[str, str], ...],
    waived: Sequence[Waived] = (),
) -> str:
    """Everything that decides the bytes of the files: another build of ours may write others, and so may the
    project's own code, of which the hash of the model says nothing.
    """
    cuts = [[c.file.path, c.row_groups, c.row_limit, c.rows_beyond] for c in chunks]
    ingredients = [
        content_fingerprint(found.files),
        model.name,
        model.version,
        model.sha256,
        model.manifest_sha256,
        plan.suite_fingerprint,
        plan.config_fingerprint,
        parts.code_version,
        dict(parts.environment),
        parts.job.output.file_size,
        columns,
        cuts,
        sorted({rule for each in waived for rule in each.rules}),
        parts.scoring_code.sha256,
    ]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def take_staging(parts: JobParts, opening: Opening, token: str) -> Opening:
    """Give its staging a name that only we know: whoever still writes to, or publishes from, the old one
    finds nothing.

    In a store nothing is renamed. Who still writes there does so under names of its own, which no outcome of
    ours tells; who would publish from there has lost its lease, and else is kept from it by the sink's fence.
    Raises: LeaseLost, OutputUnwritable.
    """
    if parts.long.is_remote:
        parts.ledger.open_generation(opening, token)  # asks for our lease
        return opening
    root = parts.places.staging(opening.partition)
    there = set(parts.long.directories(root, 1))
    # One that was taken over half-way lies under its older name still.
    names = [name for name in (opening.staging, opening.renamed_from) if name in there]
    renamed = replace(opening, staging=str(ULID()), renamed_from=names[0] if names else None)
    # The ledger first, which asks for our lease; a crash in between loses nothing, as it knows both names.
    parts.ledger.open_generation(renamed, token)
    fault_point(FaultPoint.RECOVERY_RENAMING)
    if renamed.renamed_from:
        parts.long.rename(f"{root}/{renamed.renamed_from}", renamed.staging)
    return renamed


def discard_staging(parts: JobParts, partition: Partition, *, but: str | None = None) -> None:
    """Remove every attempt's directory of a partition whose lease we hold."""
    parts.long.remove(parts.places.staging(partition), but=but)


def _go_on(parts: JobParts, found: Opening, token: str, chunks: tuple[Chunk, ...]) -> Opened:
    from batch_scorer.lake.staging.chunk_records import recorded_chunks

    opening = take_staging(parts, found, token)
    discard_staging(parts, found.partition, but=opening.staging)
    attempt = _made(parts, opening)
    scored = tuple(recorded_chunks(parts.long.below(attempt), chunks))
    return Opened(opening=opening, attempt=attempt, scored=scored)


def _made(parts: JobParts, opening: Opening) -> str:
    """A power cut may take it away again, with all it holds: then its chunks are scored anew. What is
    published from it is made durable by the sink.
    """
    attempt = parts.places.attempt(opening.partition, opening.staging)
    for part in (FILES, RECORDS, SPILLS, QUARANTINE):
        parts.long.make(f"{attempt}/{part}")
    return attempt
