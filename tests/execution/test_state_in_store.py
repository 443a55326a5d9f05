"""A job whose state lies in an object store as its predictions do: no disk has to outlive a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TaxiProject
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.tables import StoreProject
from tests.postgresql import Server
from tests.validation.conftest import document_of

DAY, OTHER = "2024-01-01", "2024-01-02"
MANIFESTS = "state/manifests/*"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this machine keeps what is its own; to remove it is to go on on another one."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "machine"))
    return tmp_path / "machine"


@pytest.fixture
def table(
    make_project: Callable[..., TaxiProject],
    bucket: Bucket,
    database_url: str,
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> StoreProject:
    monkeypatch.setenv("LEDGER_URL", database_url)
    output = {"format": "delta", "state": f"{bucket.url}/state", "state_db": "${LEDGER_URL}"}
    suites = {"input": [{"suite": "input", "on_fail": "warn"}]}
    made = StoreProject(make_project, bucket, output={**output, "keep_generations": 1}, validate=suites)
    directory = made.project.root / "jobs" / "suites"
    directory.mkdir()
    rule = ("expect_column_values_to_not_be_null", {"column": "ride_id"})
    (directory / "input.json").write_text(json.dumps({**document_of((rule,)), "name": "input"}))
    return made


def assert_settled(table: StoreProject, machine: Path, expected: dict[str, int]) -> None:
    table.bucket.proxy.forget()
    table.ok("verify", "taxi_tips", "--deep")
    assert table.delta_rows() == expected
    assert not list(machine.rglob("*.parquet"))
    assert not [key for key in table.bucket.keys("state/manifests") if "/." in key]


def test_every_run_may_be_on_another_machine_and_all_that_looks_at_it_too(
    table: StoreProject, machine: Path
) -> None:
    assert table.run().code == 0
    shutil.rmtree(machine)
    assert_settled(table, machine, {DAY: 600})
    assert not table.project.state.exists()
    table.project.add_day(0, n_rows=700)
    table.bucket.proxy.forget()
    assert table.run().code == 0
    # As the page says: two chunks, each a file and a record; a manifest, a suite result, the log of the run.
    # What DELETE takes away it names in its body.
    assert table.bucket.proxy.count("state*") == {"LIST": 3 + 1, "GET": 1, "PUT": 2 * 2 + 2 + 1 + 1}
    assert table.bucket.proxy.count("predictions/taxi_tips/ride_date=*")["PUT"] == 2  # copies, by the store
    assert table.bucket.proxy.count("") == {"POST": 2}  # the waiting manifest, what was staged
    shutil.rmtree(machine)
    quiet = table.run()
    assert (quiet.code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert "0 to score" in table.ok("plan", "taxi_tips").stdout
    url = table.bucket.url
    shown = table.ok("show", f"taxi_tips/ride_date={DAY}", "--validation").stdout
    assert f"{url}/state/manifests/taxi_tips/ride_date={DAY}/2.json" in shown
    assert f"stored: {url}/state/validation/taxi_tips/ride_date={DAY}/" in shown
    assert "published" in table.ok("show", "last", "--logs").stdout
    assert f"{url}/state/manifests" in table.ok("audit", "taxi_tips", "--partition", DAY).stdout
    assert f"{url}/state and {table.url} can be listed" in table.ok("doctor", "taxi_tips").stdout
    table.ok("suites", "docs", "last", "-o", str(table.project.root / "page.html"))
    table.ok("rollback", "taxi_tips", "--partition", DAY, "--reason", "as it was")
    shutil.rmtree(machine)
    assert_settled(table, machine, {DAY: 600})
    table.ok("unpin", "taxi_tips", "--partition", DAY)
    assert table.run().code == 0
    for call in (("status",), ("repair", "taxi_tips"), ("quarantine", "list", "taxi_tips")):
        table.ok(*call)
    table.ok("gc", "taxi_tips", "--older-than", "0d")
    assert_settled(table, machine, {DAY: 700})


def test_gc_removes_a_manifest_that_never_got_its_name_and_no_other(table: StoreProject) -> None:
    assert table.run().code == 0
    hidden = f"state/manifests/taxi_tips/ride_date={DAY}/.2.json.{'ab' * 32}"
    table.bucket.direct.put(hidden, b"{}")
    would = table.ok("gc", "taxi_tips", "--older-than", "0d", "--dry-run").stdout
    assert f"would remove manifest .2.json.{'ab' * 32} of taxi_tips/ride_date={DAY}" in would
    table.ok("gc", "taxi_tips", "--older-than", "30d")
    assert hidden in table.bucket.keys("state/manifests")
    table.ok("gc", "taxi_tips", "--older-than", "0d")
    assert table.bucket.keys("state/manifests") == [f"state/manifests/taxi_tips/ride_date={DAY}/1.json"]


def test_a_lost_ledger_is_told_again_by_the_manifests_in_the_store(
    table: StoreProject, machine: Path, database_url: str, postgresql_server: Server
) -> None:
    assert table.run().code == 0
    postgresql_server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database_url.rpartition("/")[2])
    refused = table.run()
    assert (refused.code, f"{table.bucket.url}/state/manifests/taxi_tips" in refused.stderr) == (6, True)
    table.ok("ledger", "rebuild", "taxi_tips")
    assert table.run().code == 0
    assert_settled(table, machine, {DAY: 600})
    assert table.delta().version() == 1


@pytest.mark.parametrize(
    "kind",
    [
        Kind.THROTTLED,
        Kind.FAILED_AFTER,
        *(
            pytest.param(kind, marks=pytest.mark.long)
            for kind in (Kind.FAILED, Kind.DROPPED, Kind.DROPPED_AFTER)
        ),
    ],
)
def test_requests_that_fail_by_chance_lose_nothing_and_double_nothing(
    table: StoreProject, machine: Path, kind: Kind
) -> None:
    fault = Fault(kind=kind, key="state/*", rate=0.4)
    table.bucket.proxy.inject(fault)
    result = table.run()
    assert (result.code, fault.n_hit > 0) == (0, True), result.stderr
    assert_settled(table, machine, {DAY: 600})
    assert len(table.bucket.keys("state/manifests")) == 1


def test_a_manifest_that_cannot_be_kept_keeps_its_partition_from_readers(
    table: StoreProject, machine: Path
) -> None:
    assert table.run().code == 0
    table.project.add_day(0, n_rows=700)
    table.bucket.proxy.inject(Fault(kind=Kind.THROTTLED, method="PUT", key=MANIFESTS))
    result = table.run()
    assert (result.code, "the object store does not answer" in result.stderr) == (69, True), result.stderr
    table.bucket.proxy.forget()
    assert table.delta_rows() == {DAY: 600}
    assert table.run().code == 0
    assert_settled(table, machine, {DAY: 700})


def test_a_machine_that_has_no_place_of_its_own_is_told_what_to_set(
    table: StoreProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "")
    refused = table.run()
    assert (refused.code, "set XDG_STATE_HOME" in refused.stderr) == (78, True)
