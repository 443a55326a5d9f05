"""Opening a generation, or going on with one that an earlier run opened and never published.

What its files hold is decided by the opening's key; only with an equal key, and only for files whose size
and hash are what their record says, is work of an earlier run taken over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ulid import ULID

from batch_scorer.core.chunks import FILES, QUARANTINE, RECORDS, SPILLS, Chunk, ChunkScored
from batch_scorer.core.durable import fsync_directory, remove_empty, writing
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
    """opening: as the ledger has it. staging: its directory. scored: chunks that need not be scored again."""

    opening: Opening
    staging: Path
    scored: tuple[ChunkScored, ...] = ()

    @property
    def files(self) -> Path:
        return self.staging / FILES


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
    staging = parts.places.staging(partition, opening.staging)
    _make(staging)
    fault_point(FaultPoint.STAGING_MADE)
    return Opened(opening=opening, staging=staging)


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
    """Everything that decides the bytes of the files: a new version of ours may write others."""
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
    ]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


def take_staging(parts: JobParts, opening: Opening, token: str) -> Opening:
    """Give its staging a name that only we know: whoever still writes to, or publishes from, the old one
    finds nothing.

    Raises: LeaseLost, OutputUnwritable.
    """
    root = parts.places.staging_root / opening.partition.path
    # One that was taken over half-way lies under its older name still.
    names = [name for name in (opening.staging, opening.renamed_from) if name and (root / name).is_dir()]
    renamed = replace(opening, staging=str(ULID()), renamed_from=names[0] if names else None)
    # The ledger first, which asks for our lease; a crash in between loses nothing, as it knows both names.
    parts.ledger.open_generation(renamed, token)
    fault_point(FaultPoint.RECOVERY_RENAMING)
    if renamed.renamed_from:
        with writing(root):
            (root / renamed.renamed_from).rename(root / renamed.staging)
            fsync_directory(root)
    return renamed


def discard_staging(parts: JobParts, partition: Partition, *, but: str | None = None) -> None:
    """Remove every attempt's directory of a partition whose lease we hold."""
    root = parts.places.staging_root / partition.path
    if not root.is_dir():
        return
    for directory in root.iterdir():
        if directory.name != but:
            shutil.rmtree(directory, ignore_errors=True)
    remove_empty(root, below=parts.places.staging_root)


def _go_on(parts: JobParts, found: Opening, token: str, chunks: tuple[Chunk, ...]) -> Opened:
    from batch_scorer.lake.staging.chunk_records import recorded_chunks

    opening = take_staging(parts, found, token)
    discard_staging(parts, found.partition, but=opening.staging)
    staging = parts.places.staging(found.partition, opening.staging)
    _make(staging)
    scored = tuple(recorded_chunks(staging, chunks))
    return Opened(opening=opening, staging=staging, scored=scored)


def _make(staging: Path) -> None:
    """A power cut may take it away again, with all it holds: then its chunks are scored anew. What is
    published from it is made durable by the sink.
    """
    with writing(staging):
        for part in (FILES, RECORDS, SPILLS, QUARANTINE):
            (staging / part).mkdir(parents=True, exist_ok=True)
