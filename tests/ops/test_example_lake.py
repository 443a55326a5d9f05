"""The example's lake is what its documentation promises, seen through other people's readers."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.ops.scaffold.lake import write_example_lake
from batch_scorer.ops.scaffold.rides import FIRST_DAY, SCHEMA, rides_of_day

DAYS = [FIRST_DAY + dt.timedelta(days=index) for index in range(14)]
BAD_DAY = dt.date(2024, 3, 27)


@pytest.fixture(scope="module")
def rides(full_lake: Path) -> pd.DataFrame:
    return pd.read_parquet(full_lake)


def test_every_day_has_two_files_of_at_least_twenty_thousand_rides_together(full_lake: Path) -> None:
    for day in DAYS:
        names = sorted(path.name for path in (full_lake / f"ride_date={day}").iterdir())
        assert names == ["part-0.parquet", "part-1.parquet"]
        n_rows = sum(pq.read_metadata(full_lake / f"ride_date={day}" / name).num_rows for name in names)
        assert n_rows >= 20_000
    assert len(list(full_lake.iterdir())) == len(DAYS)


def test_pandas_duckdb_and_polars_read_the_same_lake(full_lake: Path, rides: pd.DataFrame) -> None:
    table = f"read_parquet('{full_lake}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        asked = connection.execute(f"select count(*), sum(ride_id), sum(fare) from {table}")
        n_rows, ids, fares = asked.fetchall()[0]
    frame = pl.scan_parquet(full_lake, hive_partitioning=True).collect()
    assert n_rows == len(rides) == frame.height
    assert ids == rides["ride_id"].sum() == frame["ride_id"].sum()
    assert fares == pytest.approx(rides["fare"].sum())
    assert frame["fare"].sum() == pytest.approx(fares)


def test_ride_ids_are_unique_and_every_ride_started_on_its_partitions_day(rides: pd.DataFrame) -> None:
    assert rides["ride_id"].is_unique
    assert (rides["started_at"].dt.date.astype(str) == rides["ride_date"].astype(str)).all()
    assert (rides["started_at"].dt.hour == rides["trip_start_hour"]).all()


def test_weekdays_differ_in_how_many_rides_they_have(rides: pd.DataFrame) -> None:
    per_weekday = rides.groupby(rides["started_at"].dt.day_of_week).size()
    assert per_weekday.idxmax() == 4  # Friday
    assert per_weekday.max() > 1.2 * per_weekday.min()


def test_the_dirt_is_there_in_the_promised_amounts(rides: pd.DataFrame) -> None:
    assert rides["company"].isna().mean() == pytest.approx(0.35, abs=0.01)
    assert (rides["fare"] == 0).mean() == pytest.approx(0.01, abs=0.002)
    assert (rides["trip_miles"] == 0).mean() == pytest.approx(0.01, abs=0.002)
    for column in ("dropoff_community_area", "pickup_latitude", "pickup_longitude", "trip_seconds"):
        assert 0 < rides[column].isna().mean() < 0.05
    for column in ("ride_id", "started_at", "trip_miles", "fare", "payment_type", "tips"):
        assert rides[column].notna().all()


def test_only_the_bad_day_has_fares_that_no_meter_shows(rides: pd.DataFrame) -> None:
    impossible = (rides["fare"] < 0) | (rides["fare"] > 500)
    share = impossible.groupby(rides["started_at"].dt.date).mean()
    assert 0.08 < share[BAD_DAY] < 0.14
    assert share.drop(BAD_DAY).max() == 0


def test_coordinates_areas_and_durations_are_those_of_a_city(rides: pd.DataFrame) -> None:
    assert rides["pickup_latitude"].dropna().between(41.6, 42.1).all()
    assert rides["pickup_longitude"].dropna().between(-88.0, -87.5).all()
    assert rides["pickup_community_area"].dropna().between(1, 77).all()
    assert rides["trip_seconds"].dropna().between(0, 86_400).all()


def test_files_have_checksums_row_groups_and_the_documented_columns(full_lake: Path, tmp_path: Path) -> None:
    path = full_lake / f"ride_date={FIRST_DAY}" / "part-0.parquet"
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        assert file.schema_arrow.equals(SCHEMA)
        assert file.metadata.row_group(0).num_rows == 8192
        assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1  # inside the first page
    damaged = tmp_path / path.name
    damaged.write_bytes(content)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(damaged, columns=["ride_id"], page_checksum_verification=True)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_example_lake(tmp_path / name, days=2, rows=100, seed=seed)
    assert _hashes(tmp_path / "a") == _hashes(tmp_path / "b")
    assert not set(_hashes(tmp_path / "a").values()) & set(_hashes(tmp_path / "c").values())


def test_a_longer_lake_begins_with_the_shorter_one(tmp_path: Path) -> None:
    write_example_lake(tmp_path / "short", days=2, rows=100)
    write_example_lake(tmp_path / "long", days=3, rows=100)
    assert _hashes(tmp_path / "short").items() < _hashes(tmp_path / "long").items()


def test_a_lake_can_be_made_without_a_bad_day(tmp_path: Path) -> None:
    write_example_lake(tmp_path / "good", days=1, rows=1_000, bad_day=None)
    write_example_lake(tmp_path / "bad", days=1, rows=1_000, bad_day=0)
    assert pd.read_parquet(tmp_path / "good")["fare"].min() == 0
    assert pd.read_parquet(tmp_path / "bad")["fare"].min() < 0


@given(day=st.dates(), n_rows=st.integers(0, 50), seed=st.integers(0, 2**32))
def test_any_day_gives_rides_of_that_day_in_order(day: dt.date, n_rows: int, seed: int) -> None:
    rides = rides_of_day(day, n_rows, seed=seed)
    assert rides.schema.equals(SCHEMA)
    started = rides["started_at"].to_pylist()
    assert len(started) == n_rows
    assert started == sorted(started)
    assert {moment.date() for moment in started} <= {day}


def _hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*.parquet")
    }
