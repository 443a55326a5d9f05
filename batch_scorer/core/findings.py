"""What `verify` looks at in one partition, and what it may find. Values only; `comparison` decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import GenerationRecord, Manifest
from batch_scorer.core.runs import RunHead


class FindingKind(StrEnum):
    MANIFEST_MISSING = "manifest missing"
    MANIFEST_UNREADABLE = "manifest unreadable"
    MANIFEST_EDITED = "manifest edited"
    MANIFEST_MISPLACED = "manifest misplaced"  # that of another generation, partition or job
    MANIFEST_UNRECORDED = "manifest unrecorded"  # the ledger has no row for it
    CHAIN_BROKEN = "chain broken"
    CHAIN_CUT = "chain cut"  # files name a generation that no record knows
    LEDGER_GAP = "ledger gap"
    LEDGER_DIFFERS = "ledger differs"
    DIRECTORY_MISSING = "directory missing"
    DIRECTORY_DIFFERS = "directory differs"  # it holds another generation than the current one
    FILE_MISSING = "file missing"
    FILE_UNEXPECTED = "file unexpected"
    DIRECTORY_UNEXPECTED = "directory unexpected"
    SIZE_DIFFERS = "size differs"
    HASH_DIFFERS = "hash differs"
    FILE_UNREADABLE = "file unreadable"
    ROWS_DIFFER = "rows differ"
    COLUMNS_DIFFER = "columns differ"
    FOOTER_DIFFERS = "footer differs"
    MODEL_UNUSABLE = "model unusable"
    RESCORE_FAILED = "rescore failed"
    SCORE_DIFFERS = "score differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One contradiction between what is on disk and what was recorded. file: where a person looks."""

    kind: FindingKind
    partition: str
    file: str
    what: str
    expected: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A file among a partition's manifests. number: None, when its name is no generation's.

    problem: why there is no manifest to read from it.
    """

    path: str
    number: int | None
    sha256: str | None = None
    manifest: Manifest | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputEntry:
    """A name in a partition's published directory. kind: file, directory, symlink or special file.

    footer: what a Parquet file says about itself, `{}` when it says nothing; None when nobody asked.
    """

    name: str
    kind: str
    n_bytes: int
    footer: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFacts:
    """Everything about one partition, as found in one look.

    path: the hive path. partition: None for a directory that stands for none. records: oldest first.
    runs: those that the records name. nonsense: why the ledger's rows cannot be read as records, if so.
    outputs: None when there is no directory. quarantine: what lies in that of the current generation's rows
    set aside. directory, quarantine_at, manifests_at, ledger_at: where a person looks.
    """

    job: str
    path: str
    partition: Partition | None
    directory: str
    manifests_at: str
    ledger_at: str
    records: tuple[GenerationRecord, ...] = ()
    runs: Mapping[str, RunHead] = field(default_factory=dict)
    nonsense: str | None = None
    manifests: tuple[ManifestFile, ...] = ()
    outputs: tuple[OutputEntry, ...] | None = None
    quarantine: tuple[OutputEntry, ...] = ()
    quarantine_at: str = ""

    def finding(
        self, kind: FindingKind, file: object, what: str, expected: str = "", found: str = ""
    ) -> Finding:
        """file: where a person looks, a path or its text."""
        return Finding(
            kind=kind, partition=self.path, file=str(file), what=what, expected=expected, found=found
        )

    def manifest_file(self, number: int) -> ManifestFile | None:
        return next((file for file in self.manifests if file.number == number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDetail:
    """One published file read to its end. columns: (name, Arrow type). problem: why it does not decode."""

    name: str
    sha256: str
    n_rows: int | None = None
    columns: tuple[tuple[str, str], ...] = ()
    footer: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionReport:
    """What verify says about one partition. notes: what could not be looked at, and why; no damage."""

    path: str
    generation: int | None = None
    n_files: int = 0
    n_rows: int = 0
    n_rescored: int = 0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
