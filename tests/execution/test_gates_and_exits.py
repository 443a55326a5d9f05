"""Which facts stop a partition, and what a scheduler is told."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.sections import Volume
from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import (
    ClusterUnavailable,
    DamageFound,
    FileUnreadable,
    GoldenRowsDiffer,
    Interrupted,
    RunTimedOut,
    StoreUnavailable,
    Terminated,
)
from batch_scorer.core.outcomes import Blocked, Failed, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.validation import FailedExpectation, OnFail, SetAside, Severity, SuiteVerdict
from batch_scorer.core.volume import VolumeBaseline
from batch_scorer.core.waivers import Waived
from batch_scorer.execution.exits import exit_code
from batch_scorer.execution.gates import volume_warnings, warnings_of, why_blocked

DAY = Partition(names=("ds",), values=("x",))
ROWS = Accounting(n_read=10, n_scored=10)
OK = Published(partition=DAY, label="x", generation=1, rows=ROWS)
GATED = Blocked(partition=DAY, label="x", why="a rule")
BROKEN = Failed(partition=DAY, label="x", error=FileUnreadable("broken"))
AWAY = Failed(partition=DAY, label="x", error=StoreUnavailable("away"))


def _verdict(on_fail: OnFail, severity: Severity, *, not_evaluated: str | None = None) -> SuiteVerdict:
    failure = FailedExpectation(
        type="t", severity=severity, summary="fare positive fails for 8.1 %", examples=("ride_id 1", "2", "3")
    )
    return SuiteVerdict(
        suite="rides", fingerprint="f", on_fail=on_fail, stage="input", success=False,
        failed=() if not_evaluated else (failure,), result={}, not_evaluated=not_evaluated,
    )  # fmt: skip


def test_exit_codes_follow_the_order_of_the_contract() -> None:
    assert exit_code([]) == 0
    assert exit_code([], empty_exit_code=9) == 9
    assert exit_code([OK]) == 0
    assert exit_code([OK], n_not_ready=1) == 75
    assert exit_code([OK, GATED], n_not_ready=1) == 4
    assert exit_code([OK, GATED, BROKEN]) == 3
    assert exit_code([GATED, BROKEN]) == 1
    assert exit_code([AWAY, AWAY]) == 69
    assert exit_code([AWAY, BROKEN]) == 1
    assert exit_code([OK, AWAY]) == 3
    assert exit_code([OK, BROKEN], stopped_by=GoldenRowsDiffer("no")) == 5
    assert exit_code([OK, BROKEN], stopped_by=DamageFound("no")) == 6
    for stop, code in ((RunTimedOut, 124), (Interrupted, 130), (Terminated, 143), (ClusterUnavailable, 69)):
        assert exit_code([OK, GATED, BROKEN], stopped_by=stop("no")) == code


def test_a_critical_failure_of_a_block_suite_stops_and_names_rule_share_and_keys() -> None:
    why = why_blocked(
        ROWS.n_read, [_verdict(OnFail.BLOCK, Severity.CRITICAL)], volume=Volume(), baseline=None
    )
    assert why == "rides: fare positive fails for 8.1 %, e.g. ride_id 1, 2"


def test_a_warning_severity_or_a_warn_suite_only_warns() -> None:
    for verdict in (_verdict(OnFail.BLOCK, Severity.WARNING), _verdict(OnFail.WARN, Severity.CRITICAL)):
        assert why_blocked(ROWS.n_read, [verdict], volume=Volume(), baseline=None) is None
        assert len(warnings_of([verdict])) == 1


def test_a_suite_that_was_not_evaluated_never_counts_as_passed() -> None:
    verdict = _verdict(OnFail.BLOCK, Severity.CRITICAL, not_evaluated="out of memory")
    assert (
        why_blocked(ROWS.n_read, [verdict], volume=Volume(), baseline=None)
        == "rides: not evaluated: out of memory"
    )
    warned = _verdict(OnFail.WARN, Severity.CRITICAL, not_evaluated="out of memory")
    assert why_blocked(ROWS.n_read, [warned], volume=Volume(), baseline=None) is None
    assert warnings_of([warned]) == ("rides: not evaluated: out of memory",)


def test_too_few_rows_stop_a_partition_that_passes_every_rule() -> None:
    why = why_blocked(0, [], volume=Volume(), baseline=None)
    assert why == "0 rows read, validate.volume.min_rows is 1"


def _history(median_rows: float | None, n_published: int = 21) -> VolumeBaseline:
    return VolumeBaseline(
        first_day=dt.date(2024, 1, 2),
        last_day=dt.date(2024, 1, 29),
        n_published=n_published,
        median_rows=median_rows,
    )


def _volume_fault(n_read: int, median_rows: float | None, tolerance: float | str = 0.5) -> str | None:
    volume = Volume.model_validate({"min_rows": 0, "against": "28d", "tolerance": tolerance})
    return why_blocked(n_read, [], volume=volume, baseline=_history(median_rows))


def test_half_a_night_is_stopped_and_the_message_names_rule_share_and_limit() -> None:
    assert _volume_fault(1020, 2080) == (
        "1,020 rows read is 49 % of the median of the 28 days before, 2024-01-02 to 2024-01-29 "
        "(2,080, of 21 published partitions); validate.volume allows 50 % less or more"
    )


def test_a_doubled_night_is_stopped_as_well() -> None:
    why = _volume_fault(4160, 2080.5)
    assert why is not None
    assert why.startswith("4,160 rows read is 200 % of the median of the 28 days before")
    assert "(2,080.5, of" in why


@pytest.mark.parametrize(
    ("tolerance", "fewest", "most"), [(0.5, 50, 150), ("29%", 71, 129), ("0%", 100, 100), ("100%", 0, 200)]
)
def test_exactly_the_tolerance_still_passes_and_one_row_beyond_does_not(
    tolerance: float | str, fewest: int, most: int
) -> None:
    assert _volume_fault(fewest, 100, tolerance) is None
    assert _volume_fault(most, 100, tolerance) is None
    assert _volume_fault(most + 1, 100, tolerance) is not None
    if fewest:
        assert _volume_fault(fewest - 1, 100, tolerance) is not None


@given(
    n_read=st.integers(0, 10**9),
    twice_median=st.integers(1, 10**9),
    percent=st.integers(0, 100),
)
def test_it_stops_what_differs_by_more_than_the_tolerance_and_shows_a_share_beyond_it(
    n_read: int, twice_median: int, percent: int
) -> None:
    why = _volume_fault(n_read, twice_median / 2, f"{percent}%")
    share = Fraction(200 * n_read, twice_median)
    assert (why is None) == (100 - percent <= share <= 100 + percent)
    if why is not None:
        shown = float(why.partition(" is ")[2].partition(" %")[0].replace(",", ""))
        assert not 100 - percent <= shown <= 100 + percent


def test_after_nothing_but_empty_nights_any_row_is_too_many() -> None:
    assert _volume_fault(0, 0) is None
    why = _volume_fault(5, 0)
    assert why is not None
    assert why.startswith("5 rows read is more than the median")


def test_with_too_short_a_history_only_min_rows_decides_and_a_warning_says_so() -> None:
    baseline = _history(None, n_published=6)
    volume = Volume.model_validate({"min_rows": 10, "against": "28d"})
    few = Accounting(n_read=9, n_scored=9)
    assert why_blocked(ROWS.n_read, [], volume=volume, baseline=baseline) is None
    assert why_blocked(few.n_read, [], volume=volume, baseline=baseline) == (
        "9 rows read, validate.volume.min_rows is 10"
    )
    assert volume_warnings(baseline) == (
        "validate.volume.against needs 7 published partitions of the 28 days before, "
        "2024-01-02 to 2024-01-29, and there are 6: only min_rows decided",
    )
    assert volume_warnings(_history(100.0, n_published=7)) == volume_warnings(None) == ()


def _quarantine(*failed: FailedExpectation) -> SuiteVerdict:
    return SuiteVerdict(
        suite="rides", fingerprint="f", on_fail=OnFail.QUARANTINE, stage="input", success=False,
        failed=failed, result={},
    )  # fmt: skip


def _failure(rule: str, *, sets_aside: bool, severity: Severity = Severity.CRITICAL) -> FailedExpectation:
    return FailedExpectation(
        type="t", severity=severity, summary=f"{rule} fails for 9 %", examples=("ride_id 1", "2", "3"),
        rule=rule, sets_aside=sets_aside,
    )  # fmt: skip


def test_what_sets_rows_aside_neither_blocks_nor_warns_unless_it_is_waived() -> None:
    verdict = _quarantine(_failure("fare positive", sets_aside=True))
    assert why_blocked(ROWS.n_read, [verdict], volume=Volume(), baseline=None) is None
    assert warnings_of([verdict]) == ()
    waived = Waived(rules=("rides: fare positive",), by="ana", at=dt.datetime.now(dt.UTC), why="tips")
    assert warnings_of([verdict], [waived]) == (
        "rides: fare positive fails for 9 %, e.g. ride_id 1, 2; waived: tips",
    )


def test_what_sets_no_rows_aside_blocks_a_quarantine_suite_or_warns_by_its_severity() -> None:
    critical = _quarantine(_failure("a", sets_aside=True), _failure("row count", sets_aside=False))
    why = why_blocked(ROWS.n_read, [critical], volume=Volume(), baseline=None)
    assert why == "rides: row count fails for 9 %, e.g. ride_id 1, 2"
    warning = _quarantine(_failure("row count", sets_aside=False, severity=Severity.WARNING))
    assert why_blocked(ROWS.n_read, [warning], volume=Volume(), baseline=None) is None
    assert warnings_of([warning]) == ("rides: row count fails for 9 %, e.g. ride_id 1, 2",)


@pytest.mark.parametrize(
    ("n_aside", "n_read", "rate", "told"),
    [
        (1, 100, 0.01, None),
        (7, 1000, 0.007, None),
        (1001, 100_000, 0.01, "1.1 % (limit 1 %)"),
        (81, 1000, 0.01, "8.1 % (limit 1 %)"),
        (2, 10_000, 0.0001, "0.02 % (limit 0.01 %)"),
        (1, 10, 0.0, "10 % (limit 0 %)"),
        (0, 10, 0.0, None),
    ],
)
def test_more_rows_aside_than_the_rate_block_and_never_read_like_what_is_allowed(
    n_aside: int, n_read: int, rate: float, told: str | None
) -> None:
    aside = {"rides": SetAside(n_rows=n_aside, by_rule={"b": 1, "a": n_aside} if n_aside > 1 else {"a": 1})}
    why = why_blocked(
        n_read, [_quarantine(_failure("a", sets_aside=True))], volume=Volume(), baseline=None,
        set_aside=aside, max_rates={"rides": rate},
    )  # fmt: skip
    more = " (and 1 more)" if n_aside > 1 else ""
    assert why == (told and f"rides: a{more} fails for {told}, e.g. ride_id 1, 2")
    assert why_blocked(n_read, [], volume=Volume(), baseline=None, set_aside=aside) is None
