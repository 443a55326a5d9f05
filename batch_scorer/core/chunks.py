"""What travels to a worker and back: settings and small numbers, never data or connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from batch_scorer.core.batches import USUAL_ROWS, SmallerBatches, smallest
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.expressions.trees import Expression, OutputColumn
from batch_scorer.core.key_spans import KeySpan
from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.core.models import ColumnSpec, Compiled, Method, ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.stores import NO_OPTIONS, StoreOptions
from batch_scorer.core.validation import SetAside, SuiteScan


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One unit of parallel work: some row groups of one file.

    index: position within the partition, in file and row order. n_rows: as the footer claims.
    row_limit: read at most so many rows (input.limit_rows). row_offset: rows of the file before this chunk.
    rows_beyond: rows of the partition that are in no chunk, because they lie beyond the limit that this
    chunk reaches; it answers for them as read and dropped.
    """

    partition: Partition
    file: LakeFile
    row_groups: tuple[int, ...]
    index: int
    n_rows: int
    row_offset: int
    row_limit: int | None = None
    rows_beyond: int = 0

    def __post_init__(self) -> None:
        if not self.row_groups or list(self.row_groups) != sorted(set(self.row_groups)):
            raise ValueError(f"row groups {self.row_groups} are not a non-empty ascending list")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """What a strict reader takes from every file of a partition, and how it must look.

    root: the input root (a path or URI). features: cast without loss to the signature's types. model: whose
    they are, `taxi_tips@3`, for messages.
    carried: (name, Arrow type) of key and kept columns, exactly as every file of the partition has them.
    key: those of them that name a row: never null. where: rows for which it is not true are dropped.
    filter_columns: (name, Arrow type) it reads. checked: names of columns that suites look at, as they are.
    stores: how to reach the root where it is in an object store.
    max_batch_rows: usually; fewer where rows are wide (core.batches). memory_bytes: of a worker; what would
    need more is refused.
    """

    root: str
    features: tuple[ColumnSpec, ...]
    carried: tuple[tuple[str, str], ...]
    key: tuple[str, ...] = ()
    where: Expression | None = None
    filter_columns: tuple[tuple[str, str], ...] = ()
    checked: tuple[str, ...] = ()
    model: str | None = None
    max_batch_rows: int = USUAL_ROWS
    stores: StoreOptions = NO_OPTIONS
    memory_bytes: int | None = None


# (name, Arrow type) of what every output file holds beside the carried columns and the outputs.
AUDIT_COLUMNS = (
    ("_run_id", "string"),
    ("_model_version", "string"),
    ("_scored_at", "timestamp[us, UTC]"),
)


# Below the staging directory of an attempt.
FILES, RECORDS, SPILLS, QUARANTINE = "files", "chunks", "spills", "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """What a chunk's file holds: carried columns, outputs, audit columns, and where it is staged.

    staging: directory of this attempt, or its URL; its files, what is known of finished chunks, what suites
    had no room for in memory, and rows set aside lie in directories below it, so that the first can be
    published whole.
    metadata: footer key-values that are known before scoring. stores: how to reach staging in one.
    is_passed_through: staging is where files wait for their upload, which is what makes them last.
    """

    staging: str
    run_id: str
    carried: tuple[tuple[str, str], ...]
    outputs: tuple[OutputColumn, ...]
    model_version: str
    max_file_bytes: int
    metadata: tuple[tuple[str, str], ...] = ()
    stores: StoreOptions = NO_OPTIONS
    is_passed_through: bool = False

    @property
    def files(self) -> str:
        return f"{self.staging}/{FILES}"

    @property
    def records(self) -> str:
        return f"{self.staging}/{RECORDS}"

    @property
    def spills(self) -> str:
        return f"{self.staging}/{SPILLS}"

    @property
    def quarantine(self) -> str:
        return f"{self.staging}/{QUARANTINE}"

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, Arrow type) of an output file, in order."""
        return output_columns(self.carried, self.outputs)


