"""What stops a partition before anything of it is visible. Pure: facts in, one line of why out."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.validation import FailedExpectation, OnFail, Severity, SuiteVerdict


def why_blocked(rows: Accounting, verdicts: Sequence[SuiteVerdict], *, min_rows: int) -> str | None:
    """The first gate that stops the partition, in words, or None.

    An empty batch passes every row-wise expectation, so the row count is a gate of its own.
    """
    if rows.n_read < min_rows:
        return f"{rows.n_read:,} rows read, validate.volume.min_rows is {min_rows:,}"
    for verdict in verdicts:
        if verdict.blocks:
            return f"{verdict.suite}: {_worst(verdict)}"
    return None


def warnings_of(verdicts: Sequence[SuiteVerdict]) -> tuple[str, ...]:
    """One line for each expectation that fails without stopping anything."""
    lines = []
    for verdict in verdicts:
        if verdict.not_evaluated is not None and not verdict.blocks:
            lines.append(f"{verdict.suite}: not evaluated: {verdict.not_evaluated}")
        lines += [
            f"{verdict.suite}: {describe(failure)}"
            for failure in verdict.failed
            if verdict.on_fail is OnFail.WARN or failure.severity is not Severity.CRITICAL
        ]
    return tuple(lines)


def describe(failure: FailedExpectation) -> str:
    """`fare between 0 and 500 fails for 8.1 %, e.g. ride_id 88121, 88140`."""
    if not failure.examples:
        return failure.summary
    return f"{failure.summary}, e.g. {', '.join(failure.examples[:2])}"


def _worst(verdict: SuiteVerdict) -> str:
    if verdict.not_evaluated is not None:
        return f"not evaluated: {verdict.not_evaluated}"
    critical = [failure for failure in verdict.failed if failure.severity is Severity.CRITICAL]
    more = f" (and {len(critical) - 1} more)" if len(critical) > 1 else ""
    return f"{describe(critical[0])}{more}"
