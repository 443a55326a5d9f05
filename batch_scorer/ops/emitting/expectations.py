"""How each expectation of the job's suites fared over all partitions of a run: lineage knows tables only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.outcomes import Blocked, PartitionOutcome, Published
from batch_scorer.core.validation import OnFail, Severity, SuiteVerdict

_MAX_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One expectation. type: GX's. column: None when it is about the table, or about several columns.

    stops: its failure keeps a partition from being published; None: of a suite that sets rows aside, where
    that depends. failed_in: labels of the partitions in which it does not hold.
    """

    suite: str
    stage: str
    type: str
    column: str | None
    stops: bool | None
    n_partitions: int
    failed_in: tuple[str, ...]

    @property
    def success(self) -> bool:
        return not self.failed_in

    @property
    def found(self) -> str:
        """`holds in all 7 partitions`, or `fails in 1 of 7 partitions: 2024-01-03`."""
        if self.success:
            return f"holds in all {self.n_partitions} partitions"
        n_more = len(self.failed_in) - _MAX_NAMED
        named = ", ".join(self.failed_in[:_MAX_NAMED]) + (f" and {n_more} more" if n_more > 0 else "")
        return f"fails in {len(self.failed_in)} of {self.n_partitions} partitions: {named}"


def expectations(outcomes: Iterable[PartitionOutcome]) -> tuple[Checked, ...]:
    """In the suites' order. A suite without any answer counts as one expectation that fails."""
    seen: dict[tuple[str, ...], tuple[SuiteVerdict, Mapping[str, Any], list[tuple[str, bool]]]] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Published | Blocked):
            continue
        for verdict in outcome.verdicts:
            for config, success in _answers(verdict):
                key = (verdict.stage, verdict.suite, config["type"], _canonical(config["kwargs"]))
                _, _, answers = seen.setdefault(key, (verdict, config, []))
                answers.append((outcome.label, success))
    return tuple(_checked(verdict, config, answers) for verdict, config, answers in seen.values())


def _answers(verdict: SuiteVerdict) -> Sequence[tuple[Mapping[str, Any], bool]]:
    if verdict.not_evaluated is not None and not verdict.results:
        return [({"type": "suite", "kwargs": {}}, False)]
    return [(one["expectation_config"], bool(one["success"])) for one in verdict.results]


def _checked(
    verdict: SuiteVerdict, config: Mapping[str, Any], answers: Sequence[tuple[str, bool]]
) -> Checked:
    aside = verdict.on_fail is OnFail.QUARANTINE
    critical = config.get("severity", Severity.CRITICAL.value) == Severity.CRITICAL.value
    return Checked(
        suite=verdict.suite,
        stage=verdict.stage,
        type=config["type"],
        column=config["kwargs"].get("column"),
        stops=None if aside else critical and verdict.on_fail is OnFail.BLOCK,
        n_partitions=len(answers),
        failed_in=tuple(label for label, success in answers if not success),
    )


def _canonical(kwargs: Mapping[str, Any]) -> str:
    """Equal for one expectation in every partition, whichever way its result came about."""
    given = {name: value for name, value in kwargs.items() if value is not None and name != "batch_id"}
    return json.dumps(given, sort_keys=True, default=str)
