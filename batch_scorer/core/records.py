"""What the ledger and the manifests remember: runs, attempts, generations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from batch_scorer.core.chunks import Accounting, ChunkCost, StagedFile
from batch_scorer.core.lakefiles import LakeFile, content_fingerprint
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import JOBS_OWN, ModelChoice
from batch_scorer.core.waivers import Waived, Waiver


class GenerationState(StrEnum):
    PUBLISHING = "publishing"
    PUBLISHED = "published"  # the current one is the published one with the highest number
    ABANDONED = "abandoned"


class AttemptState(StrEnum):
    PUBLISHED = "published"
    BLOCKED = "blocked"
    FAILED = "failed"


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    DIED = "died"  # its process is gone, and it never ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything that decides whether a partition is up to date. stamps: PartitionFiles.stamp_fingerprint."""

    stamps: str
    model_name: str
    model_version: int
    model_sha256: str
    suite_fingerprint: str
    config_fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Why a generation stays although it is outdated: a rollback, or a model that was asked for by name."""

    by: str
    at: dt.datetime  # aware, UTC
    why: str
    lifted_by: str | None = None
    lifted_at: dt.datetime | None = None

    @property
    def holds(self) -> bool:
        return self.lifted_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The audit record of one generation: `state/manifests/<job>/<partition>/<generation>.json`.

    run_id: the run that opened the generation, which its files name. published_run_id: the one that went on
    with it and published it, when that is another. restores: the generation whose files it shows again.
    inputs: with sha256. outputs: names relative to the partition's directory. previous_sha256: of the
    manifest of the generation before, None for the first: a hash chain per partition.
    columns: (name, Arrow type) of the output. input_columns: names seen in the input files.
    verdicts: {suite, stage, fingerprint, success, validation file}, and set_aside where a suite does that.
    quarantine: files with the rows set aside, in the generation's own directory below `state/quarantine`.
    waivers: of rules that set no row aside this time.
    model_signed_by: fingerprint of the trusted key whose signature of the model was asked for and checked.
    """

    job: str
    partition: Partition
    generation: int
    run_id: str
    ingredients: Ingredients
    input_fingerprint: str
    inputs: tuple[LakeFile, ...]
    outputs: tuple[StagedFile, ...]
    columns: tuple[tuple[str, str], ...]
    input_columns: tuple[str, ...]
    rows: Accounting
    model_alias: str | None
    model_manifest_sha256: str
    verdicts: tuple[Mapping[str, Any], ...]
    code_version: str
    environment: Mapping[str, str]
    created_at: dt.datetime  # aware, UTC
    previous_sha256: str | None
    guarantee: str  # how it was made visible: atomic exchange, or two renames
    warnings: tuple[str, ...] = ()
    published_run_id: str | None = None
    restores: int | None = None
    pin: Pin | None = None
    quarantine: tuple[StagedFile, ...] = ()
    waivers: tuple[Waived, ...] = ()
    model_signed_by: str | None = None
    format: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecord:
    """A generation as the ledger knows it."""

    job: str
    partition: Partition
    number: int
    run_id: str
    state: GenerationState
    ingredients: Ingredients
    inputs: tuple[LakeFile, ...]
    output_names: tuple[str, ...]
    rows: Accounting
    manifest_sha256: str
    created_at: dt.datetime
    published_at: dt.datetime | None = None
    restores: int | None = None
    pin: Pin | None = None

    @property
    def pinned(self) -> bool:
        return self.pin is not None and self.pin.holds

    @property
    def input_fingerprint(self) -> str:
        """Raises: ValueError, when the content of an input file is not known."""
        return content_fingerprint(self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEnd:
    """Where the next generation of a partition begins. last_number: of the newest in any state, 0 without
    one. manifest_sha256: of the current one.
    """

    last_number: int
    manifest_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """What one run did with one partition. error: as BatchScorerError.as_dict.

    partition: None only for a directory that is no partition; planning finds earlier failures by it.
    """

    run_id: str
    job: str
    partition_label: str
    partition_path: str
    state: AttemptState
    ingredients: Ingredients | None
    reasons: tuple[str, ...]
    started_at: dt.datetime
    finished_at: dt.datetime
    rows: Accounting | None = None
    generation: int | None = None
    headline: str = ""  # one line: what happened
    error: Mapping[str, Any] | None = None
    verdicts: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    cost: ChunkCost = field(default_factory=ChunkCost)
    partition: Partition | None = None


def attempt_found(
    record: GenerationRecord,
    manifest: Manifest,
    *,
    run_id: str,
    finished_at: dt.datetime,
    reason: str,
    how: str,
) -> AttemptRecord:
    """Of a published generation whose own run's row is missing. how: the end of its headline."""
    return AttemptRecord(
        run_id=run_id,
        job=record.job,
        partition=record.partition,
        partition_label=record.partition.label,
        partition_path=record.partition.path,
        state=AttemptState.PUBLISHED,
        ingredients=record.ingredients,
        reasons=(reason,),
        started_at=record.created_at,
        finished_at=finished_at,
        rows=record.rows,
        generation=record.number,
        headline=f"{record.rows.n_scored:,} scored; {how}",
        verdicts=manifest.verdicts,
        warnings=manifest.warnings,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of a whole job. newest: the published partition of the latest day. unsettled: for each partition that
    failed or was blocked since its last publish, if it had one, the newest try; by path.
    """

    n_published: int
    newest: Partition | None
    unsettled: tuple[AttemptRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRecord:
    """What the ledger knows about one partition as it stands: PartitionPast has less, for a plan.

    attempts: since the current generation, newest first. waivers: of this partition, oldest first.
    """

    partition: Partition
    current: GenerationRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentGeneration:
    """What planning asks about what is published of a partition: a large plan holds 100,000 of them.

    input_fingerprint: content_fingerprint of the input. n_read: its rows. inputs: None where nobody asked
    for them, as long as the stamps of what is there now are those in the ingredients.
    """

    number: int
    run_id: str
    ingredients: Ingredients
    input_fingerprint: str
    n_read: int
    pin: Pin | None = None
    inputs: tuple[LakeFile, ...] | None = None

    @property
    def pinned(self) -> bool:
        return self.pin is not None and self.pin.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPast:
    """What planning asks the ledger about one partition.

    attempts: since the current generation, newest first. waivers: of this partition, oldest first.
    """

    partition: Partition
    current: CurrentGeneration | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    waivers: tuple[Waiver, ...] = ()


def past_of(record: PartitionRecord) -> PartitionPast:
    """With the input files, so that content can be compared."""
    return PartitionPast(
        partition=record.partition,
        current=None if record.current is None else _with_inputs(record.current),
        attempts=record.attempts,
        waivers=record.waivers,
    )


def _with_inputs(generation: GenerationRecord) -> CurrentGeneration:
    return CurrentGeneration(
        number=generation.number,
        run_id=generation.run_id,
        ingredients=generation.ingredients,
        input_fingerprint=generation.input_fingerprint,
        n_read=generation.rows.n_read,
        pin=generation.pin,
        inputs=generation.inputs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One execution of ours. summary: counts by attempt state; command: argv as typed.

    model: `taxi_tips@3`; several, and as many of model_sha256, are separated by a comma and a space.
    parent_run_id: of the run that it retries. suite_fingerprint: over all suites of the job, then.
    planned: hive path of each partition that it set out to score, and the current generation then (0: none);
    None: a run of another kind, or recorded before that was known. choice: of the model.
    """

    run_id: str
    job: str
    state: RunState
    started_at: dt.datetime
    finished_at: dt.datetime | None
    exit_code: int | None
    model: str
    model_sha256: str
    command: tuple[str, ...]
    host: str
    pid: int
    user: str
    code_version: str
    target: str | None = None
    reason: str | None = None
    n_published: int = 0
    n_blocked: int = 0
    n_failed: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    cost: ChunkCost = field(default_factory=ChunkCost)
    error: Mapping[str, Any] | None = None
    guarantee: str | None = None  # how what it published became visible
    parent_run_id: str | None = None
    suite_fingerprint: str | None = None
    planned: Mapping[str, int] | None = None
    choice: ModelChoice = JOBS_OWN
