"""Whatever a column holds, the expectations drafted from it hold on it: judged here in a few lines of pandas.

Great Expectations judges a choice of tables in test_drafting; it is too slow for thousands.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.validation.drafting.looking import look_at
from batch_scorer.validation.drafting.suite_text import draft_suite


def _column(values: st.SearchStrategy[Any], kind: pa.DataType) -> st.SearchStrategy[pa.Array]:
    """Long enough for guesses to be drafted."""
    return st.lists(values, min_size=20, max_size=60).map(lambda drawn: pa.array(drawn, kind))


COLUMNS = st.one_of(
    _column(st.none() | st.integers(-(2**63), 2**63 - 1), pa.int64()),
    _column(st.none() | st.integers(0, 5), pa.int64()),
    _column(st.none() | st.floats(), pa.float64()),
    _column(st.floats(width=32), pa.float32()),
    _column(st.none() | st.from_regex(r"[A-F]{2}-[0-9]{1,3}", fullmatch=True), pa.string()),
    _column(st.none() | st.text(max_size=5), pa.string()),
    _column(st.sampled_from(["a", "b\n", "ü"]), pa.dictionary(pa.int32(), pa.string())),
)


def _breaking(kind: str, kwargs: dict[str, Any], values: pd.Series[Any]) -> pd.Series[Any]:
    """True where an expectation does not allow a value; nulls are for `not_be_null` alone."""
    if kind == "expect_column_values_to_not_be_null":
        return values.isna()
    values = values.dropna()
    match kind:
        case "expect_column_values_to_be_between":
            too_low = values < kwargs.get("min_value", values.min())
            too_high = values > kwargs.get("max_value", values.max())
            return pd.Series(too_low | too_high)
        case "expect_column_values_to_be_in_set":
            return ~values.isin(kwargs["value_set"])
        case "expect_column_values_to_match_regex":
            return ~values.astype(str).str.contains(kwargs["regex"]).astype(bool)
        case "expect_column_values_to_be_unique":
            return values.duplicated(keep=False)
        case _:
            return pd.Series([], dtype=bool)


@given(column=COLUMNS, n_batches=st.integers(1, 4), n_partitions=st.integers(1, 3))
def test_a_draft_holds_on_whatever_it_was_made_from(
    column: pa.Array, n_batches: int, n_partitions: int
) -> None:
    table = pa.table({"ride_id": column})
    size = -(-len(column) // n_partitions)
    partitions = [table.slice(start, size) for start in range(0, len(column), size)]
    pieces = [[part.schema, *part.to_batches(max_chunksize=-(-size // n_batches))] for part in partitions]
    rows = [part.num_rows for part in partitions]
    drafted = draft_suite("rides", look_at(pieces, partition_rows=rows, n_files=1), looked_at="all")
    for expectation in json.loads(drafted.text)["expectations"]:
        for part in partitions:
            broken = _breaking(expectation["type"], expectation["kwargs"], part.to_pandas()["ride_id"])
            allowed = 1 - expectation["kwargs"].get("mostly", 1)
            assert broken.mean() <= allowed or not broken.any(), (expectation, part)


@given(column=COLUMNS, n_batches=st.integers(1, 5))
def test_a_draft_does_not_depend_on_how_the_rows_come(column: pa.Array, n_batches: int) -> None:
    table = pa.table({"ride_id": column})
    whole, cut = (
        draft_suite(
            "rides",
            look_at(
                [[table.schema, *table.to_batches(max_chunksize=size)]],
                partition_rows=[len(column)],
                n_files=1,
            ),
            looked_at="all",
        )
        for size in (len(column), -(-len(column) // n_batches))
    )
    assert whole.text == cut.text
