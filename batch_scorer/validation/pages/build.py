"""A run's records and stored results to what a page shows. Pure: reading a result is handed in.

Results are read twice, first for the overview and then one partition at a time for its section, so that
memory holds one partition's results however many there are.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from batch_scorer.core.errors import DamageFound
from batch_scorer.core.records import AttemptRecord, AttemptState, RunRecord
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.validation.pages.answers import answers_of, path_in
from batch_scorer.validation.pages.model import (
    Elsewhere,
    Outcome,
    Overview,
    Row,
    Rule,
    Section,
    Standing,
    SuitePart,
)
from batch_scorer.validation.store import MALFORMED

Read = Callable[[str], SuiteVerdict]

_MAX_SAMPLES = 10
_MAX_SAMPLES_IN_ALL = 10_000


def by_date(attempts: Sequence[AttemptRecord]) -> tuple[AttemptRecord, ...]:
    """By the partition's date, then by its other values; directories that are no partition come last."""

    def place(attempt: AttemptRecord) -> tuple[Any, ...]:
        partition = attempt.partition
        if partition is None:
            return (1, dt.date.max, (), attempt.partition_label)
        return (0, partition.date or dt.date.min, partition.values, "")

    return tuple(sorted(attempts, key=place))


def overview(run: RunRecord, attempts: Sequence[AttemptRecord], read: Read) -> Overview:
    """attempts: by date."""
    rows: list[Row] = []
    broken: dict[str, tuple[SuitePart, str, list[int]]] = {}
    for number, attempt in enumerate(attempts):
        suites = _suites(attempt, read, max_samples=0)
        rows.append(_row(number, attempt, suites))
        for suite in suites:
            for answer in suite.problems:
                places = broken.setdefault(answer.identity, (suite, answer.rule, []))[2]
                if number not in places[-1:]:
                    places.append(number)
    return Overview(run=run, rows=tuple(rows), rules=_rules(broken))


def sections(seen: Overview, attempts: Sequence[AttemptRecord], read: Read) -> Iterator[Section]:
    """attempts: those of the overview, in its order."""
    # So many that a page of a run that went wrong everywhere can still be opened.
    max_samples = max(1, min(_MAX_SAMPLES, _MAX_SAMPLES_IN_ALL // max(1, seen.n_problems)))
    for row, attempt in zip(seen.rows, attempts, strict=True):
        suites = _suites(attempt, read, max_samples=max_samples)
        yield Section(
            row=row,
            attempt=attempt,
            suites=suites,
            elsewhere=_elsewhere(seen, row, suites),
            earlier=seen.rows[row.number - 1] if row.number else None,
            later=seen.rows[row.number + 1] if row.number + 1 < len(seen.rows) else None,
        )


def _suites(attempt: AttemptRecord, read: Read, *, max_samples: int) -> tuple[SuitePart, ...]:
    parts = [_suite(entry, read, max_samples) for entry in attempt.verdicts]
    outcomes = list(Outcome)
    return tuple(sorted(parts, key=lambda part: outcomes.index(part.outcome)))


def _suite(entry: Mapping[str, Any], read: Read, max_samples: int) -> SuitePart:
    try:
        return _readable(entry, read(entry["file"]), max_samples)
    except DamageFound as damage:
        return _remembered(entry, damage.what)
    except MALFORMED as error:
        return _remembered(entry, f"the result file is not what was written: {type(error).__name__}")


def _readable(entry: Mapping[str, Any], verdict: SuiteVerdict, max_samples: int) -> SuitePart:
    answers = answers_of(verdict, max_samples=max_samples)
    return SuitePart(
        suite=verdict.suite,
        stage=verdict.stage,
        on_fail=str(verdict.on_fail),
        fingerprint=verdict.fingerprint,
        file=entry["file"],
        success=verdict.success,
        not_evaluated=verdict.not_evaluated,
        path=path_in((verdict.result or {}).get("meta")),
        problems=tuple(answer for answer in answers if answer.outcome is not Outcome.PASSED),
        passed=tuple(answer for answer in answers if answer.outcome is Outcome.PASSED),
    )


def _remembered(entry: Mapping[str, Any], why: str) -> SuitePart:
    """What the ledger knows of a suite whose stored result is gone."""
    return SuitePart(
        suite=entry["suite"],
        stage=entry["stage"],
        on_fail=entry["on_fail"],
        fingerprint=entry["fingerprint"],
        file=entry["file"],
        success=bool(entry["success"]),
        not_evaluated=entry["not_evaluated"],
        unreadable=why,
        told=tuple(entry["failed"]),
    )


def _row(number: int, attempt: AttemptRecord, suites: Sequence[SuitePart]) -> Row:
    return Row(
        number=number,
        label=attempt.partition_label,
        standing=_standing(attempt, suites),
        n_failed=sum(suite.n_failed for suite in suites),
        n_not_evaluated=sum(_n_not_evaluated(suite) for suite in suites),
        headline=attempt.headline,
        n_read=attempt.rows.n_read if attempt.rows else None,
    )


def _n_not_evaluated(suite: SuitePart) -> int:
    """A suite without any answer counts once: how many expectations it has, nobody said."""
    n_raised = sum(answer.outcome is Outcome.NOT_EVALUATED for answer in suite.problems)
    return n_raised or (suite.not_evaluated is not None)


def _standing(attempt: AttemptRecord, suites: Sequence[SuitePart]) -> Standing:
    if attempt.state is AttemptState.FAILED:
        return Standing.FAILED
    if attempt.state is AttemptState.BLOCKED:
        return Standing.BLOCKED
    whole = all(suite.success and suite.unreadable is None for suite in suites)
    return Standing.OK if whole and not attempt.warnings else Standing.WARNED


def _rules(broken: Mapping[str, tuple[SuitePart, str, list[int]]]) -> dict[str, Rule]:
    """Those that most partitions break first."""
    worst = sorted(broken.items(), key=lambda item: (-len(item[1][2]), item[1][1]))
    return {
        identity: Rule(
            number=number, words=words, suite=suite.suite, stage=suite.stage, partitions=tuple(places)
        )
        for number, (identity, (suite, words, places)) in enumerate(worst)
    }


def _elsewhere(seen: Overview, row: Row, suites: Sequence[SuitePart]) -> dict[str, Elsewhere]:
    found = {}
    for answer in (answer for suite in suites for answer in suite.problems):
        rule = seen.rules.get(answer.identity)  # None: its result was replaced since it was first read
        if rule is None or rule.partitions == (row.number,):
            continue
        before = bisect_left(rule.partitions, row.number)
        after = bisect_right(rule.partitions, row.number)
        found[answer.identity] = Elsewhere(
            rule=rule,
            earlier=seen.rows[rule.partitions[before - 1]] if before else None,
            later=seen.rows[rule.partitions[after]] if after < len(rule.partitions) else None,
        )
    return found
