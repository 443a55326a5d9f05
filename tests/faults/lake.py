"""A small lake whose days come in versions, and what every version's predictions must be, told by the model
itself and by readers that are not ours.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests import taxi

if TYPE_CHECKING:
    from tests.faults.conftest import Drivers, Run

N_ROWS = 120
Version = int


class Lake:
    """Day i in version v holds rides of its own; `v` decides its rows."""

    def __init__(self, root: Path, drivers: Drivers) -> None:
        self.root = root
        self._drivers = drivers
        self.versions: dict[int, list[Version]] = {}  # every version that a day ever had
        self.n_files = 4  # of a day, each a chunk
        self.sets_aside = False  # rides that were paid in an odd way are quarantined

    @property
    def predictions(self) -> Path:
        return self.root / "data" / "predictions" / "taxi_tips"

    @property
    def state(self) -> Path:
        return self.root / "data" / "state"

    def write_job(self, **changes: Any) -> None:
        compute = {"chunk": "1kB", **changes.pop("compute", {})}
        taxi.write_job(self.root, taxi.job_document(compute=compute, **changes))

    def write_suite(self) -> None:
        """Of each day some rides break it."""
        self.sets_aside = True
        odd = {"column": "payment_type", "value_set": ["Cash", "Credit Card"]}
        suite = {"expectations": [{"type": "expect_column_values_to_be_in_set", "kwargs": odd}]}
        directory = self.root / "jobs" / "suites"
        directory.mkdir(exist_ok=True)
        (directory / "payments.json").write_text(json.dumps({"name": "payments", **suite}))
        uses = [{"suite": "payments", "on_fail": "quarantine"}]
        self.write_job(validate={"input": uses}, output={"keep_generations": 0})

    def write_day(self, index: int, version: Version = 0) -> None:
        self.versions.setdefault(index, []).append(version)
        taxi.write_day(
            self.root / "data/lake/rides",
            _day(index),
            _rides(index, version),
            n_files=self.n_files,
        )

    def start(self, *arguments: str, faults: str = "") -> Run:
        return self._drivers.start(self.root, *arguments, "--cluster", "inline", faults=faults)

    def run(self, *arguments: str, faults: str = "") -> taxi.Result:
        result = self.start("run", "taxi_tips", *arguments, faults=faults).wait()
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def cli(self, *arguments: str, faults: str = "") -> taxi.Result:
        return self._drivers.run(self.root, *arguments, faults=faults)

    def seen(self, index: int) -> Version | None:
        """The version of a day that readers see whole; None when they see nothing. Anything else fails."""
        table = self._read(index)
        if table is None:
            return None
        found = table.to_pandas().sort_values("ride_id", ignore_index=True)
        for version in reversed(self.versions[index]):
            ids, scores = _expected(index, version, self.sets_aside)
            # Batches of 30 rows: dense BLAS may differ from the whole frame's result in the last bits.
            if np.array_equal(found["ride_id"], ids) and np.allclose(found["score"], scores, 1e-12, 0):
                return version
        raise AssertionError(f"day {index} shows no whole version: {len(found)} rows, {self.versions[index]}")

    def rows(self, index: int) -> list[int]:
        """The keys that readers see of a day."""
        table = self._read(index)
        return [] if table is None else table["ride_id"].to_pylist()

    def assert_whole(self) -> dict[int, Version | None]:
        """Every day shows one of its versions, whole, and nothing but finished Parquet is there."""
        strays = [
            path
            for path in self.predictions.rglob("*")
            if path.is_file() and path.suffix != ".parquet" and "_delta_log" not in path.parts
        ]
        assert strays == []
        return {index: self.seen(index) for index in self.versions}

    def assert_settled(self) -> None:
        """As if nothing had ever gone wrong: the newest version everywhere, and records that say so."""
        newest = {index: versions[-1] for index, versions in self.versions.items()}
        assert self.assert_whole() == newest
        verified = self.cli("verify", "taxi_tips", "--deep")
        assert verified.code == 0, verified.stdout + verified.stderr
        assert self.unfinished() == []
        assert not list((self.state / "staging").rglob("*.parquet"))
        if self.sets_aside:
            for index, version in newest.items():
                assert self.quarantined(index) == sorted(_rides(index, version).ride_id[_odd(index, version)])

    def quarantined(self, index: int) -> list[int]:
        """The keys of the rows that lie in a day's quarantine, in whatever generation's."""
        directory = self.state / "quarantine" / "taxi_tips" / f"ride_date={_day(index)}"
        tables = [pq.ParquetFile(path).read(["ride_id"]) for path in directory.rglob("*.parquet")]
        return sorted(pa.concat_tables(tables)["ride_id"].to_pylist()) if tables else []

    def unfinished(self) -> list[tuple[str, ...]]:
        """Rows of the ledger that wait for something."""
        with sqlite3.connect(self.state / "ledger.db") as ledger:
            queries = (
                "SELECT 'publishing', partition_path FROM generations WHERE state = 'publishing'",
                "SELECT 'opening', partition_path FROM openings",
                "SELECT 'lease', partition_path FROM leases",
                "SELECT 'holder', token FROM holders",
                "SELECT 'run', run_id FROM runs WHERE state = 'running'",
            )
            found = [row for query in queries for row in ledger.execute(query)]
        ledger.close()
        return found

    def _read(self, index: int) -> pa.Table | None:
        directory = self.predictions / f"ride_date={_day(index)}"
        if (self.predictions / "_delta_log").exists():
            return _read_delta(self.predictions, _day(index))
        files = sorted(directory.iterdir()) if directory.is_dir() else []
        if not files:
            assert not directory.exists()
            return None
        tables = [pq.ParquetFile(file, page_checksum_verification=True).read() for file in files]
        return pa.concat_tables(tables)


def _read_delta(root: Path, day: dt.date) -> pa.Table | None:
    from deltalake import DeltaTable

    table = pa.table(DeltaTable(root).to_pyarrow_table(filters=[("ride_date", "=", day)]))
    return table if table.num_rows else None


@cache
def _rides(index: int, version: Version) -> pd.DataFrame:
    first = (index * 100 + version) * 1_000_000
    return taxi.rides(N_ROWS + 2 * version, seed=first, first_id=first)


def _odd(index: int, version: Version) -> pd.Series:
    return ~_rides(index, version).payment_type.isin(["Cash", "Credit Card"])


@cache
def _expected(index: int, version: Version, sets_aside: bool) -> tuple[np.ndarray, np.ndarray]:
    frame = _rides(index, version)
    if sets_aside:
        frame = frame[~_odd(index, version)]
    return frame["ride_id"].to_numpy(), _model().predict_proba(frame[taxi.FEATURES])[:, 1]


@cache
def _model() -> Any:
    return taxi.fitted("linear")


def _day(index: int) -> Any:
    return taxi.days(index + 1)[index]
