"""What a result page shows, as values. The templates read these and decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from batch_scorer.core.records import AttemptRecord, RunRecord
from batch_scorer.core.validation import Severity


class Outcome(StrEnum):
    FAILED = "failed"
    NOT_EVALUATED = "not evaluated"
    PASSED = "passed"


class Standing(StrEnum):
    """How a partition stands, in the order in which somebody should look."""

    FAILED = "failed"
    BLOCKED = "blocked"
    WARNED = "published with warnings"
    OK = "published"


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A few rows that break a rule. columns: key columns first, then the values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One expectation on one partition, in words.

    identity: equal for the same rule of the same suite and stage in other partitions. found: the share
    of rows or the value observed. limit: of a share; empty where the rule itself names it. rows: how many
    of how many. why: there is no answer. path: what evaluated it, where the result says so.
    """

    outcome: Outcome
    identity: str
    rule: str
    severity: Severity
    found: str = ""
    limit: str = ""
    rows: str = ""
    why: str = ""
    notes: str = ""
    path: str = ""
    samples: Samples | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePart:
    """One suite on one partition. unreadable: why the stored result cannot be shown; then `told` is what the
    ledger remembers of it, and there are no answers.
    """

    suite: str
    stage: str
    on_fail: str
    fingerprint: str
    file: str
    success: bool
    not_evaluated: str | None
    unreadable: str | None = None
    told: tuple[str, ...] = ()
    path: str = ""
    problems: tuple[Answer, ...] = ()  # failed by severity, then not evaluated
    passed: tuple[Answer, ...] = ()

    @property
    def n_failed(self) -> int:
        if self.unreadable is not None:
            return len(self.told)
        return sum(answer.outcome is Outcome.FAILED for answer in self.problems)

    @property
    def outcome(self) -> Outcome:
        """Failed, where anything did; with a gap among the answers never passed."""
        if self.success:
            return Outcome.PASSED
        gap = self.not_evaluated is not None or bool(self.problems)
        return Outcome.NOT_EVALUATED if gap and not self.n_failed else Outcome.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A partition in the table of all. number: its place by date, from 0, which its anchor is made of."""

    number: int
    label: str
    standing: Standing
    n_failed: int
    n_not_evaluated: int
    headline: str
    n_read: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that did not pass somewhere. partitions: their numbers, ascending."""

    number: int
    words: str
    suite: str
    stage: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of a run but the details of its partitions. rows: by date. rules: by Answer.identity."""

    run: RunRecord
    rows: tuple[Row, ...]
    rules: Mapping[str, Rule]

    @property
    def by_urgency(self) -> tuple[Row, ...]:
        order = list(Standing)
        return tuple(sorted(self.rows, key=lambda row: order.index(row.standing)))

    @property
    def n_problems(self) -> int:
        return sum(len(rule.partitions) for rule in self.rules.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Where else a rule did not pass. earlier, later: the nearest such partitions by date."""

    rule: Rule
    earlier: Row | None
    later: Row | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One partition in full. elsewhere: by Answer.identity, for rules that other partitions break, too."""

    row: Row
    attempt: AttemptRecord
    suites: tuple[SuitePart, ...]
    elsewhere: Mapping[str, Elsewhere]
    earlier: Row | None
    later: Row | None
