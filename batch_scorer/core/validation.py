"""Suites and their results as every room sees them. GX's own objects stay in the validation room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    examples: unexpected values or the keys of such rows, a few, as text. rule: the summary's first part.
    sets_aside: the rows that break it are quarantined, so that it stops nothing by itself.
    """

    type: str
    severity: Severity
    summary: str
    share: float | None = None
    n_unexpected: int | None = None
    examples: tuple[str, ...] = ()
    rule: str = ""
    sets_aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Rows that one suite sets aside. by_rule: those that break each rule; a row may break several."""

    n_rows: int = 0
    by_rule: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: SetAside) -> SetAside:
        rules = dict.fromkeys((*self.by_rule, *other.by_rule))
        return SetAside(
            n_rows=self.n_rows + other.n_rows,
            by_rule={rule: self.by_rule.get(rule, 0) + other.by_rule.get(rule, 0) for rule in rules},
        )


NONE_ASIDE = SetAside()


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

    def without_numbers(self) -> SuiteVerdict:
        """The same verdict with what was expected and whether it holds, without what was found: what is kept
        of every partition of a run until its end. Nothing can be rendered from it.
        """
        if self.evidence is not None:
            return replace(self, evidence={"suite": self.evidence["suite"]})
        assert self.result is not None  # noqa: S101 (one of the two is there)
        kept = ("expectation_config", "success")
        results = [{name: one[name] for name in kept} for one in self.result["results"]]
        return replace(self, result={"success": self.success, "results": results})

    @property
    def blocks(self) -> bool:
        """A suite that does not only warn stops the publish on a critical failure, or when it has no answer;
        what sets rows aside stops nothing.
        """
        if self.success or self.on_fail is OnFail.WARN:
            return False
        return self.not_evaluated is not None or bool(self.critical)

    @property
    def critical(self) -> tuple[FailedExpectation, ...]:
        """The failures that may stop a publish."""
        return tuple(f for f in self.failed if f.severity is Severity.CRITICAL and not f.sets_aside)
