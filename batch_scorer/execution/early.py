"""What Parquet footers alone refute: a partition that is certain to be blocked is validated, not scored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batch_scorer.core.lakefiles import ColumnStatistics, Footer
from batch_scorer.core.validation import OnFail, SuiteScan
from batch_scorer.execution.foregone import Decisive, certain_to_fail, is_critical
from batch_scorer.execution.gates import odd_volume
from batch_scorer.execution.parts import JobParts

if TYPE_CHECKING:
    from batch_scorer.core.plans import PartitionPlan
    from batch_scorer.execution.parts import BoundSuite

_ROW_COUNTS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")
_NOT_NULL, _BETWEEN = "column_values.nonnull", "column_values.between"


def refuted(
    parts: JobParts,
    entry: PartitionPlan,
    scans: Sequence[SuiteScan],
    decisive: Sequence[Decisive],
) -> str | None:
    """The rule that is certain to block, in words, or None. decisive: of the scans.

    Nothing is read: the footers were when the plan was made, or when it was this partition's turn.
    With input.limit_rows nothing is certain: they speak of all rows.
    """
    if parts.job.input.limit_rows is not None or not entry.footers:
        return None
    n_rows = sum(footer.n_rows for footer in entry.footers)
    volume = parts.job.validation.volume
    if odd := odd_volume(n_rows, volume, entry.volume_baseline):
        return odd
    blocking = [(use, one) for use, one in zip(parts.suites, scans, strict=True) if _blocks_input(use)]
    if not blocking:
        return None
    counts = [words for _, one in blocking for words in _row_counts(one, n_rows)]
    if counts:
        return counts[0]
    rules = [
        rule
        for rule in decisive
        if rule.check.kwargs.get("row_condition") in (None, "") and _metric(rule) in (_NOT_NULL, _BETWEEN)
    ]
    return next(_broken(entry.footers, rules, n_rows), None) if rules else None


def _blocks_input(use: BoundSuite) -> bool:
    return use.stage == "input" and use.on_fail is OnFail.BLOCK


def _row_counts(one: SuiteScan, n_rows: int) -> Iterator[str]:
    from batch_scorer.validation.chunk_scan import compiled_scan
    from batch_scorer.validation.streaming.compile import Way
    from batch_scorer.validation.streaming.rules.aggregates import lies_between
    from batch_scorer.validation.suites.phrases import rule_in_words

    expectations = json.loads(one.expectations)
    for check in compiled_scan(one).checks:
        kwargs = check.kwargs
        if check.type not in _ROW_COUNTS or check.way is not Way.STREAMED or kwargs.get("row_condition"):
            continue
        holds = n_rows == kwargs["value"] if "value" in kwargs else lies_between(n_rows, kwargs)
        if not holds and is_critical(expectations[check.index]):
            yield rule_in_words(check.type, kwargs)


def _metric(rule: Decisive) -> str:
    measure: Any = rule.check.measures[0]
    metric: str = measure.metric
    return metric


def _broken(footers: Sequence[Footer], rules: Sequence[Decisive], n_rows: int) -> Iterator[str]:
    n_failing = [0] * len(rules)
    for group in (group for footer in footers for group in footer.row_groups):
        columns = {each.column: each for each in group.statistics}
        for number, rule in enumerate(rules):
            n_failing[number] += _at_least(rule, columns)
    for number, rule in enumerate(rules):
        if certain_to_fail(n_failing[number], n_rows, rule.mostly):
            yield rule.words


def _at_least(rule: Decisive, columns: Mapping[str, ColumnStatistics]) -> int:
    """How many rows of a row group are sure to fail."""
    statistics = columns.get(rule.check.kwargs["column"])
    if statistics is None:
        return 0
    if _metric(rule) == _NOT_NULL:
        return statistics.n_nulls or 0
    return int(not _lie_between(rule, statistics))


def _lie_between(rule: Decisive, statistics: ColumnStatistics) -> bool:
    import numpy as np

    from batch_scorer.validation.streaming.bounds import bounds_of

    if statistics.least is None or statistics.most is None:
        return True  # of times, or of nothing: let the scan tell
    # As the scan compares: large integers as floats.
    return bool(bounds_of(rule.check.kwargs).mask(np.array([statistics.least, statistics.most])).all())
