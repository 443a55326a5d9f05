"""A worker's memory does not grow with the partition, however its rows lie in files; wide rows are cut."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import taxi
from tests.conftest import TaxiProject

Make = Callable[..., TaxiProject]

_FEW = 8 * 131_072  # a million rows, as the goal has it: what allocators keep for the next batch has settled
_MANY = 8 * _FEW


def with_unique_key(make_project: Make) -> TaxiProject:
    """A suite has to keep every key until the chunk's end."""
    project = make_project(0, validate={"input": [{"suite": "keys"}]})
    rule = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "ride_id"}}
    (project.root / "jobs/suites").mkdir()
    (project.root / "jobs/suites/keys.json").write_text(json.dumps({"name": "keys", "expectations": [rule]}))
    return project


def write_rides(project: TaxiProject, n_times: int, row_group: int) -> None:
    """The same _FEW rides so many times in one file, with ids of their own."""
    (rides,) = pa.Table.from_pandas(taxi.rides(_FEW), preserve_index=False).to_batches()
    project.day(0).mkdir(exist_ok=True)
    path = project.day(0) / "part-0.parquet"
    with pq.ParquetWriter(path, rides.schema, write_page_checksum=True) as writer:
        for first in range(0, n_times * _FEW, _FEW):
            ids = pa.array(np.arange(first, first + _FEW))
            # Written batch by batch, a row group is never in memory whole.
            writer.write_batch(rides.set_column(0, "ride_id", ids), row_group_size=row_group)


def peak(project: TaxiProject, n_times: int, row_group: int) -> int:
    """Peak resident bytes of the one worker that scores the file."""
    write_rides(project, n_times, row_group)
    ran = project.shell("run", "taxi_tips", "--cluster", "local", "--workers", "1")
    assert ran.code == 0, ran.stderr
    run = project.cli("--json", "show", "last").lines[0]
    return int(run["cost"]["peak_bytes"])


@pytest.mark.alone
@pytest.mark.parametrize("row_group", [65_536, _MANY], ids=["many-row-groups", "one-row-group"])
def test_eight_times_the_rows_cost_a_worker_the_same_memory(make_project: Make, row_group: int) -> None:
    project = with_unique_key(make_project)
    few, many = (peak(project, n_times, row_group) for n_times in (1, 8))
    assert many < 1.1 * few, f"{few / 1e6:.0f} MB, with eight times the rows {many / 1e6:.0f} MB"


def with_notes(project: TaxiProject, n_rows: int, n_bytes: int) -> None:
    notes = [f"{row % 50:04d}".rjust(n_bytes, "x") for row in range(n_rows)]
    frame = taxi.rides(n_rows).assign(note=notes)
    taxi.write_day(project.lake, taxi.FIRST_DAY, frame, n_files=1, row_group=n_rows)


def test_batches_that_were_cut_smaller_are_told_with_the_reason(make_project: Make) -> None:
    project = make_project(0, output={"keep_columns": ["note"]})
    with_notes(project, 40_000, 2_000)
    ran = project.cli("run", "taxi_tips", "--cluster", "inline")
    assert (ran.code, "WARN" in ran.stdout + ran.stderr) == (0, False)
    told = project.cli("show", "last").stdout
    assert "batches: at most 3" in told
    assert "rows, not 131,072, to keep memory level: a row takes 2," in told
    assert 'of which "note" 2,004' in told
    smaller = project.cli("--json", "show", "last").lines[0]["cost"]["smaller"]
    assert (smaller["column"], smaller["column_bytes"]) == ("note", 2_004)
    assert project.published(0)["note"].str.len().eq(2_000).all()


def test_rows_too_wide_for_a_worker_fail_their_partition_and_name_the_memory_it_takes(
    make_project: Make,
) -> None:
    project = make_project(
        0, output={"keep_columns": ["note"]}, compute={"memory_per_worker": "320MB", "cluster": "inline"}
    )
    with_notes(project, 20, 1_000_000)
    ran = project.cli("run", "taxi_tips")
    assert ran.code == 1
    assert "a batch of 20 rows needs about 36" in ran.stderr
    assert "part-0.parquet, row group 0" in ran.stderr
    assert "set compute.memory_per_worker to 0.4GB or more" in ran.stderr
