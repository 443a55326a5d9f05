"""The example's lake: a fortnight of rides as hive-partitioned Parquet, with one day no one should score."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.durable import write_whole
from batch_scorer.ops.scaffold.rides import FIRST_DAY, rides_of_day, with_meter_fault

FILES_PER_DAY = 2

_ROW_GROUP_ROWS = 8192
_BUSY = (1.04, 1.06, 1.10, 1.16, 1.34, 1.28, 1.0)  # Monday to Sunday, times the rows of a quiet day


def write_example_lake(
    root: Path,
    *,
    days: int = 14,
    rows: int = 20_000,
    start: dt.date = FIRST_DAY,
    seed: int = 7,
    bad_day: int | None = 9,
) -> None:
    """Writes `root/ride_date=YYYY-MM-DD/part-0.parquet, part-1.parquet` for each day, the same for a seed.

    rows: of the quietest weekday; others have up to 40 % more. bad_day: counted from 0, the day with a meter
    fault; None for a lake without one.
    """
    for index in range(days):
        day = start + dt.timedelta(days=index)
        for name, content in files_of_day(day, rows=rows, seed=seed, faulty=index == bad_day):
            write_whole(root / name, content)


def files_of_day(day: dt.date, *, rows: int, seed: int, faulty: bool) -> Iterator[tuple[str, bytes]]:
    """(path below the lake's root, Parquet bytes) of one day's files: equal parts, by time."""
    rides = rides_of_day(day, rows_of_day(day, rows, seed), seed=seed)
    if faulty:
        rides = with_meter_fault(rides, seed=seed)
    per_file = -(-len(rides) // FILES_PER_DAY)
    for index, name in enumerate(file_names(day)):
        yield name, parquet_bytes(rides.slice(index * per_file, per_file))


def file_names(day: dt.date) -> list[str]:
    return [f"ride_date={day}/part-{index}.parquet" for index in range(FILES_PER_DAY)]


def rows_of_day(day: dt.date, quiet_day: int, seed: int) -> int:
    """How many rides a day has: by weekday, and a little by chance; never fewer than a quiet day's."""
    chance = np.random.default_rng([seed, day.toordinal(), 1]).random() * 0.05
    return int(quiet_day * (_BUSY[day.weekday()] + chance))


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, row_group_size=_ROW_GROUP_ROWS, compression="snappy", write_page_checksum=True
    )
    return bytes(sink.getvalue())
