"""Memory of a scan does not grow with the rows: uniqueness spills, everything else is counters."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCAN = """
import sys, tempfile
from pathlib import Path
import numpy as np, pyarrow as pa
from batch_scorer.validation.evidence import gathered
from batch_scorer.validation.streaming.compile import compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.scan import scan

N_BATCH = 131_072
n_rows, spill_rows = int(sys.argv[1]), int(sys.argv[2])

def one(type_, **kwargs):
    return {"type": type_, "kwargs": kwargs}

suite = [
    one("expect_table_row_count_to_be_between", min_value=1),
    one("expect_column_values_to_not_be_null", column="ride_id"),
    one("expect_column_values_to_be_unique", column="ride_id"),
    one("expect_column_values_to_be_between", column="fare", min_value=0, max_value=100, mostly=0.9),
    one("expect_column_values_to_be_between", column="hour", min_value=0, max_value=23),
    one("expect_column_values_to_be_in_set", column="company", value_set=["A", "B", "C"]),
    one("expect_column_values_to_match_regex", column="company", regex="^[A-C]$"),
    one("expect_column_mean_to_be_between", column="fare", min_value=0, max_value=100),
    one("expect_column_stdev_to_be_between", column="fare", min_value=0, max_value=100),
    one("expect_column_max_to_be_between", column="fare", min_value=0, max_value=1000),
    one("expect_column_median_to_be_between", column="hour", min_value=0, max_value=23),
    one("expect_column_unique_value_count_to_be_between", column="cents", min_value=1),
]

def batch(number):
    rng = np.random.default_rng(number)
    ids = np.arange(number * N_BATCH, (number + 1) * N_BATCH)
    rng.shuffle(ids)
    return pa.table({
        "ride_id": ids,
        "fare": rng.uniform(0, 101, N_BATCH),
        "hour": rng.integers(0, 24, N_BATCH),
        "cents": rng.integers(0, 10**9, N_BATCH),
        "company": pa.array(rng.choice(["A", "B", "C"], N_BATCH)),
    })

with tempfile.TemporaryDirectory() as place:
    schema, sampling, total = batch(0).schema, Sampling(keep=20), None
    measures = compile_suite(suite, schema).measures
    for number in range(-(-n_rows // N_BATCH)):
        found = scan(Rows(batch(number)), measures, sampling)
        total = found if total is None else total + found
        total = total.settled(Path(place), f"spill-{number}", max_rows=spill_rows)
    assert total.spills
    holds = gathered(suite, schema, sampling, total, Path(place)).holds()
assert all(holds), holds
# Not ru_maxrss: that of a process that was started by a large one begins with what the large one had.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(1024 * int(peak.split()[1]))
"""


def peak_bytes(n_rows: int, spill_rows: int) -> int:
    command = [sys.executable, "-c", SCAN, str(n_rows), str(spill_rows)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(
    ("few", "many", "spill_rows"),
    [
        (500_000, 4_000_000, 1 << 18),
        pytest.param(1_000_000, 20_000_000, 1 << 19, marks=pytest.mark.long),
    ],
)
def test_many_more_rows_need_no_more_memory(few: int, many: int, spill_rows: int) -> None:
    assert peak_bytes(many, spill_rows) <= 1.1 * peak_bytes(few, spill_rows)
