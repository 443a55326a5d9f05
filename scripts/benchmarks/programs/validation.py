"""Validation alone: our streamed partials against GX's pandas engine, one thread, the same rows and suite.

GX's import and context are not counted; ours is counted with what GX needs to render its own result from
our partials, and without. In turn (A B A B …), each in its own process, which also tells its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_NUM_THREADS": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
_GROUP_ROWS = 131_072


def main() -> None:
    options = _options()
    if options.side:
        print(json.dumps(_measured(options.side, options.file)))
        return
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "rides.parquet"
        _write_rides(file, options.rows)
        sides = ("streamed", "rendered", "gx")
        found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        for _ in range(options.runs):
            for side in sides:
                found[side].append(_run(side, file))
    print(_table(found, options.rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--side", choices=["streamed", "rendered", "gx"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(side: str, file: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--file", str(file)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=True
    )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _table(found: dict[str, list[dict[str, float]]], n_rows: int) -> str:
    gx = [one["seconds"] for one in found["gx"]]
    lines = [
        f"{n_rows:,} rows × 10 columns, 15 expectations, one thread, {len(gx)} turns; Python "
        f"{platform.python_version()}, great-expectations {version('great-expectations')}, pyarrow "
        f"{version('pyarrow')}, pandas {version('pandas')}.",
        "",
        "| way | seconds (median) | against GX (median of pairs) | peak memory |",
        "|---|---|---|---|",
    ]
    for side, what in (
        ("gx", "GX's pandas engine"),
        ("streamed", "streamed, verdict by our own rules"),
        ("rendered", "streamed, and GX's own result rendered"),
    ):
        seconds = [one["seconds"] for one in found[side]]
        faster = statistics.median(theirs / ours for theirs, ours in zip(gx, seconds, strict=True))
        peak = max(one["peak_bytes"] for one in found[side]) / 1e6
        lines.append(f"| {what} | {statistics.median(seconds):.3f} | {faster:.1f}× faster | {peak:,.0f} MB |")
    return "\n".join(lines)


def _measured(side: str, file: Path) -> dict[str, float]:
    pa.set_cpu_count(1)
    seconds = {"streamed": _streamed, "rendered": _rendered, "gx": _by_gx}[side](file)
    return {"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _streamed(file: Path) -> float:
    """Reading is not counted, as it is not on GX's side."""
    from batch_scorer.validation.evidence import gathered
    from batch_scorer.validation.streaming.compile import compile_suite
    from batch_scorer.validation.streaming.measures import Sampling
    from batch_scorer.validation.streaming.rows import Rows
    from batch_scorer.validation.streaming.scan import scan

    with pq.ParquetFile(file) as opened, tempfile.TemporaryDirectory() as place:
        schema = opened.schema_arrow
        sampling = Sampling(keep=20)
        measures = compile_suite(SUITE["expectations"], schema).measures
        scan(Rows(schema.empty_table()), measures, sampling)  # imports
        seconds, total = 0.0, None
        for batch in opened.iter_batches(_GROUP_ROWS, use_threads=False):
            table = pa.Table.from_batches([batch])
            start = time.perf_counter()
            found = scan(Rows(table), measures, sampling)
            total = found if total is None else total + found
            total = total.settled(Path(place), f"spill-{total.n_rows}", max_rows=1 << 20)
            seconds += time.perf_counter() - start
        start = time.perf_counter()
        if total is None:
            sys.exit("the file has no rows")
        holds = gathered(SUITE["expectations"], schema, sampling, total, Path(place)).holds()
        if None in holds:
            sys.exit("an expectation was not streamed")
        return seconds + time.perf_counter() - start


def _rendered(file: Path) -> float:
    from batch_scorer.validation import validate

    with pq.ParquetFile(file) as opened:
        batches = list(opened.iter_batches(_GROUP_ROWS, use_threads=False))
    validate(SUITE, batches[:1])  # GX's import and context
    start = time.perf_counter()
    validate(SUITE, batches)
    return time.perf_counter() - start


def _by_gx(file: Path) -> float:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("rows")
    definition = asset.add_batch_definition_whole_dataframe("all")
    frame = pq.read_table(file, use_threads=False).to_pandas(use_threads=False)
    definition.get_batch({"dataframe": frame.head(10)}).validate(gx.ExpectationSuite(**SUITE))
    start = time.perf_counter()
    definition.get_batch({"dataframe": frame}).validate(gx.ExpectationSuite(**SUITE))
    return time.perf_counter() - start


def _write_rides(file: Path, n: int) -> None:
    rng = np.random.default_rng(7)
    miles = np.round(rng.lognormal(0.8, 0.9, n), 2)
    area = rng.integers(1, 78, n).astype("float64")
    area[rng.random(n) < 0.1] = np.nan
    companies = np.array(["Flash Cab", "Blue Ribbon", "Dispatch", "Taxi Affiliation", None], dtype=object)
    started = np.datetime64("2024-01-01", "us") + rng.integers(0, 86_400_000_000, n).astype("m8[us]")
    table = pa.table(
        {
            "ride_id": pa.array(rng.permutation(n).astype("int64")),
            "started_at": pa.array(started),
            "ended_at": pa.array(started + (miles * 200e6).astype("m8[us]")),
            "trip_miles": pa.array(miles),
            "fare": pa.array(np.round(3.25 + 2.2 * miles, 2)),
            "tips": pa.array(np.round(rng.uniform(0, 10, n), 2)),
            "trip_start_hour": pa.array(rng.integers(0, 24, n)),
            "pickup_community_area": pa.array(area, from_pandas=True),
            "payment_type": pa.array(rng.choice(["Cash", "Credit Card", "No Charge"], n)),
            "company": pa.array(rng.choice(companies, n)),
        }
    )
    pq.write_table(table, file, row_group_size=_GROUP_ROWS)


def _one(type_: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": type_, "kwargs": kwargs}


SUITE: dict[str, Any] = {
    "name": "rides",
    "expectations": [
        _one("expect_table_row_count_to_be_between", min_value=1),
        _one("expect_column_values_to_not_be_null", column="ride_id"),
        _one("expect_column_values_to_be_unique", column="ride_id"),
        _one("expect_column_values_to_not_be_null", column="started_at"),
        _one("expect_column_pair_values_a_to_be_greater_than_b", column_A="ended_at", column_B="started_at",
             or_equal=True),
        _one("expect_column_values_to_be_between", column="fare", min_value=0, max_value=500, mostly=0.99),
        _one("expect_column_values_to_be_between", column="trip_miles", min_value=0),
        _one("expect_column_values_to_be_between", column="trip_start_hour", min_value=0, max_value=23),
        _one("expect_column_values_to_be_in_set", column="payment_type",
             value_set=["Cash", "Credit Card", "No Charge"]),
        _one("expect_column_values_to_match_regex", column="company", regex="^[A-Z][a-z]+"),
        _one("expect_column_mean_to_be_between", column="fare", min_value=1, max_value=50),
        _one("expect_column_stdev_to_be_between", column="tips", min_value=0, max_value=100),
        _one("expect_column_max_to_be_between", column="trip_miles", max_value=10_000),
        _one("expect_column_values_to_be_between", column="pickup_community_area", min_value=1, max_value=77),
        _one("expect_column_distinct_values_to_be_in_set", column="company",
             value_set=["Flash Cab", "Blue Ribbon", "Dispatch", "Taxi Affiliation"]),
    ],
}  # fmt: skip


if __name__ == "__main__":
    main()
