"""What Parquet footers alone refute: a partition that is certain to be blocked is validated, not scored."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.validation import OnFail, SuiteScan
from batch_scorer.execution.foregone import Decisive, certain_to_fail, is_critical
from batch_scorer.execution.gates import odd_volume
from batch_scorer.execution.parts import JobParts

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from batch_scorer.core.plans import PartitionPlan

_ROW_COUNTS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")
_NOT_NULL, _BETWEEN = "column_values.nonnull", "column_values.between"


def refuted(
    parts: JobParts,
    entry: PartitionPlan,
    found: PartitionFiles,
    scans: Sequence[SuiteScan],
    decisive: Sequence[Decisive],
) -> str | None:
    """The rule that is certain to block, in words, or None. decisive: of the scans. Raises: InputError.

    With input.limit_rows nothing is certain: footers speak of all rows.
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
    return next(iter(_broken(parts, found, rules, n_rows)), None) if rules else None


def _blocks_input(use: Any) -> bool:
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


def _broken(parts: JobParts, found: PartitionFiles, rules: Sequence[Decisive], n_rows: int) -> Iterator[str]:
    n_failing = [0] * len(rules)
    for column in _statistics(parts, found, {rule.check.kwargs["column"] for rule in rules}):
        for number, rule in enumerate(rules):
            n_failing[number] += _at_least(rule, column)
    for number, rule in enumerate(rules):
        if certain_to_fail(n_failing[number], n_rows, rule.mostly):
            yield rule.words


def _statistics(
    parts: JobParts, found: PartitionFiles, names: set[str]
) -> Iterator[Mapping[str, pq.Statistics]]:
    """By column, of each row group of each file."""
    import pyarrow.parquet as pq

    for file in found.files:
        opened, _ = parts.storage.open(parts.input_root, file.path)
        with opened:
            metadata = pq.read_metadata(opened)
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            columns = [group.column(number) for number in range(group.num_columns)]
            # A column "a.b" and a field b within a column a are called alike here.
            called = Counter(column.path_in_schema for column in columns)
            yield {
                name: column.statistics
                for column in columns
                if (name := column.path_in_schema) in names and column.is_stats_set and called[name] == 1
            }


def _at_least(rule: Decisive, columns: Mapping[str, pq.Statistics]) -> int:
    """How many rows of a row group are sure to fail."""
    statistics = columns.get(rule.check.kwargs["column"])
    if statistics is None:
        return 0
    if _metric(rule) == _NOT_NULL:
        return statistics.null_count if statistics.has_null_count else 0
    return int(statistics.has_min_max and not _lie_between(rule, statistics))


def _lie_between(rule: Decisive, statistics: pq.Statistics) -> bool:
    import numpy as np

    from batch_scorer.validation.streaming.bounds import bounds_of

    ends = (statistics.min, statistics.max)
    if not all(isinstance(end, int | float) and not math.isnan(end) for end in ends):
        return True  # of times, or of nothing: let the scan tell
    # As the scan compares: large integers as floats.
    return bool(bounds_of(rule.check.kwargs).mask(np.array(ends)).all())
