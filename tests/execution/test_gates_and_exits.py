"""Which facts stop a partition, and what a scheduler is told."""

from __future__ import annotations

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import (
    ClusterUnavailable,
    DamageFound,
    FileUnreadable,
    GoldenRowsDiffer,
    Interrupted,
    RunTimedOut,
    Terminated,
)
from batch_scorer.core.outcomes import Blocked, Failed, Published
from batch_scorer.core.partitions import Partition
from batch_scorer.core.validation import FailedExpectation, OnFail, Severity, SuiteVerdict
from batch_scorer.execution.exits import exit_code
from batch_scorer.execution.gates import warnings_of, why_blocked

DAY = Partition(names=("ds",), values=("x",))
ROWS = Accounting(n_read=10, n_scored=10)
OK = Published(partition=DAY, label="x", generation=1, rows=ROWS)
GATED = Blocked(partition=DAY, label="x", why="a rule")
BROKEN = Failed(partition=DAY, label="x", error=FileUnreadable("broken"))


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
    assert exit_code([OK, BROKEN], stopped_by=GoldenRowsDiffer("no")) == 5
    assert exit_code([OK, BROKEN], stopped_by=DamageFound("no")) == 6
    for stop, code in ((RunTimedOut, 124), (Interrupted, 130), (Terminated, 143), (ClusterUnavailable, 69)):
        assert exit_code([OK, GATED, BROKEN], stopped_by=stop("no")) == code


def test_a_critical_failure_of_a_block_suite_stops_and_names_rule_share_and_keys() -> None:
    why = why_blocked(ROWS, [_verdict(OnFail.BLOCK, Severity.CRITICAL)], min_rows=1)
    assert why == "rides: fare positive fails for 8.1 %, e.g. ride_id 1, 2"


def test_a_warning_severity_or_a_warn_suite_only_warns() -> None:
    for verdict in (_verdict(OnFail.BLOCK, Severity.WARNING), _verdict(OnFail.WARN, Severity.CRITICAL)):
        assert why_blocked(ROWS, [verdict], min_rows=1) is None
        assert len(warnings_of([verdict])) == 1


def test_a_suite_that_was_not_evaluated_never_counts_as_passed() -> None:
    verdict = _verdict(OnFail.BLOCK, Severity.CRITICAL, not_evaluated="out of memory")
    assert why_blocked(ROWS, [verdict], min_rows=1) == "rides: not evaluated: out of memory"
    warned = _verdict(OnFail.WARN, Severity.CRITICAL, not_evaluated="out of memory")
    assert why_blocked(ROWS, [warned], min_rows=1) is None
    assert warnings_of([warned]) == ("rides: not evaluated: out of memory",)


def test_too_few_rows_stop_a_partition_that_passes_every_rule() -> None:
    why = why_blocked(Accounting(n_read=0, n_scored=0), [], min_rows=1)
    assert why == "0 rows read, validate.volume.min_rows is 1"
