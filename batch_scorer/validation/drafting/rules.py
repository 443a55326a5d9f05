"""From what was seen to expectations worth reviewing. Pure.

Structure (columns, types, nulls, keys, rows at all) is critical; what is guessed from values is a warning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from batch_scorer.core.validation import Severity
from batch_scorer.validation.drafting.margins import human_bounds, human_least, mostly_allowing
from batch_scorer.validation.drafting.seen import ColumnSeen, Kind, LeftOut, Scalar, TableSeen

MAX_DISTINCT = 20

_ROWS_PER_VALUE = 20  # of a set, on average: with fewer, the next day brings new values
_LEAST_VALUES = 20  # of fewer, a range or a common shape is chance
_KEY_NAME = re.compile(r"(^|_)(id|ID|uuid|guid|key)$|[a-z](Id|ID|Uuid|Guid|Key)$")
_MANY_PARTITIONS = 7  # a week was seen, its quiet days too
_WITH_GAPS = "float64"  # what pandas makes of whole numbers, one of which is missing
_EXACT = 2**53
_LARGEST = {"float16": 65504.0, "float32": 3.4e38}  # beyond it, NumPy would compare with infinity

_Expectation = dict[str, Any]


def expectations_for(table: TableSeen) -> tuple[_Expectation, ...]:
    """GX's own JSON of each expectation, the table's first, then column by column."""
    drafted = list(_of_table(table))
    for column in table.columns:
        drafted += _of_column(column, table)
    return tuple(drafted)


def left_out(table: TableSeen) -> tuple[LeftOut, ...]:
    """Columns that are in the draft by their name alone, or not at all, and why."""
    silent = [
        LeftOut(column=column.name, why=why) for column in table.columns if (why := _why_silent(column))
    ]
    return (*table.left_out, *silent)


def least_rows(partition_rows: Sequence[int]) -> int:
    """A round number of rows that a partition should have: well below the smallest that was seen."""
    part = 2 if len(partition_rows) >= _MANY_PARTITIONS else 10
    return human_least(min(partition_rows, default=0), part=part)


def looks_like_key(name: str) -> bool:
    """`ride_id`, `rideId`, `uuid`; not `paid`."""
    return bool(_KEY_NAME.search(name))


def _of_table(table: TableSeen) -> Iterator[_Expectation]:
    n_partitions = len(table.partition_rows)
    fewest = min(table.partition_rows, default=0)
    if least := least_rows(table.partition_rows):
        seen = f"{fewest:,} rows in the smallest of {_count(n_partitions, 'partition')} looked at"
        yield _expectation("expect_table_row_count_to_be_between", {"min_value": float(least)}, seen)
    yield _expectation(
        "expect_table_columns_to_match_set",
        {"column_set": list(table.names), "exact_match": False},
        f"{_count(len(table.names), 'column')} in each of {_count(table.n_files, 'file')}; more may come",
    )


def _of_column(column: ColumnSeen, table: TableSeen) -> Iterator[_Expectation]:
    among = f"{_count(column.n_rows, 'row')} of {_count(table.n_files, 'file')}"
    yield from _type(column, among)
    yield from _nulls(column, among)
    if column.is_unique and column.n_values > 1 and _survives_pandas(column):
        seen = f"no value twice in {among}"
        yield _expectation("expect_column_values_to_be_unique", {"column": column.name}, seen)
        yield from _regex(column, among)
    elif values := _set_of(column):
        yield _set(column, values, among)
    else:
        yield from _range(column, among)
        yield from _regex(column, among)


def _type(column: ColumnSeen, among: str) -> Iterator[_Expectation]:
    names = _type_names(column)
    seen = f"{' and '.join(names)} in pandas, in {among}"
    kwargs: dict[str, Any] = {"column": column.name}
    if len(names) == 1:
        kwargs["type_"] = names[0]
        yield _expectation("expect_column_values_to_be_of_type", kwargs, seen)
    elif names and column.kind is not Kind.MIXED:
        kwargs["type_list"] = list(names)
        yield _expectation("expect_column_values_to_be_in_type_list", kwargs, seen)


def _type_names(column: ColumnSeen) -> tuple[str, ...]:
    """Numbers may have several; GX knows lists of NumPy's and Python's own types only."""
    may_have_gaps = column.kind is Kind.WHOLE and column.n_missing and _is_of_numpy(column)
    names = (*column.types, _WITH_GAPS) if may_have_gaps else column.types
    return tuple(dict.fromkeys(names))


def _is_of_numpy(column: ColumnSeen) -> bool:
    return bool(column.types) and all("int" in name for name in column.types)


def _nulls(column: ColumnSeen, among: str) -> Iterator[_Expectation]:
    if column.n_rows == 0:
        return
    kwargs: dict[str, Any] = {"column": column.name}
    if column.n_missing == 0:
        yield _expectation("expect_column_values_to_not_be_null", kwargs, f"0 nulls in {among}")
    elif (mostly := mostly_allowing(column.worst_missing)) is not None:
        share = f"{100 * column.worst_missing:.3g} % in the worst partition"
        seen = f"{_count(column.n_missing, 'null')} in {among}, {share}"
        kwargs["mostly"] = mostly
        yield _expectation("expect_column_values_to_not_be_null", kwargs, seen, Severity.WARNING)


def _set_of(column: ColumnSeen) -> list[Scalar] | None:
    """The values in order, where a set says more than a range: texts, and codes with gaps between them."""
    if column.distinct is None or not 0 < len(column.distinct) <= MAX_DISTINCT:
        return None
    if column.kind is Kind.MIXED or not _survives_pandas(column):
        return None
    values: list[Any] = sorted(value for value, _ in column.distinct)
    if column.n_values < _ROWS_PER_VALUE * len(values) or column.n_infinite:
        return None
    match column.kind:
        case Kind.TEXT:
            return values
        case Kind.WHOLE | Kind.NUMBER:
            is_whole = all(value == int(value) for value in values)
            has_gaps = values[-1] - values[0] >= len(values)
            return [int(value) for value in values] if is_whole and has_gaps else None
        case _:
            return None


def _survives_pandas(column: ColumnSeen) -> bool:
    """Where one is missing, pandas makes floats of whole numbers: beyond 2**53 several become the same."""
    if column.kind is not Kind.WHOLE or not column.n_missing or column.low is None or column.high is None:
        return True
    return column.low > -_EXACT and column.high < _EXACT


def _set(column: ColumnSeen, values: list[Scalar], among: str) -> _Expectation:
    rarest, n_rows = (column.distinct or (("", 0),))[-1]
    seen = f"{_count(len(values), 'value')} in {among}; the rarest, {rarest}, {_count(n_rows, 'time')}"
    kwargs = {"column": column.name, "value_set": values}
    return _expectation("expect_column_values_to_be_in_set", kwargs, seen, Severity.WARNING)


def _range(column: ColumnSeen, among: str) -> Iterator[_Expectation]:
    if column.low is None or column.high is None or column.n_values < _LEAST_VALUES:
        return
    if column.low == column.high:  # a range around one value is made up
        return
    if column.kind not in (Kind.WHOLE, Kind.NUMBER):
        return
    low, high = human_bounds(column.low, column.high, whole=column.kind is Kind.WHOLE)
    limit = min((_LARGEST[name] for name in column.types if name in _LARGEST), default=math.inf)
    low = None if low is None or low < -limit else low
    high = None if high is None or high > limit else high
    kwargs: dict[str, Any] = {"column": column.name, "min_value": low, "max_value": high}
    seen = f"{column.low} to {column.high} in {among}"
    if column.n_infinite:
        kwargs["mostly"] = mostly_allowing(column.worst_infinite)
        seen += f", and {_count(column.n_infinite, 'infinite value')}"
        if kwargs["mostly"] is None:
            return
    if (low, high) != (None, None):
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        yield _expectation("expect_column_values_to_be_between", kwargs, seen, Severity.WARNING)


def _regex(column: ColumnSeen, among: str) -> Iterator[_Expectation]:
    if column.kind is not Kind.TEXT or column.n_values < _LEAST_VALUES:
        return
    if column.shape is None or not column.shape.is_of_ids:
        return
    kwargs = {"column": column.name, "regex": column.shape.regex}
    seen = f"all {_count(column.n_values, 'text')} in {among} have this shape"
    yield _expectation("expect_column_values_to_match_regex", kwargs, seen, Severity.WARNING)


def _why_silent(column: ColumnSeen) -> str | None:
    """Of a column about whose values nothing could be drafted."""
    if column.kind is Kind.MIXED:
        return f"its type is not the same in every file: {', '.join(column.types)}"
    if column.n_rows and not column.n_values:
        return "it holds nothing but nulls"
    if mostly_allowing(column.worst_missing) is None:
        return f"{100 * column.worst_missing:.3g} % of it is null in a partition: no rule about nulls"
    if column.n_rows and column.n_values < _LEAST_VALUES:
        return f"only {_count(column.n_values, 'value')} of it: too few to guess a range, a set or a shape"
    if column.n_infinite and mostly_allowing(column.worst_infinite) is None:
        return f"{_count(column.n_infinite, 'value')} of it are infinite: no range"
    if column.low is not None and column.low == column.high:
        return f"it is always {column.low}: no range"
    return None


def _expectation(
    type_: str, kwargs: dict[str, Any], seen: str, severity: Severity = Severity.CRITICAL
) -> _Expectation:
    return {"kwargs": kwargs, "meta": {}, "notes": [seen], "severity": severity.value, "type": type_}


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
