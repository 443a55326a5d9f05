"""A job that publishes plain Parquet in an object store: new partitions, and in place where it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.conftest import TaxiProject
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import TABLE, StoreProject

DAY, OTHER = "2024-01-01", "2024-01-02"
IN_PLACE = {"overwrite": "in_place"}


@pytest.fixture
def make_table(make_project: Callable[..., TaxiProject], bucket: Bucket) -> Callable[..., StoreProject]:
    def make(output: Mapping[str, object] | None = None, **job: Any) -> StoreProject:
        return StoreProject(make_project, bucket, output=output or {}, **job)

    return make


def assert_settled(table: StoreProject, expected: dict[str, int]) -> None:
    """As if nothing had gone wrong."""
    table.assert_settled()
    assert table.parquet_rows() == expected


def test_new_partitions_are_published_and_a_published_one_is_refused_before_it_is_scored(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table()
    assert table.run().code == 0
    table.project.add_day(1)
    assert table.run().code == 0
    assert_settled(table, {DAY: 600, OTHER: 600})
    table.project.add_day(0, n_rows=700)
    refused = table.run()
    assert refused.code == 1
    assert "cannot be replaced unseen" in refused.stderr
    assert "output.format: delta" in refused.stderr
    assert "output.overwrite: in_place" in refused.stderr
    assert_settled(table, {DAY: 600, OTHER: 600})
    shown = table.ok("show", f"taxi_tips/{DAY}").stdout
    assert "visible by new partitions only, file by file" in shown
    table.ok("doctor", "taxi_tips")


def test_where_a_job_says_so_a_partition_is_replaced_and_comes_back_by_a_rollback(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table(IN_PLACE)
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)
    assert table.run().code == 0
    assert_settled(table, {DAY: 700})
    assert "incomplete or missing meanwhile" in table.ok("show", f"taxi_tips/{DAY}").stdout
    table.ok("rollback", "taxi_tips", "--partition", DAY, "--reason", "as it was")
    assert_settled(table, {DAY: 600})


def test_uploads_that_seem_to_fail_are_repeated_and_doubled_never(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table({"success_marker": True}, retry_for="1m")
    for kind in (Kind.THROTTLED, Kind.FAILED_AFTER, Kind.DROPPED_AFTER):
        table.bucket.proxy.inject(Fault(kind=kind, method="PUT", times=2))
    result = table.run()
    assert result.code == 0, result.stderr
    put = [each.key.rpartition("/")[2] for each in table.bucket.proxy.requests if each.method == "PUT"]
    assert put[-1] == "_SUCCESS"
    assert_settled(table, {DAY: 600})


def test_what_somebody_else_put_there_is_never_published_beside(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table()
    table.bucket.direct.put(f"{TABLE}/ride_date={DAY}/theirs.parquet", b"PAR1")
    result = table.run()
    assert result.code == 1
    assert "did not publish" in result.stderr
    table.bucket.direct.delete(f"{TABLE}/ride_date={DAY}/theirs.parquet")
    table.bucket.direct.put(f"{TABLE}/_delta_log/{0:020}.json", b"{}")
    result = table.run()
    assert result.code == 1
    assert "this is a Delta table" in result.stderr
    assert table.files() == []
