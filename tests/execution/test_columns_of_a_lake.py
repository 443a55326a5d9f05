"""Columns as lakes have them, through a real job: whatever fits gives the same bits, whatever does not is
refused for its partition, with column, file, row and an example.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.models import register
from tests import taxi
from tests.conftest import TaxiProject
from tests.models.observer import Observer
from tests.models.training_dtypes import KINDS

Make = Callable[..., TaxiProject]
Models = Callable[[str], tuple[Path, Path]]
SHOW = "batch-scorer models show taxi_tips@1 --signature"


def _write(project: TaxiProject, index: int, *tables: pa.Table) -> None:
    directory = project.day(index)
    directory.mkdir(parents=True)
    for i, table in enumerate(tables):
        pq.write_table(table, directory / f"part-{i}.parquet", write_page_checksum=True)


def _rides(index: int) -> pa.Table:
    frame = taxi.rides(60, seed=7, first_id=index * 1_000)
    return pa.Table.from_pandas(frame, preserve_index=False)


def _with(table: pa.Table, name: str, values: Any, *, called: str | None = None) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), called or name, values)


def _expected(models: Models, table: pa.Table) -> np.ndarray:
    """The oracle: the estimator's own answer for the same rows."""
    scores: np.ndarray = joblib.load(models("linear")[0]).predict_proba(table.to_pandas()[taxi.FEATURES])
    return scores[:, 1]


def _in_other_types(table: pa.Table) -> pa.Table:
    """The same values as another writer holds them."""
    cents = pa.array([Decimal(f"{fare:.2f}") for fare in table["fare"].to_pylist()], pa.decimal128(9, 2))
    for name, values in (
        ("fare", cents),
        ("trip_start_hour", table["trip_start_hour"].cast(pa.int8())),
        ("trip_start_day", table["trip_start_day"].cast(pa.float32())),
        ("trip_start_month", table["trip_start_month"].cast(pa.decimal128(38, 0))),
        ("pickup_community_area", table["pickup_community_area"].cast(pa.int64())),
        ("company", table["company"].cast(pa.string()).cast(pa.large_string())),
        ("payment_type", table["payment_type"].combine_chunks().dictionary_encode()),
    ):
        table = _with(table, name, values)
    return table


def test_reordered_extra_and_otherwise_typed_columns_give_the_same_bits(
    make_project: Make, model_files: Models
) -> None:
    project = make_project(0)
    tables = [_rides(0), _rides(1), _rides(2)]
    _write(project, 0, tables[0])
    shuffled = tables[1].select(sorted(tables[1].column_names, reverse=True))
    shuffled = shuffled.append_column("legs", pa.array([[1, 2]] * 60)).append_column("Fare", pa.nulls(60))
    _write(project, 1, shuffled)
    _write(project, 2, _in_other_types(tables[2]))
    done = project.cli("run", "taxi_tips")
    assert (done.code, done.stderr) == (0, "")
    for index, table in enumerate(tables):
        published = project.published(index)
        assert published["ride_id"].tolist() == table["ride_id"].to_pylist()
        np.testing.assert_array_equal(published["score"], _expected(model_files, table))


def _hours(table: pa.Table, change: Callable[[list[Any]], object], kind: pa.DataType) -> pa.Table:
    hours = table["trip_start_hour"].to_pylist()
    change(hours)
    return _with(table, "trip_start_hour", pa.array(hours, kind))


def _fractions(hours: list[Any]) -> None:
    hours[17], hours[40] = 12.5, float("nan")


def _nulls(hours: list[Any]) -> None:
    hours[3] = hours[4] = None


REFUSED: dict[str, tuple[Callable[[pa.Table], pa.Table], str, str]] = {
    "a column that is not there": (
        lambda table: table.drop_columns("trip_miles"),
        'column "trip_miles", which the signature of taxi_tips@1 needs, is not in part-1.parquet',
        "part-1.parquet, which has ride_id, started_at, trip_seconds",
    ),
    "a column in capitals": (
        lambda table: _with(table, "fare", table["fare"], called="FARE"),
        'column "fare", which the signature of taxi_tips@1 needs, is not in part-1.parquet; '
        'it looks renamed to "FARE"',
        "part-1.parquet, which has ride_id",
    ),
    "text where numbers were": (
        lambda table: _with(table, "fare", table["fare"].cast(pa.string())),
        'column "fare" is string in part-1.parquet but the signature of taxi_tips@1 says float64',
        "part-1.parquet",
    ),
    "a list": (
        lambda table: _with(table, "fare", pa.array([[1.0]] * len(table))),
        'column "fare" is list<element: double> in part-1.parquet '
        "but the signature of taxi_tips@1 says float64",
        "part-1.parquet",
    ),
    "fractions": (
        lambda table: _hours(table, _fractions, pa.float64()),
        'column "trip_start_hour" is float64 in part-1.parquet but the signature of taxi_tips@1 says int64, '
        "and 2 of 60 values cannot be int64 without loss",
        "part-1.parquet, first at row 17: 12.5",
    ),
    "nulls": (
        lambda table: _hours(table, _nulls, pa.int64()),
        'column "trip_start_hour" has 2 nulls in 60 rows of part-1.parquet '
        "but the signature of taxi_tips@1 says int64 without nulls",
        "part-1.parquet, first at row 3",
    ),
}


