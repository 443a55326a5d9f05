"""Each streamed expectation on a million rows: one pass of ours, and GX's own pandas engine, side by side.

usage: python -m tests.validation.oracle.timing [--rows 1000000] [part of a type's name …]

Seconds of processor time, one thread. GX's time includes neither its import nor making a context, nor does
ours; both read a table that is in memory: GX a pandas frame of the columns named, ours Arrow batches of
131,072 rows.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.validation.evidence import gathered
from batch_scorer.validation.formats import rows_kept
from batch_scorer.validation.streaming.compile import Way, compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.scan import scan
from batch_scorer.validation.suites.catalogue import columns_named
from tests.validation.oracle.oracle import Json, Oracle, expectation

_BATCH_ROWS = 131_072
_FORMAT: Json = {"result_format": "SUMMARY"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    pa.set_cpu_count(1)
    table, oracle = _table(asked.rows), Oracle()
    oracle.theirs(table.slice(0, 10), [expectation("expect_table_row_count_to_equal", value=10)], _FORMAT)
    print(f"{'expectation':<52}{'on':<14}{'ours s':>9}{'GX s':>9}{'ratio':>8}")
    for label, one in _cases():
        if not asked.names or any(name in one["type"] or name == label for name in asked.names):
            ours, theirs = _ours(table, one), _theirs(oracle, table, one)
            note = "  SLOWER" if ours > theirs else ""
            line = f"{one['type']:<52}{label:<14}{ours:>9.3f}{theirs:>9.3f}{theirs / ours:>8.1f}{note}"
            print(line, flush=True)


def _ours(table: pa.Table, one: Json) -> float:
    """Scan, merge and decide."""
    start = time.process_time()
    sampling = Sampling(keep=rows_kept(_FORMAT))
    compiled = compile_suite([one], table.schema, sample_columns=sampling.columns)
    (check,) = compiled.checks
    assert check.way is Way.STREAMED, (one, check.why)
    total = None
    for at in range(0, table.num_rows, _BATCH_ROWS):
        part = scan(Rows(table.slice(at, _BATCH_ROWS)), compiled.measures, sampling)
        total = part if total is None else total + part
    assert total is not None
    gathered([one], table.schema, sampling, total, Path("/nonexistent")).holds()
    return time.process_time() - start


def _theirs(oracle: Oracle, table: pa.Table, one: Json) -> float:
    frame = table.select(columns_named(one) or table.column_names).to_pandas()
    start = time.process_time()
    oracle.ask(frame, [one], _FORMAT)
    return time.process_time() - start


def _table(n: int) -> pa.Table:
    rng = np.random.default_rng(0)
    words = np.array([f"word {i}" for i in range(1_000)])
    days = np.datetime64("2020-01-01", "us") + rng.integers(0, 2_000, n).astype("m8[D]")
    times = np.datetime64("2020-01-01", "us") + rng.integers(0, 10**14, n).astype("m8[us]")
    numbers = rng.integers(0, 1_000, n)
    codes = rng.integers(0, 10**9, n)
    nulls = rng.random(n) < 0.05
    return pa.table(
        {
            "id": np.arange(n),
            "int": numbers,
            "other": np.where(rng.random(n) < 0.5, numbers, numbers + 1),
            "float": pa.array(rng.normal(size=n), mask=nulls),
            "more": rng.normal(size=n),
            "word": pa.array(words[rng.integers(0, 1_000, n)], mask=nulls),
            "word2": words[rng.integers(0, 1_000, n)],
            "code": pa.array(np.char.add("A-", codes.astype(str)), pa.string()),
            "day": pa.array(np.datetime_as_string(days, "D"), pa.string()),
            "moment": pa.array(np.datetime_as_string(times, "s"), pa.string()),
            "json": pa.array([f'{{"a": {code}}}' for code in codes], pa.string()),
            "us": pa.array(times, pa.timestamp("us")),
            "ns": pa.array(times.astype("M8[ns]"), pa.timestamp("ns")),
            "date": pa.array(days.astype("M8[D]"), pa.date32()),
            "category": pa.array(words[rng.integers(0, 1_000, n)]).dictionary_encode(),
        }
    )


def _on(type_: str, *columns: str, **kwargs: Any) -> Iterator[tuple[str, Json]]:
    for column in columns:
        yield column, expectation(type_, column=column, **kwargs)


def _cases() -> Iterator[tuple[str, Json]]:
    yield from _about_values()
    yield from _about_texts()
    yield from _about_numbers()
    yield from _about_records()
    yield from _about_the_table()


def _about_values() -> Iterator[tuple[str, Json]]:
    yield from _on("expect_column_values_to_not_be_null", "float", "word", "code")
    yield from _on("expect_column_values_to_be_null", "float", "word")
    yield from _on("expect_column_values_to_be_between", "int", "float", min_value=0, max_value=900)
    times = {"min_value": "2020-02-01T00:00:00", "max_value": "2022-01-01T00:00:00"}
    yield from _on("expect_column_values_to_be_between", "us", "ns", **times)
    yield from _on("expect_column_values_to_be_between", "date", min_value="2020-02-01")
    for type_ in ("expect_column_values_to_be_in_set", "expect_column_values_to_not_be_in_set"):
        yield from _on(type_, "int", "float", value_set=list(range(500)))
        yield from _on(type_, "word", "code", "category", value_set=[f"word {i}" for i in range(500)])
    yield from _on("expect_column_values_to_be_increasing", "id", "float", "us")
    yield from _on("expect_column_values_to_be_decreasing", "id", "float", "us")
    yield from _on("expect_column_values_to_be_unique", "id", "int", "float", "word", "code", "us")


def _about_texts() -> Iterator[tuple[str, Json]]:
    texts = ("word", "code", "category")
    yield from _on("expect_column_value_lengths_to_equal", *texts, value=8)
    yield from _on("expect_column_value_lengths_to_be_between", *texts, min_value=6, max_value=8)
    for name in ("match_regex", "not_match_regex"):
        yield from _on(f"expect_column_values_to_{name}", *texts, regex=r"^[A-Z]-\d+$")
        yield from _on(f"expect_column_values_to_{name}", "code", regex=r"^A(?=-)")
        yield from _on(f"expect_column_values_to_{name}_list", *texts, regex_list=[r"^A-\d+$", "word 1"])
    yield from _on("expect_column_values_to_match_strftime_format", "day", strftime_format="%Y-%m-%d")
    yield from _on(
        "expect_column_values_to_match_strftime_format", "moment", strftime_format="%Y-%m-%dT%H:%M:%S"
    )
    yield from _on("expect_column_values_to_match_strftime_format", "code", strftime_format="%Y-%m-%d")
    yield from _on("expect_column_values_to_be_dateutil_parseable", "day", "moment", "code")
    yield from _on("expect_column_values_to_be_json_parseable", "json", "code")
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    yield from _on("expect_column_values_to_match_json_schema", "json", json_schema=schema)


def _about_numbers() -> Iterator[tuple[str, Json]]:
    numbers = ("int", "float")
    for name in ("min", "max", "mean", "median", "stdev", "sum"):
        yield from _on(f"expect_column_{name}_to_be_between", *numbers, min_value=-1, max_value=500)
    yield from _on("expect_column_max_to_be_between", "us", "ns", min_value="2020-02-01T00:00:00")
    ranges = {"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[0, 1], [0, 600], [0, None]]}
    yield from _on("expect_column_quantile_values_to_be_between", *numbers, quantile_ranges=ranges)
    counted = ("int", "float", "word", "code", "us")
    yield from _on("expect_column_unique_value_count_to_be_between", *counted, min_value=1)
    yield from _on("expect_column_proportion_of_unique_values_to_be_between", *counted, min_value=0.1)
    yield from _on(
        "expect_column_proportion_of_non_null_values_to_be_between", "float", "word", min_value=0.1
    )
    for name in ("be_in_set", "contain_set", "equal_set"):
        yield from _on(f"expect_column_distinct_values_to_{name}", "int", value_set=list(range(1_000)))
        yield from _on(f"expect_column_distinct_values_to_{name}", "word", "code", value_set=["word 1"])
    yield from _on("expect_column_most_common_value_to_be_in_set", "int", value_set=[1])
    yield from _on("expect_column_most_common_value_to_be_in_set", "word", "code", value_set=["word 1"])


def _about_records() -> Iterator[tuple[str, Json]]:
    for label, one, other in (
        ("int", "int", "other"), ("float", "float", "more"), ("word", "word", "word2"), ("us", "us", "us2"),
    ):  # fmt: skip
        if label == "us":
            continue  # one column of times only
        pair = {"column_A": one, "column_B": other}
        yield label, expectation("expect_column_pair_values_to_be_equal", **pair)
        yield label, expectation("expect_column_pair_values_a_to_be_greater_than_b", **pair)
        allowed = [[i, i] for i in range(500)] if label != "word" else [["word 1", "word 2"]]
        yield label, expectation("expect_column_pair_values_to_be_in_set", **pair, value_pairs_set=allowed)
        for name in ("multicolumn_values_to_be_equal", "select_column_values_to_be_unique_within_record"):
            yield label, expectation(f"expect_{name}", column_list=[one, other])
        yield label, expectation("expect_compound_columns_to_be_unique", column_list=[one, other])
    yield (
        "3 columns",
        expectation("expect_multicolumn_sum_to_equal", column_list=["int", "other", "more"], sum_total=1),
    )
    yield "id, code", expectation("expect_compound_columns_to_be_unique", column_list=["id", "code"])


def _about_the_table() -> Iterator[tuple[str, Json]]:
    yield "table", expectation("expect_table_row_count_to_equal", value=5)
    yield "table", expectation("expect_table_row_count_to_be_between", min_value=5)
    yield "table", expectation("expect_table_column_count_to_equal", value=5)
    yield "table", expectation("expect_table_column_count_to_be_between", min_value=5)
    yield "table", expectation("expect_table_columns_to_match_set", column_set=["int"])
    yield "table", expectation("expect_table_columns_to_match_ordered_list", column_list=["int"])
    yield "int", expectation("expect_column_to_exist", column="int")
    yield "int", expectation("expect_column_values_to_be_of_type", column="int", type_="int64")
    yield "int", expectation("expect_column_values_to_be_in_type_list", column="int", type_list=["int64"])
    yield "int", expectation("expect_column_type_to_be", column="int", type_="int64")


if __name__ == "__main__":
    main()
