"""Bad input: a clear error with what, where and fix; the others go on; nothing published changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import taxi
from tests.conftest import TaxiProject

PARTIAL, FAILED, GATED = 3, 1, 4


def _rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path, partitioning=None)), path, row_group_size=200)


def _drop_fare(table: pa.Table) -> pa.Table:
    return table.drop_columns(["fare"])


def _rename_fare(table: pa.Table) -> pa.Table:
    return table.rename_columns(["fares" if name == "fare" else name for name in table.column_names])


def _fare_as_text(table: pa.Table) -> pa.Table:
    index = table.column_names.index("fare")
    return table.set_column(index, "fare", table["fare"].cast("string"))


def _hour_with_nulls(table: pa.Table) -> pa.Table:
    index = table.column_names.index("trip_start_hour")
    hours = table["trip_start_hour"].to_pandas().astype("Int64")
    hours.iloc[[3, 5]] = pd.NA
    return table.set_column(index, "trip_start_hour", pa.array(hours, type=pa.int64()))


def _hour_with_fractions(table: pa.Table) -> pa.Table:
    index = table.column_names.index("trip_start_hour")
    hours = table["trip_start_hour"].to_pandas().astype("float64")
    hours.iloc[7] = 12.5
    return table.set_column(index, "trip_start_hour", pa.array(hours))


BAD_TABLES = [
    pytest.param(_drop_fare, ["fare", "part-1.parquet"], id="a column is missing"),
    pytest.param(_rename_fare, ["fare", "fares", "part-1.parquet"], id="a column is renamed"),
    pytest.param(_fare_as_text, ["fare", "string", "float64"], id="a column has another type"),
    pytest.param(_hour_with_nulls, ["trip_start_hour", "null", "2"], id="nulls in an int column"),
    pytest.param(_hour_with_fractions, ["trip_start_hour", "12.5"], id="fractions in an int column"),
]


@pytest.mark.parametrize(("change", "words"), BAD_TABLES)
def test_a_table_that_does_not_fit_the_signature_fails_its_partition_only(
    project: TaxiProject, change: Callable[[pa.Table], pa.Table], words: list[str]
) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    before = project.snapshot()
    project.add_day(2)
    _rewrite(project.day(1) / "part-1.parquet", change)

    result = project.cli("run", "taxi_tips")

    assert result.code == PARTIAL, result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert "where:" in result.stderr
    assert "fix:" in result.stderr
    after = project.snapshot()
    assert before.items() <= after.items()
    assert len(project.published(2)) == 600


BROKEN_FILES = [
    pytest.param(lambda content: b"", "0 bytes", id="zero bytes"),
    pytest.param(lambda content: content[: len(content) // 2], "part-0.parquet", id="truncated"),
    pytest.param(lambda content: b"ride_id,fare\n1,2\n" * 50, "part-0.parquet", id="text as Parquet"),
]


@pytest.mark.parametrize(("damage", "words"), BROKEN_FILES)
def test_a_file_that_is_not_whole_parquet_fails_its_partition_only(
    project: TaxiProject, damage: Callable[[bytes], bytes], words: str
) -> None:
    path = project.day(0) / "part-0.parquet"
    path.write_bytes(damage(path.read_bytes()))

    result = project.cli("run", "taxi_tips")

    assert result.code == PARTIAL
    assert words in result.stderr
    assert "fix:" in result.stderr
    assert len(project.published(1)) == 600
    assert not (project.predictions / project.day(0).name).exists()


def test_a_flipped_bit_in_a_page_is_found_by_its_checksum(project: TaxiProject) -> None:
    path = project.day(0) / "part-0.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 0x10
    path.write_bytes(bytes(content))

    result = project.cli("run", "taxi_tips")

    assert result.code == PARTIAL
    assert "part-0.parquet" in result.stderr
    assert len(project.published(1)) == 600


def test_an_empty_lake_is_nothing_to_do(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(0)
    result = project.cli("run", "taxi_tips", "-v")
    assert result.code == 0
    assert "nothing to do" in result.stderr
    assert project.cli("run", "taxi_tips", "--empty-exit-code", "9").code == 9


def test_a_lake_that_is_not_there_is_a_store_that_is_away(project: TaxiProject) -> None:
    shutil.rmtree(project.lake)
    result = project.cli("run", "taxi_tips")
    assert result.code == 69
    assert "fix:" in result.stderr


def test_an_extra_column_is_not_read_and_said(project: TaxiProject) -> None:
    _rewrite(
        project.day(0) / "part-1.parquet",
        lambda table: table.append_column("surge", pa.array(np.ones(len(table)))),
    )
    result = project.cli("run", "taxi_tips")
    assert result.code == 0
    assert "surge" in result.stderr
    assert "surge" not in project.published(0).columns
    assert len(project.published(0)) == 600


def test_a_category_never_seen_in_training_is_scored_as_the_model_scores_it(
    project: TaxiProject,
) -> None:
    frame = project.add_day(0, payment_type="Seashells")
    assert project.cli("run", "taxi_tips").code == 0
    expected = taxi.fitted("linear").predict_proba(frame[taxi.FEATURES])[:, 1]
    assert np.array_equal(project.published(0)["score"].to_numpy(), expected)


def test_a_zero_row_partition_is_stopped_by_the_row_gate(project: TaxiProject) -> None:
    shutil.rmtree(project.day(0))
    taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(0), n_files=1)
    result = project.cli("run", "taxi_tips")
    assert result.code == GATED
    assert "0 rows read" in result.stderr
    assert not (project.predictions / project.day(0).name).exists()
    assert len(project.published(1)) == 600


@pytest.mark.parametrize(
    ("directory", "words"),
    [("ride_date=__HIVE_DEFAULT_PARTITION__", "null"), ("ride_date=2024-01-01%2F..", "date")],
)
def test_a_directory_that_is_no_partition_fails_loudly_and_the_others_go_on(
    project: TaxiProject, directory: str, words: str
) -> None:
    shutil.copytree(project.day(0), project.lake / directory)
    result = project.cli("run", "taxi_tips")
    assert result.code == PARTIAL
    assert words in result.stderr
    assert directory in result.stderr
    assert len(project.published(0)) == 600


def test_a_string_key_that_decodes_to_a_slash_never_leaves_the_predictions(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(0, input={"partition_by": {"region": "string"}})
    taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(10))
    (project.lake / f"ride_date={taxi.FIRST_DAY}").rename(project.lake / "region=..%2F..%2Fescape")
    result = project.cli("run", "taxi_tips")
    assert result.code == FAILED
    assert "could leave its directory" in result.stderr
    assert not list(project.root.rglob("escape"))


@pytest.mark.parametrize("verb", ["run", "plan", "status", "validate-config", "doctor"])
def test_an_unknown_job_is_usage_and_the_nearest_name_is_suggested(project: TaxiProject, verb: str) -> None:
    result = project.cli(verb, "taxi_tip")
    assert result.code == 2
    assert "taxi_tips" in result.stderr


def test_an_unknown_model_in_the_job_file_is_a_config_mistake(
    project: TaxiProject,
) -> None:
    taxi.write_job(project.root, taxi.job_document(model={"uri": "taxi_tipz@champion"}))
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert "taxi_tips" in result.stderr
    assert not project.predictions.exists()


def test_an_unknown_model_on_the_command_line_is_usage(project: TaxiProject) -> None:
    result = project.cli("run", "taxi_tips", "--model", "taxi_tips@9")
    assert result.code == 2
    assert "fix:" in result.stderr


def test_an_unknown_suite_in_the_job_file_is_a_config_mistake(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, validate={"input": [{"suite": "rides_inptu", "on_fail": "block"}]})
    (project.root / "jobs" / "suites").mkdir()
    (project.root / "jobs" / "suites" / "rides_input.json").write_text(
        '{"name": "rides_input", "expectations": []}'
    )
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert "rides_input" in result.stderr


def test_a_suite_with_an_unknown_expectation_is_a_config_mistake(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, validate={"input": [{"suite": "rides_input", "on_fail": "block"}]})
    (project.root / "jobs" / "suites").mkdir()
    (project.root / "jobs" / "suites" / "rides_input.json").write_text(
        '{"name": "rides_input", "expectations": [\n'
        '  {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "fare"}}]}'
    )
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert "expect_column_values_to_be_between" in result.stderr
    assert "rides_input.json" in result.stderr


def test_an_output_place_that_is_a_file_is_refused_before_anything_is_scored(
    project: TaxiProject,
) -> None:
    project.predictions.parent.mkdir(parents=True)
    project.predictions.write_text("in the way")
    result = project.cli("run", "taxi_tips")
    assert result.code == FAILED
    assert str(project.predictions) in result.stderr
    assert "fix:" in result.stderr
    assert project.predictions.read_text() == "in the way"


def test_predictions_that_would_be_infinite_fail_with_the_row(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1)
    project.add_day(0, fare=[np.inf, *([10.0] * 599)])
    result = project.cli("run", "taxi_tips")
    assert result.code == FAILED
    assert "inf" in result.stderr
    assert not (project.predictions / project.day(0).name).exists()
