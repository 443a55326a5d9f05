"""A drafted suite holds on the data it was drafted from, with Great Expectations itself as the judge."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

from batch_scorer.validation.drafting.looking import look_at
from batch_scorer.validation.drafting.suite_text import Draft, draft_suite
from batch_scorer.validation.suites.reading import load_suite

TAXI = Path(__file__).parents[3] / "shared" / "data" / "chicago_taxi.csv"
N = 60
NOON = dt.datetime(2024, 3, 10, 12, tzinfo=dt.UTC)


def draft(table: pa.Table, *, n_batches: int = 3) -> Draft:
    """Of one partition, in a few batches."""
    batches = table.to_batches(max_chunksize=max(1, -(-table.num_rows // n_batches)))
    seen = look_at([[table.schema, *batches]], partition_rows=[table.num_rows], n_files=1)
    return draft_suite("rides", seen, looked_at="all of it")


def rules(drafted: Draft, column: str | None = None) -> dict[str, dict[str, Any]]:
    """What is expected of a column, or of the table: type to arguments without the column."""
    return {
        one["type"].removeprefix("expect_"): {k: v for k, v in one["kwargs"].items() if k != "column"}
        for one in drafted.expectations
        if one["kwargs"].get("column") == column
    }


def _repeated(values: list[Any], kind: pa.DataType | None = None) -> pa.Array:
    return pa.array((values * N)[:N], kind)


PLAIN = {
    "ride_id": pa.array(range(N), pa.int64()),
    "fare": pa.array([i * 8.1 - 0.37 for i in range(N)]),
    "passengers": _repeated([1, 2, None, 3]),
    "area": _repeated([8, 32, 76]),
    "company": _repeated(["Flash Cab", None, "Zoë's Taxi", "出租车"]),
    "plate": pa.array([f"TX-{i:04}" for i in range(N)]),
    "day": _repeated([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
    "paid": _repeated([True, False]),
    "shared": _repeated([True, None]),
    "started_at": _repeated([NOON.replace(tzinfo=None)], pa.timestamp("us")),
    "ended_at": _repeated([NOON, None], pa.timestamp("ns", tz="America/Chicago")),
    "price": _repeated([Decimal("12345678901234567890.01"), None, Decimal("-0.05")]),
}
UGLY = {
    "nothing": pa.nulls(N),
    "no_number": pa.nulls(N, pa.int64()),
    "no_text": pa.nulls(N, pa.string()),
    "no_bool": pa.nulls(N, pa.bool_()),
    "no_id": pa.nulls(N, pa.string()),
    "nan": _repeated([float("nan"), 1.5, None]),
    "only_nan": _repeated([float("nan")]),
    "infinite": pa.array([float("inf"), float("-inf"), *(float(i) for i in range(N - 2))]),
    "often_infinite": _repeated([float("inf"), 1.0]),
    "only_infinite": _repeated([float("-inf")]),
    "int64_ends": _repeated([-(2**63), 2**63 - 1], pa.int64()),
    "int64_top": pa.array([2**63 - 1 - i for i in range(N)], pa.int64()),
    "int64_gaps": _repeated([2**53 + 1, None, 2**63 - 1], pa.int64()),
    "uint64_end": _repeated([2**64 - 1, 0], pa.uint64()),
    "int8_gaps": _repeated([-128, None, 127], pa.int8()),
    "float64_ends": _repeated([1.7e308, -1.7e308, 5e-324]),
    "half": pa.array([i / 8 for i in range(N)], pa.float16()),
    "half_end": _repeated([65504.0, -65504.0], pa.float16()),
    "single": pa.array([i * 0.1 for i in range(N)], pa.float32()),
    "single_end": pa.array([i * 5.9e36 for i in range(N - 3)] + [3.4e38] * 3, pa.float32()),
    "half_span": pa.array([i * 1150.0 for i in range(N - 3)] + [65504.0] * 3, pa.float16()),
    "single_whole": _repeated([1.0, 5.0, 16777216.0], pa.float32()),
    "zero": _repeated([0]),
    "minus_zero": _repeated([-0.0]),
    "constant": _repeated([3.0]),
    "constant_text": _repeated([""]),
    "newline": pa.array([f"AB-{i}\n" for i in range(N)]),
    "meta": pa.array([f"$({i:03}).*[a-z]\\" for i in range(N)]),
    "control": _repeated(["\0", "\x1b[31m", "\u202e"]),
    "arabic_digits": pa.array([f"٣{i}" for i in range(N)]),
    "dictionary": _repeated(["a", None, "b"]).dictionary_encode(),
    "dictionary_ids": pa.array([f"A{i:03}" for i in range(N)]).dictionary_encode(),
    "dictionary_numbers": _repeated([1, None, 9]).dictionary_encode(),
    "large_text": _repeated(["x", "y"], pa.large_string()),
    "text_view": _repeated(["x", None], pa.string_view()),
    "bytes": _repeated([b"\xff", None]),
    "fixed_bytes": _repeated([b"ab"], pa.binary(2)),
    "time": _repeated([dt.time(1), None]),
    "duration": _repeated([dt.timedelta(days=1), None]),
    "date64": _repeated([dt.date(2024, 1, 1)], pa.date64()),
    "far": pa.array([253_370_764_800 + i for i in range(N)], pa.timestamp("s")),
    "float_id": pa.array([0.0, -0.0, *(float(i) for i in range(N - 2))]),
    "big_id": pa.array([None, *(2**60 + i for i in range(N - 1))], pa.int64()),
    "list": _repeated([[1], None]),
    "struct": _repeated([{"a": 1}, None]),
    "map": _repeated([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "weird name: 'ü' $x \"": _repeated([1, 2]),
}
TABLES = {
    "plain": pa.table(PLAIN),
    "ugly": pa.table(UGLY),
    "one row": pa.table({**PLAIN, **UGLY}).slice(0, 1),
    "two rows": pa.table({**PLAIN, **UGLY}).slice(1, 2),
    "no rows": pa.table({**PLAIN, **UGLY}).slice(0, 0),
    "one nested column": pa.table({"list": UGLY["list"]}),
}


@pytest.fixture
def failures(ask_gx: Callable[..., dict[str, Any]]) -> Callable[[Draft, pa.Table], list[Any]]:
    """What GX does not find to hold, or cannot evaluate; every expectation must have an answer."""

    def ask(drafted: Draft, table: pa.Table) -> list[Any]:
        result = ask_gx(table, json.loads(drafted.text), {"result_format": "SUMMARY"})
        assert len(result["results"]) == len(drafted.expectations) > 0
        return [(one["expectation_config"], one["result"]) for one in result["results"] if not one["success"]]

    return ask


@pytest.mark.parametrize("name", TABLES)
def test_a_draft_holds_on_the_table_it_was_made_from(
    failures: Callable[[Draft, pa.Table], list[Any]], name: str
) -> None:
    assert failures(draft(TABLES[name]), TABLES[name]) == []


def test_a_draft_of_real_dirty_rides_holds_on_them(
    failures: Callable[[Draft, pa.Table], list[Any]],
) -> None:
    if not TAXI.exists():
        pytest.skip(f"{TAXI} is not here")
    table = pyarrow.csv.read_csv(TAXI, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True))
    drafted = draft(table)
    assert failures(drafted, table) == []
    assert rules(drafted, "payment_type")["column_values_to_be_in_set"]["value_set"][0] == "Cash"
    assert rules(drafted, "trip_miles")["column_values_to_be_between"]["min_value"] == 0.0


@pytest.mark.parametrize("name", TABLES)
def test_a_draft_is_gx_json_exactly_as_gx_saves_it(gx: Any, name: str, tmp_path: Path) -> None:
    drafted = draft(TABLES[name])
    path = tmp_path / "rides.json"
    path.write_text(drafted.text)
    assert load_suite(path).n_expectations == len(drafted.expectations)
    saved = json.loads(drafted.text)
    suite = gx.ExpectationSuite(**json.loads(drafted.text))
    assert json.loads(json.dumps(suite.to_json_dict())) == saved


def test_a_draft_says_of_each_column_what_a_reviewer_would_look_for() -> None:
    drafted = draft(TABLES["plain"])
    assert rules(drafted)["table_row_count_to_be_between"] == {"min_value": 5.0}
    assert rules(drafted)["table_columns_to_match_set"] == {"column_set": [*PLAIN], "exact_match": False}
    assert rules(drafted, "ride_id") == {
        "column_values_to_be_of_type": {"type_": "int64"},
        "column_values_to_not_be_null": {},
        "column_values_to_be_unique": {},
    }
    assert rules(drafted, "fare")["column_values_to_be_between"] == {"min_value": -50.0, "max_value": 500.0}
    assert rules(drafted, "passengers") == {
        "column_values_to_be_in_type_list": {"type_list": ["int64", "float64"]},
        "column_values_to_not_be_null": {"mostly": 0.5},
        "column_values_to_be_between": {"min_value": 0.0, "max_value": 4.0},
    }
    assert rules(drafted, "plate")["column_values_to_match_regex"] == {"regex": r"^[A-Z]{2}-\d{4}$"}
    assert rules(drafted, "area")["column_values_to_be_in_set"] == {"value_set": [8, 32, 76]}
    types = {name: rules(drafted, name)["column_values_to_be_of_type"]["type_"] for name in [*PLAIN][6:]}
    assert types == {
        "day": "date",
        "paid": "bool",
        "shared": "bool",
        "started_at": "datetime64",
        "ended_at": "Timestamp",
        "price": "Decimal",
    }


def test_structure_is_critical_and_guesses_are_warnings() -> None:
    severities = {(one["type"], one["severity"]) for one in draft(TABLES["plain"]).expectations}
    assert {type_.removeprefix("expect_") for type_, severity in severities if severity == "critical"} == {
        "table_row_count_to_be_between",
        "table_columns_to_match_set",
        "column_values_to_be_of_type",
        "column_values_to_be_in_type_list",
        "column_values_to_not_be_null",
        "column_values_to_be_unique",
    }
    assert {type_.removeprefix("expect_") for type_, severity in severities if severity == "warning"} == {
        "column_values_to_not_be_null",
        "column_values_to_be_between",
        "column_values_to_be_in_set",
        "column_values_to_match_regex",
    }


def test_each_expectation_notes_what_was_seen() -> None:
    notes = {
        (one["type"], one["kwargs"].get("column")): one["notes"]
        for one in draft(TABLES["plain"]).expectations
    }
    assert notes["expect_column_values_to_not_be_null", "fare"] == ["0 nulls in 60 rows of 1 file"]
    assert notes["expect_column_values_to_not_be_null", "passengers"] == [
        "15 nulls in 60 rows of 1 file, 25 % in the worst partition"
    ]
    assert notes["expect_column_values_to_be_in_set", "area"] == [
        "3 values in 60 rows of 1 file; the rarest, 76, 20 times"
    ]


def test_what_nothing_can_be_said_about_is_left_out_with_its_reason() -> None:
    why = {one.column: one.why for one in draft(TABLES["ugly"]).left_out}
    assert why["list"].startswith("it is nested")
    assert why["nothing"] == why["only_nan"] == "it holds nothing but nulls"
    assert why["often_infinite"] == "30 values of it are infinite: no range"
    assert "half" not in why
    assert all("nested" not in one["notes"][0] for one in draft(TABLES["ugly"]).expectations)


def test_ranges_and_types_do_not_forbid_a_key_to_grow() -> None:
    drafted = draft(pa.table({"ride_id": pa.array([f"R{i}" for i in range(N)])}))
    assert rules(drafted, "ride_id")["column_values_to_match_regex"] == {"regex": r"^[A-Z]\d+$"}


@pytest.mark.parametrize("name", ["ride_id", "rideId", "uuid", "order_key"])
def test_a_key_is_unique_only_if_it_is_in_every_partition(name: str) -> None:
    table = pa.table({name: pa.array(range(N))})
    pieces = [table.schema, *table.to_batches()]
    twice = look_at([pieces, pieces], partition_rows=[N, N], n_files=2)
    assert "column_values_to_be_unique" in rules(draft_suite("s", twice, looked_at=""), name)
    doubled = look_at([pieces, [*pieces, *pieces[1:]]], partition_rows=[N, N], n_files=2)
    assert "column_values_to_be_unique" not in rules(draft_suite("s", doubled, looked_at=""), name)


def test_a_name_that_only_ends_like_a_key_gets_no_uniqueness() -> None:
    assert "column_values_to_be_unique" not in rules(draft(pa.table({"paid": pa.array(range(N))})), "paid")


def test_nulls_are_allowed_as_in_the_worst_partition() -> None:
    full, holed = pa.table({"x": _repeated([1.5])}), pa.table({"x": _repeated([1.5, 1.5, 1.5, None])})
    seen = look_at(
        [[full.schema, *full.to_batches()], [holed.schema, *holed.to_batches()]],
        partition_rows=[N, N],
        n_files=2,
    )
    assert rules(draft_suite("s", seen, looked_at=""), "x")["column_values_to_not_be_null"] == {"mostly": 0.5}


def test_columns_that_differ_between_files_are_told_and_not_guessed_at() -> None:
    one = pa.table({"a": _repeated([1]), "b": _repeated([1]), "c": _repeated([1])})
    other = pa.table({"a": _repeated([1]), "b": _repeated(["x"])})
    seen = look_at([[t.schema, *t.to_batches()] for t in (one, other)], partition_rows=[N, N], n_files=2)
    drafted = draft_suite("s", seen, looked_at="")
    assert rules(drafted)["table_columns_to_match_set"]["column_set"] == ["a", "b"]
    assert rules(drafted, "b") == {"column_values_to_not_be_null": {}}
    assert rules(drafted, "c") == {}
    why = {one.column: one.why for one in drafted.left_out}
    assert why["b"] == "its type is not the same in every file: int64, str"
    assert why["c"] == "not every file has it"


def test_the_row_count_stays_below_the_smallest_partition_of_a_week() -> None:
    schema = pa.schema([("x", pa.int64())])
    seen = look_at([[schema]] * 7, partition_rows=[25_701, 9_000, *[20_000] * 5], n_files=7)
    drafted = draft_suite("s", seen, looked_at="")
    assert rules(drafted)["table_row_count_to_be_between"] == {"min_value": 2000.0}
    assert drafted.expectations[0]["notes"] == ["9,000 rows in the smallest of 7 partitions looked at"]


def test_a_shape_that_only_the_last_rows_have_is_none() -> None:
    texts = ["Flash Cab", *(f"AB-{i:03}" for i in range(N))]
    assert "column_values_to_match_regex" not in rules(draft(pa.table({"x": texts}), n_batches=5), "x")
    assert "column_values_to_match_regex" in rules(draft(pa.table({"x": texts[1:]}), n_batches=5), "x")


def test_numbers_without_gaps_are_a_range_and_codes_a_set() -> None:
    table = pa.table({"month": pa.array([1, 2, 3, 4] * 20), "code": pa.array([1, 2, 3, 9] * 20)})
    drafted = draft(table)
    assert "column_values_to_be_in_set" not in rules(drafted, "month")
    assert rules(drafted, "month")["column_values_to_be_between"] == {"min_value": 0.0, "max_value": 5.0}
    assert rules(drafted, "code")["column_values_to_be_in_set"] == {"value_set": [1, 2, 3, 9]}
    assert "column_values_to_be_between" not in rules(drafted, "code")


@pytest.mark.parametrize(
    ("n_values", "n_rows", "is_set"), [(20, 400, True), (20, 399, False), (21, 840, False)]
)
def test_a_set_is_guessed_when_its_few_values_come_often(n_values: int, n_rows: int, is_set: bool) -> None:
    texts = [f"Cab {chr(65 + i % n_values)}" for i in range(n_rows)]
    assert ("column_values_to_be_in_set" in rules(draft(pa.table({"x": texts})), "x")) == is_set
