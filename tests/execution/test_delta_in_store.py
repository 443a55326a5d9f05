"""A job that publishes into a Delta table in an object store, and a network that does what networks do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from batch_scorer.lake.sinks.delta import sink
from batch_scorer.lake.sinks.delta.table import replace_partition
from tests.conftest import TaxiProject
from tests.objectstore.fixtures import SECRET, Bucket
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import StoreProject

DAY, OTHER = "2024-01-01", "2024-01-02"
COMMITS = "predictions/taxi_tips/_delta_log/*.json"
FILES = "predictions/taxi_tips/ride_date=*"


@pytest.fixture
def make_table(make_project: Callable[..., TaxiProject], bucket: Bucket) -> Callable[..., StoreProject]:
    def make(n_days: int = 1, output: Mapping[str, object] | None = None, **job: Any) -> StoreProject:
        return StoreProject(make_project, bucket, n_days, output={"format": "delta", **(output or {})}, **job)

    return make


def assert_settled(table: StoreProject, expected: dict[str, int]) -> None:
    """As if nothing had gone wrong."""
    table.assert_settled()
    assert table.delta_rows() == expected


def test_a_table_is_made_replaced_explained_rolled_back_and_cleaned(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table(2, {"keep_generations": 1})
    assert "2 to score" in table.ok("plan", "taxi_tips").stdout
    assert table.run().code == 0
    assert_settled(table, {DAY: 600, OTHER: 600})
    table.project.add_day(0, n_rows=700)
    assert table.run().code == 0
    assert_settled(table, {DAY: 700, OTHER: 600})
    version = table.delta().version()
    assert table.run().code == 0
    assert table.delta().version() == version
    shown = table.ok("show", f"taxi_tips/{DAY}", "--files").stdout
    assert f"{table.url}/ride_date={DAY}/part-" in shown
    row = table.ok("audit", "taxi_tips", "--row", "ride_id=5").stdout
    assert f"{table.url}/ride_date={DAY}/part-" in row
    table.ok("verify", "taxi_tips", "--rescore", "50")
    table.ok("rollback", "taxi_tips", "--partition", DAY, "--reason", "as it was")
    assert_settled(table, {DAY: 600, OTHER: 600})
    table.ok("unpin", "taxi_tips", "--partition", DAY)
    assert table.run().code == 0
    assert_settled(table, {DAY: 700, OTHER: 600})
    for call in (("doctor", "taxi_tips"), ("status", "taxi_tips"), ("repair", "taxi_tips")):
        table.ok(*call)
    n_before = len(table.files())
    table.ok("gc", "taxi_tips", "--older-than", "0d")
    assert len(table.files()) < n_before
    assert_settled(table, {DAY: 700, OTHER: 600})


def test_a_lost_ledger_is_told_again_by_manifests_and_the_table(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table()
    assert table.run().code == 0
    for file in table.project.state.glob("ledger.db*"):
        file.unlink()
    table.ok("ledger", "rebuild", "taxi_tips")
    assert_settled(table, {DAY: 600})
    assert table.run().code == 0
    assert table.delta().version() == 1


def test_a_partition_without_rows_is_published_and_healthy(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table(input={"where": "fare > 1000000"})
    assert table.run().code == 0
    assert_settled(table, {})
    version = table.delta().version()
    assert table.run().code == 0
    assert table.delta().version() == version


@pytest.mark.parametrize(("kind", "times"), [(Kind.FAILED_AFTER, 100), (Kind.DROPPED_AFTER, 1)])
def test_a_commit_that_was_carried_out_but_seemed_to_fail_is_published_once(
    make_table: Callable[..., StoreProject], kind: Kind, times: int
) -> None:
    table = make_table()
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)
    table.bucket.proxy.inject(Fault(kind=kind, method="PUT", key=COMMITS, times=times))
    result = table.run()
    assert result.code == 0, result.stderr
    assert_settled(table, {DAY: 700})


def test_faults_that_pass_change_nothing(make_table: Callable[..., StoreProject]) -> None:
    table = make_table(retry_for="1m")
    table.bucket.proxy.inject(
        Fault(kind=Kind.DROPPED, method="PUT", key=COMMITS, times=2),
        Fault(kind=Kind.THROTTLED, method="PUT", key=FILES, times=2),
        Fault(kind=Kind.FAILED, method="GET", times=2),
        Fault(kind=Kind.DROPPED, method="GET", skip=3, times=1),
        Fault(kind=Kind.DROPPED_IN_BODY, method="LIST", times=2),
        Fault(kind=Kind.SLOW, delay_s=0.01),
    )
    result = table.run()
    assert result.code == 0, result.stderr
    assert_settled(table, {DAY: 600})


@pytest.mark.parametrize("key", [COMMITS, FILES])
def test_a_store_that_takes_nothing_shows_the_old_generation_until_it_does_again(
    make_table: Callable[..., StoreProject], key: str
) -> None:
    table = make_table()
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)
    table.bucket.proxy.inject(Fault(kind=Kind.THROTTLED, method="PUT", key=key))
    result = table.run()
    assert result.code in (1, 6, 69), result.stderr
    assert "503" in result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert table.delta_rows() == {DAY: 600}
    table.bucket.proxy.forget()
    again = table.run()
    assert again.code == 0, again.stderr
    assert_settled(table, {DAY: 700})


def test_a_store_that_is_gone_right_after_a_commit_leaves_it_to_the_next_run_to_find_it(
    make_table: Callable[..., StoreProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table()
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)

    def commit_and_lose(*args: Any) -> None:
        replace_partition(*args)
        table.bucket.proxy.inject(Fault(kind=Kind.DROPPED))
        raise OSError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(sink, "replace_partition", commit_and_lose)
        result = table.run()
    assert result.code == 69, result.stderr
    assert "cannot be reached" in result.stderr
    table.bucket.proxy.forget()
    assert table.delta_rows() == {DAY: 700}
    version = table.delta().version()
    again = table.run()
    assert again.code == 0, again.stderr
    assert_settled(table, {DAY: 700})
    assert table.delta().version() == version


def test_credentials_that_may_not_write_are_said_to_be_the_reason(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table()
    table.bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN, method="PUT"))
    result = table.run()
    assert result.code == 1
    assert "403" in result.stderr or "credentials" in result.stderr
    table.bucket.proxy.forget()
    assert table.run().code == 0
    assert_settled(table, {DAY: 600})


def test_a_store_that_is_away_is_69_before_anything_is_scored(
    make_table: Callable[..., StoreProject],
) -> None:
    table = make_table()
    table.bucket.proxy.inject(Fault(kind=Kind.DROPPED))
    result = table.run()
    assert result.code == 69
    assert not list((table.project.state / "staging").rglob("*.parquet"))


def test_no_record_log_or_message_holds_a_credential(make_table: Callable[..., StoreProject]) -> None:
    table = make_table()
    result = table.project.cli("-v", "run", "taxi_tips", "--cluster", "inline")
    assert SECRET not in result.stdout + result.stderr
    files = [path for path in table.project.root.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    store = table.bucket.direct
    objects = [store.get(entry.key).data for page in store.pages("") for entry in page]
    assert objects
    assert not [data for data in objects if SECRET.encode() in data]


def test_what_a_publish_asks_of_the_store_is_counted(make_table: Callable[..., StoreProject]) -> None:
    """See docs/object-stores.md."""
    table = make_table()
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)
    table.bucket.proxy.forget()
    assert table.run().code == 0
    asked, uploaded = table.bucket.proxy.count(), table.bucket.proxy.count(FILES)
    assert uploaded == {"PUT": 2, "LIST": 3}
    assert asked == {"PUT": 3, "LIST": 10, "GET": 25}
