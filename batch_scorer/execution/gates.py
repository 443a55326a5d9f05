"""What stops a partition before anything of it is visible. Pure: facts in, one line of why out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from batch_scorer.config.sections import Volume
from batch_scorer.core.validation import FailedExpectation, OnFail, SetAside, Severity, SuiteVerdict
from batch_scorer.core.volume import FEWEST_PUBLISHED, VolumeBaseline
from batch_scorer.core.waivers import Waived

NOTHING: Mapping[str, Any] = MappingProxyType({})


def why_blocked(
    n_read: int,
    verdicts: Sequence[SuiteVerdict],
    *,
    volume: Volume,
    baseline: VolumeBaseline | None,
    set_aside: Mapping[str, SetAside] = NOTHING,
    max_rates: Mapping[str, float] = NOTHING,
) -> str | None:
    """The first gate that stops the partition, in words, or None. n_read: its rows.

    set_aside, max_rates: by input suite; no rate, no limit.
    An empty batch passes every row-wise expectation, and so does half a batch: the row count is a gate of
    its own.
    """
    if odd := odd_volume(n_read, volume, baseline):
        return odd
    for verdict in verdicts:
        if verdict.blocks:
            return f"{verdict.suite}: {_worst(verdict)}"
    for verdict in verdicts:
        if verdict.stage == "input" and verdict.suite in set_aside and verdict.suite in max_rates:
            found, max_rate = set_aside[verdict.suite], max_rates[verdict.suite]
            if too_many := _too_many(verdict, found, n_read, max_rate):
                return f"{verdict.suite}: {too_many}"
    return None


def odd_volume(n_read: int, volume: Volume, baseline: VolumeBaseline | None) -> str | None:
    """Too few rows, or too far from what is usual, in words."""
    if n_read < volume.min_rows:
        return f"{n_read:,} rows read, validate.volume.min_rows is {volume.min_rows:,}"
    return None if baseline is None else _against_history(n_read, volume, baseline)


def warnings_of(verdicts: Sequence[SuiteVerdict], waived: Sequence[Waived] = ()) -> tuple[str, ...]:
    """One line for each expectation that fails without stopping anything or setting a row aside."""
    lines = []
    for verdict in verdicts:
        why = {rule: each.why for each in waived for rule in each.of_suite(verdict.suite)}
        if verdict.not_evaluated is not None and not verdict.blocks:
            lines.append(f"{verdict.suite}: not evaluated: {verdict.not_evaluated}")
        for failure in verdict.failed:
            if failure.sets_aside and failure.rule in why:
                lines.append(f"{verdict.suite}: {describe(failure)}; waived: {why[failure.rule]}")
            elif not failure.sets_aside and (
                verdict.on_fail is OnFail.WARN or failure.severity is not Severity.CRITICAL
            ):
                lines.append(f"{verdict.suite}: {describe(failure)}")
    return tuple(lines)


def volume_warnings(baseline: VolumeBaseline | None) -> tuple[str, ...]:
    """One line when a history was asked for and is too short to decide."""
    if baseline is None or baseline.median_rows is not None:
        return ()
    return (
        f"validate.volume.against needs {FEWEST_PUBLISHED} published partitions {_window(baseline)}, "
        f"and there are {baseline.n_published}: only min_rows decided",
    )


def describe(failure: FailedExpectation) -> str:
    """`fare between 0 and 500 fails for 8.1 %, e.g. ride_id 88121, 88140`."""
    return failure.summary + _examples(failure)


def _examples(failure: FailedExpectation | None) -> str:
    return f", e.g. {', '.join(failure.examples[:2])}" if failure and failure.examples else ""


def _too_many(verdict: SuiteVerdict, found: SetAside, n_read: int, max_rate: float) -> str | None:
    """`fare between 0 and 500 fails for 8.1 % (limit 1 %), e.g. …`: of the rows read."""
    limit = Fraction(str(max_rate))  # as written, see _odd_volume
    if found.n_rows <= limit * n_read:
        return None
    worst = max(found.by_rule, key=lambda rule: found.by_rule[rule])
    more = f" (and {len(found.by_rule) - 1} more)" if len(found.by_rule) > 1 else ""
    failure = next((f for f in verdict.failed if f.sets_aside and f.rule == worst), None)
    share = _percent_above(Fraction(found.n_rows, n_read))
    return f"{worst}{more} fails for {share} (limit {float(limit * 100):g} %){_examples(failure)}"


def _percent_above(share: Fraction) -> str:
    """Rounded up, so that no share reads like one that is just allowed."""
    factor = 10 if share >= Fraction(1, 100) else 10_000
    return f"{math.ceil(100 * factor * share) / factor:g} %"


def _against_history(n_read: int, volume: Volume, baseline: VolumeBaseline) -> str | None:
    if baseline.median_rows is None or volume.tolerance is None:
        return None
    # As written: 0.29 * 100 is less than 29 in binary, and would block a night that is just good.
    tolerance, median = Fraction(str(volume.tolerance)), Fraction(baseline.median_rows)
    if abs(n_read - median) <= tolerance * median:
        return None
    return (
        f"{n_read:,} rows read is {_share(n_read, median)} the median {_window(baseline)} "
        f"({_short(baseline.median_rows)}, of {baseline.n_published} published partitions); "
        f"validate.volume allows {float(tolerance * 100):g} % less or more"
    )


def _share(n_read: int, median: Fraction) -> str:
    """`49 % of`, rounded away from the median, so that no share reads like one that is just allowed."""
    if not median:
        return "more than"
    tenths = 1000 * n_read / median
    return f"{_short((math.floor(tenths) if n_read < median else math.ceil(tenths)) / 10)} % of"


def _window(baseline: VolumeBaseline) -> str:
    return f"of the {baseline.n_days} days before, {baseline.first_day} to {baseline.last_day}"


def _short(number: float) -> str:
    return f"{number:,.1f}".removesuffix(".0")


def _worst(verdict: SuiteVerdict) -> str:
    if verdict.not_evaluated is not None:
        return f"not evaluated: {verdict.not_evaluated}"
    critical = verdict.critical
    more = f" (and {len(critical) - 1} more)" if len(critical) > 1 else ""
    return f"{describe(critical[0])}{more}"
