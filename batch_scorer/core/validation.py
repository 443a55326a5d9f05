"""Suites and their results as every room sees them. GX's own objects stay in the validation room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class OnFail(StrEnum):
    BLOCK = "block"
    WARN = "warn"
    QUARANTINE = "quarantine"


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A GX ExpectationSuite read from GX's own JSON, without importing GX.

    path: the file, for messages. document: the JSON as read. fingerprint: sha256 over the canonical
    expectations (type, kwargs, severity), not over ids, notes or GX's version.
    columns: what it needs from each row; None means every column of the file.
    """

    name: str
    path: str
    document: Mapping[str, Any]
    fingerprint: str
    columns: tuple[str, ...] | None
    n_expectations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteScan:
    """What a worker computes for one suite on each of a partition's chunks.

    expectations: as JSON text. schema: of the partition's table, an Arrow schema as text. columns: to read.
    key: columns that name a failing row. sets_aside: rows that break its rules are quarantined, not scored.
    """

    suite: str
    stage: str  # input | output
    expectations: str
    schema: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    sets_aside: bool = False
    waived: tuple[str, ...] = ()  # rules, in words, that set no row aside this time


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedExpectation:
    """One expectation that does not hold, in words.

    summary: `fare between 0 and 500 fails for 8.1 %` · share: of rows tested, 0..1, None for table-level.
    examples: unexpected values or the keys of such rows, a few, as text.
    """

    type: str
    severity: Severity
    summary: str
    share: float | None = None
    n_unexpected: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteVerdict:
    """How one suite fared on one partition. result: GX's own validation result as JSON; None, when every
    expectation holds: then `evidence` is what GX renders it from when somebody looks.

    not_evaluated: why there is no answer (memory bound, crash, an expectation that raised); never passed.
    """

    suite: str
    fingerprint: str
    on_fail: OnFail
    stage: str  # input | output
    success: bool
    failed: tuple[FailedExpectation, ...]
    result: Mapping[str, Any] | None
    evidence: Mapping[str, Any] | None = None
    not_evaluated: str | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.result is None) == (self.evidence is None):
            raise ValueError(f"suite {self.suite} has a result, or what one is rendered from")
        if self.success and (self.not_evaluated or self.failed):
            raise ValueError(f"suite {self.suite} cannot pass: {self.not_evaluated or self.failed}")

    @property
    def results(self) -> Sequence[Mapping[str, Any]]:
        """Of each expectation, in GX's form; of those that hold, without numbers nobody asked for yet."""
        if self.result is not None:
            results: Sequence[Mapping[str, Any]] = self.result["results"]
            return results
        assert self.evidence is not None  # noqa: S101 (one of the two is there)
        meta = {"batch_scorer": {"path": "streamed"}}
        expectations = self.evidence["suite"]["expectations"]
        return [
            {"expectation_config": one, "success": True, "result": {}, "meta": meta} for one in expectations
        ]

    @property
    def blocks(self) -> bool:
        """A `block` suite stops the publish on a critical failure, or when it has no answer."""
        if self.success or self.on_fail is not OnFail.BLOCK:
            return False
        return self.not_evaluated is not None or any(
            failure.severity is Severity.CRITICAL for failure in self.failed
        )