def output_columns(
    carried: tuple[tuple[str, str], ...], outputs: tuple[OutputColumn, ...]
) -> tuple[tuple[str, str], ...]:
    """(name, Arrow type) of an output file, in order: carried columns, outputs, audit columns."""
    return (*carried, *((column.name, column.type) for column in outputs), *AUDIT_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTask:
    """Everything a worker needs for one chunk. code: directories put on sys.path first.

    scans: the suites whose partials it computes on the way. only_checks: nothing else is wanted, because its
    partition is certain to be blocked. along: short chunks, of any partitions, that the worker scores after
    it, one by one; see ChunksDone.
    """

    chunk: Chunk
    read: ReadSpec
    model: ModelPin
    method: Method
    output: OutputSpec
    code: tuple[str, ...] = ()
    scans: tuple[SuiteScan, ...] = ()
    only_checks: bool = False
    along: tuple[ChunkTask, ...] = ()
    compiled: Compiled = Compiled.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A finished, fsynced Parquet file in a staging directory. sha256: taken while it was written."""

    name: str
    n_rows: int
    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCost:
    """What a chunk cost, or all of a partition or a run together.

    load_s … cpu_s: worker seconds by stage; cpu_s is of all of them. peak_bytes: a worker's peak resident
    memory so far. smaller: where batches were cut smaller than usual, why the smallest was.
    The driver adds, by partition: wait_s, until others gave back its lease; prepare_s; check_s, from the last
    chunk to the last suite's verdict; publish_s; how often a chunk went out again (n_retries), how often
    one was lost with its worker (n_deaths), and how many ran on a second worker as well (n_doubled).
    scored_by: rows by how they were scored, `the compiled pipeline` or `the original pipeline: why`.
    """

    load_s: float = 0.0
    read_s: float = 0.0
    validate_s: float = 0.0
    score_s: float = 0.0
    write_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    wait_s: float = 0.0
    prepare_s: float = 0.0
    check_s: float = 0.0
    publish_s: float = 0.0
    n_retries: int = 0
    n_deaths: int = 0
    n_doubled: int = 0
    scored_by: Mapping[str, int] = field(default_factory=dict)
    smaller: SmallerBatches | None = None

    def __add__(self, other: ChunkCost) -> ChunkCost:
        apart = ("peak_bytes", "scored_by", "smaller")
        names = [field.name for field in fields(self) if field.name not in apart]
        return ChunkCost(
            **{name: getattr(self, name) + getattr(other, name) for name in names},
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
            scored_by=dict(Counter(self.scored_by) + Counter(other.scored_by)),
            smaller=smallest((self.smaller, other.smaller)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """rows read = scored + quarantined + dropped, always."""

    n_read: int
    n_scored: int
    n_quarantined: int = 0
    n_dropped: int = 0

    def __post_init__(self) -> None:
        if self.n_read != self.n_scored + self.n_quarantined + self.n_dropped:
            raise ValueError(f"rows do not add up: {self}")

    def __add__(self, other: Accounting) -> Accounting:
        return Accounting(
            n_read=self.n_read + other.n_read,
            n_scored=self.n_scored + other.n_scored,
            n_quarantined=self.n_quarantined + other.n_quarantined,
            n_dropped=self.n_dropped + other.n_dropped,
        )


NO_ROWS = Accounting(n_read=0, n_scored=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkScored:
    """scanned: for each of the task's suites, its partials as JSON. spills: the files these refer to.

    aside: files with the rows that were set aside. set_aside: how many, by suite. keys: of the rows that
    were scored, None when they do not ascend, or there are none.
    """

    chunk: Chunk
    rows: Accounting
    files: tuple[StagedFile, ...]
    worker: str
    cost: ChunkCost = field(default_factory=ChunkCost)
    warnings: tuple[str, ...] = ()  # what the worker found odd about the model it loaded
    scanned: tuple[Mapping[str, Any], ...] = ()
    spills: tuple[StagedFile, ...] = ()
    aside: tuple[StagedFile, ...] = ()
    set_aside: Mapping[str, SetAside] = field(default_factory=dict)
    keys: KeySpan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkChecked:
    """Validated, not scored: its partition is certain to be blocked. As of ChunkScored."""

    chunk: Chunk
    n_read: int
    worker: str
    cost: ChunkCost = field(default_factory=ChunkCost)
    scanned: tuple[Mapping[str, Any], ...] = ()
    spills: tuple[StagedFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFailed:
    """An expected failure. Its error's class decides about a retry and about the exit code."""

    chunk: Chunk
    error: BatchScorerError
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksDone:
    """What became of a task and of those that went along with it, in that order."""

    outcomes: tuple[ChunkScored | ChunkChecked | ChunkFailed, ...]


ChunkOutcome = ChunkScored | ChunkChecked | ChunkFailed | ChunksDone
