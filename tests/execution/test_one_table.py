"""One table, one owner, one schema, one row per key: what a publish never breaks."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pandas as pd
import pyarrow.parquet as pq

from tests import taxi
from tests.conftest import TaxiProject


def test_a_job_never_replaces_predictions_that_another_job_published(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    before = project.snapshot()
    taxi.write_job(project.root, taxi.job_document(name="intruder"))
    result = project.cli("run", "intruder")
    assert result.code == 1
    assert "intruder did not publish" in result.stderr
    assert "output.path" in result.stderr
    assert project.snapshot() == before


def test_files_that_somebody_changed_are_damage_and_are_not_replaced(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    directory = project.predictions / project.day(0).name
    stray = directory / "part-9.parquet"
    shutil.copy(sorted(directory.glob("*.parquet"))[0], stray)
    project.add_day(0, n_rows=610)
    project.add_day(2)
    result = project.cli("run", "taxi_tips")
    assert result.code == 6
    assert "not generation 1" in result.stderr
    assert stray.exists()
    assert len(project.published(2)) == 600


def test_a_null_key_fails_its_partition_with_the_row(project: TaxiProject) -> None:
    ids = pd.array([None, *range(1, 600)], dtype="Int64")
    project.add_day(0, ride_id=ids)
    result = project.cli("run", "taxi_tips")
    assert result.code == 3
    assert 'key column "ride_id" is null in 1 rows, first at row 0' in result.stderr
    assert len(project.published(1)) == 600


def test_duplicate_keys_block_with_examples(project: TaxiProject) -> None:
    project.add_day(0, ride_id=[7, 7, *range(100, 698)])
    result = project.cli("run", "taxi_tips")
    assert result.code == 4
    assert "key (ride_id) repeats in 2 rows, e.g. ride_id 7 (2 rows)" in result.stderr
    assert not (project.predictions / project.day(0).name).exists()
    assert len(project.published(1)) == 600


def test_one_odd_partition_does_not_speak_for_the_table(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(4)
    project.add_day(3, ride_id=[float(i) for i in range(600)])  # newest, so it is looked at first
    result = project.cli("run", "taxi_tips")
    assert result.code == 3
    assert 'column "ride_id" is float64 in ride_date=2024-01-04 but int64' in result.stderr
    assert all(len(project.published(index)) == 600 for index in range(3))

    project.add_day(3)
    assert project.cli("run", "taxi_tips").code == 0


def test_a_partition_that_is_dropped_whole_is_published_empty_with_a_warning(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, input={"where": "fare < -1"})
    result = project.cli("run", "taxi_tips")
    assert result.code == 0
    assert "all 600 rows were dropped" in result.stderr
    files = sorted((project.predictions / project.day(0).name).glob("*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == 0