def test_what_does_not_fit_is_refused_for_its_partition_and_the_others_are_published(
    make_project: Make,
) -> None:
    project = make_project(0)
    _write(project, 0, _rides(0))
    for index, (change, _, _) in enumerate(REFUSED.values(), start=1):
        _write(project, index, _rides(index), change(_rides(index + 100)))
    done = project.cli("run", "taxi_tips", "--json")
    assert done.code == 3
    told = {line["partition"]: line for line in done.lines if line["message_type"] == "partition_done"}
    assert len(told) == len(REFUSED) + 1
    for index, (_, what, where) in enumerate(REFUSED.values(), start=1):
        day = project.day(index).name
        error = told[day]["error"]
        assert error["what"] == what
        assert error["where"].startswith(f"{day}/{where}")
        assert error["next"] == SHOW
    assert [path.name for path in project.predictions.iterdir()] == [project.day(0).name]


@pytest.mark.parametrize("case", ["a column in capitals", "text where numbers were"])
def test_the_doctor_says_the_same_before_the_night(make_project: Make, case: str) -> None:
    change, what, _ = REFUSED[case]
    project = make_project(0)
    _write(project, 0, _rides(0), change(_rides(1)))
    asked = project.cli("doctor", "taxi_tips")
    assert asked.code != 0
    assert what in asked.stdout
    assert "models show taxi_tips@1 --signature" in asked.stdout


def test_a_column_that_a_file_has_twice_is_a_damaged_file(make_project: Make) -> None:
    project = make_project(0)
    table = _rides(0)
    _write(project, 0, pa.Table.from_arrays([*table.columns, table["fare"]], [*table.column_names, "fare"]))
    done = project.cli("run", "taxi_tips")
    assert done.code == 1
    assert 'more than one column named "fare"' in done.stderr


def test_a_row_set_aside_before_needs_no_value_that_fits(make_project: Make) -> None:
    """A suite's rule, or input.where, looks at the column as the file has it."""
    project = make_project(0, input={"where": "trip_start_hour is not null"})
    table = _rides(0)
    _write(project, 0, _hours(table, _nulls, pa.int64()))
    done = project.cli("run", "taxi_tips")
    assert (done.code, done.stderr) == (0, "")
    kept = [ride for row, ride in enumerate(table["ride_id"].to_pylist()) if row not in (3, 4)]
    assert pd.Series(project.published(0)["ride_id"]).tolist() == kept


def test_a_model_gets_from_the_lake_what_it_was_trained_on_for_every_dtype(make_project: Make) -> None:
    """The oracle: the model's own answer for the training table, which tells every detail apart."""
    frames = [kind.frame.set_axis([f"c{i}"], axis=1) for i, kind in enumerate(KINDS.values())]
    training = pd.concat(frames, axis=1)
    model = Observer().fit(training)
    project = make_project(0)
    asked = {"uri": "observer@1", "method": "predict", "output": {"seen": "float64 = prediction"}}
    taxi.write_job(project.root, taxi.job_document(model=asked))
    register(
        model, name="observer", reference=training, registry=project.root / "data" / "models",
        allow_pickle=True,
    )  # fmt: skip
    table = pa.Table.from_pandas(training, preserve_index=False).replace_schema_metadata(None)
    _write(project, 0, table.append_column("ride_id", pa.array([0, 1])))
    _write(project, 1, table.select(table.column_names[::-1]).append_column("ride_id", pa.array([2, 3])))
    _write(project, 2, _widened(table).append_column("ride_id", pa.array([4, 5])))
    done = project.cli("run", "taxi_tips")
    assert (done.code, done.stderr) == (0, "")
    for index in range(3):
        assert project.published(index)["seen"].tolist() == model.predict(training).tolist()


def _widened(table: pa.Table) -> pa.Table:
    """As somebody writes it who takes the widest type of each kind, and another zone."""
    return table.cast(pa.schema([(field.name, _widest(field.type)) for field in table.schema]))


def _widest(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind
    if pa.types.is_integer(kind):
        return pa.uint64() if kind == pa.uint64() else pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_decimal(kind):
        return pa.decimal256(50, 10)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ns", kind.tz and "Asia/Tokyo")
    return pa.large_string() if pa.types.is_string(kind) else kind
