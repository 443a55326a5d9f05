"""Readers that loop while partitions are replaced by real runs: never a mix of generations, never a part."""

from __future__ import annotations

import multiprocessing as mp
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest

from tests.faults.conftest import TALLY
from tests.faults.lake import N_ROWS, Lake
from tests.patience import WAIT_S

Found = list[tuple[str, int]]  # run id, rows


def _counted(runs: list[str]) -> Found:
    return sorted({run: runs.count(run) for run in set(runs)}.items())


def read_pandas(table: str) -> Found:
    return _counted(pd.read_parquet(table, columns=["_run_id"])["_run_id"].astype(str).tolist())


def read_pyarrow(table: str) -> Found:
    found = ds.dataset(table, partitioning="hive").to_table(columns=["_run_id"])
    return _counted(found["_run_id"].to_pylist())


def read_polars(table: str) -> Found:
    return _counted(pl.read_parquet(f"{table}/*/*.parquet", columns=["_run_id"])["_run_id"].to_list())


def read_duckdb(table: str) -> Found:
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT _run_id FROM read_parquet('{table}/*/*.parquet')").fetchall()
    return _counted([row[0] for row in rows])


def _loop(
    read: Callable[[str], Found], table: str, ready: Event, stop: Event, n_reads: int, told: SimpleQueue[Any]
) -> None:
    """Read until told, but at least n_reads times; a file that is gone is loud, and is read again."""
    n_good, n_gone, wrong = 0, 0, []
    while not (stop.is_set() and n_good >= n_reads):
        try:
            found = read(table)
        except Exception:
            n_gone += 1
            if stop.is_set() and n_gone > 100 * n_reads:
                break
            continue
        n_good += 1
        ready.set()
        if len(found) != 1 or found[0][1] != N_ROWS:
            wrong.append(found)
    told.put((n_good, n_gone, wrong[:3]))


def _read_while_publishing(
    lake: Lake, read: Callable[[str], Found], *, n_reads: int, n_publishes: int
) -> None:
    assert lake.run().code == 0
    context = mp.get_context("spawn")
    ready, stop, told = context.Event(), context.Event(), context.SimpleQueue()
    arguments = (read, str(lake.predictions), ready, stop, n_reads, told)
    reader = context.Process(target=_loop, args=arguments, daemon=True)
    reader.start()
    assert ready.wait(WAIT_S)
    for _ in range(n_publishes):
        assert lake.run("--reprocess", "all").code == 0
    stop.set()
    n_good, n_gone, wrong = told.get()
    reader.join(WAIT_S)
    assert wrong == []
    assert n_good >= n_reads
    TALLY["reads during publishes"] += n_good
    TALLY["reads during publishes that met a file that had just gone, loudly"] += n_gone


@pytest.mark.parametrize("read", [read_pandas, read_pyarrow, read_polars, read_duckdb])
def test_a_reader_sees_one_generation_or_a_loud_error(
    make_lake: Callable[..., Lake], read: Callable[[str], Found]
) -> None:
    _read_while_publishing(make_lake(1), read, n_reads=125, n_publishes=8)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("read", [read_pandas, read_pyarrow, read_polars, read_duckdb])
def test_ten_thousand_reads_see_one_generation_each(
    make_lake: Callable[..., Lake], read: Callable[[str], Found]
) -> None:
    _read_while_publishing(make_lake(1), read, n_reads=2_500, n_publishes=150)
