"""A project whose predictions lie in an object store, behind a proxy; input and state are local."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from tests import taxi
from tests.conftest import TaxiProject
from tests.objectstore.fixtures import Bucket

TABLE = "predictions/taxi_tips"


class StoreProject:
    """rows, by day, as readers see them; they fail when a ride is there twice."""

    def __init__(
        self,
        make: Callable[..., TaxiProject],
        bucket: Bucket,
        n_days: int = 1,
        *,
        output: Mapping[str, object],
        retry_for: str = "2s",  # longer where faults pass: who knows when that is
        **job: object,
    ) -> None:
        output = {"path": f"{bucket.url}/{TABLE}", **output}
        waits = {"timeout": "1m", "retry_for": retry_for}
        self.project = make(n_days, output=output, storage=waits, **job)
        self.bucket = bucket
        self.url = f"{bucket.url}/{TABLE}"

    def ok(self, *arguments: str) -> taxi.Result:
        result = self.project.cli(*arguments)
        assert result.code == 0, result.stdout + result.stderr
        return result

    def run(self, *arguments: str) -> taxi.Result:
        return self.project.cli("run", "taxi_tips", "--cluster", "inline", *arguments)

    def delta(self) -> DeltaTable:
        return delta_table(self.bucket)

    def delta_rows(self) -> dict[str, int]:
        return delta_rows(self.bucket)

    def parquet_rows(self) -> dict[str, int]:
        return parquet_rows(self.bucket)

    def files(self) -> list[str]:
        return parquet_keys(self.bucket)

    def assert_settled(self) -> None:
        """No damage, nothing staged."""
        self.bucket.proxy.forget()
        self.ok("verify", "taxi_tips", "--deep")
        assert not list((self.project.state / "staging").rglob("*.parquet"))


def delta_table(bucket: Bucket) -> DeltaTable:
    options = {"endpoint": bucket.proxy.url, "allow_http": "true", "region": "us-east-1"}
    return DeltaTable(f"{bucket.url}/{TABLE}", storage_options=options)


def delta_rows(bucket: Bucket) -> dict[str, int]:
    return _counted(delta_table(bucket).to_pyarrow_table())


def parquet_rows(bucket: Bucket) -> dict[str, int]:
    tables = []
    for key in parquet_keys(bucket):
        day = key.split("/")[-2].partition("=")[2]
        table = pq.read_table(io.BytesIO(bucket.direct.get(key).data))
        tables.append(table.append_column("ride_date", pa.array([day] * table.num_rows, pa.string())))
    return _counted(pa.concat_tables(tables)) if tables else {}


def parquet_keys(bucket: Bucket) -> list[str]:
    """Of whatever generation; not those of the log."""
    return [key for key in bucket.keys(TABLE) if key.endswith(".parquet") and "=" in key]


def _counted(found: pa.Table) -> dict[str, int]:
    assert pc.count_distinct(found["ride_id"]).as_py() == found.num_rows
    counts = found.group_by("ride_date").aggregate([([], "count_all")])
    pairs = zip(counts["ride_date"].to_pylist(), counts["count_all"].to_pylist(), strict=True)
    return {str(day): n for day, n in sorted(pairs)}
