"""A job that publishes into a Delta table, from the first run to a lost ledger."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from tests import taxi
from tests.conftest import TaxiProject
from tests.faults.conftest import start
from tests.patience import WAIT_S

DAY = "2024-01-01"
DELTA = {"format": "delta"}


@pytest.fixture
def table(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    return make_project(2, output=DELTA)


def _ok(project: TaxiProject, *arguments: str) -> taxi.Result:
    result = project.cli(*arguments)
    assert result.code == 0, result.stdout + result.stderr
    return result


def _rows(project: TaxiProject) -> dict[str, int]:
    """By day; and no ride twice."""
    frame = pl.read_delta(str(project.predictions))
    assert not frame["ride_id"].is_duplicated().any()
    counted = frame.group_by("ride_date").len().sort("ride_date")
    return {str(day): n for day, n in counted.iter_rows()}


def _all_well(project: TaxiProject) -> None:
    _ok(project, "verify", "taxi_tips", "--deep")


def test_a_table_is_made_and_changed_input_replaces_a_partition(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    assert _rows(table) == {DAY: 600, "2024-01-02": 600}
    table.add_day(0, n_rows=700)
    _ok(table, "run", "taxi_tips")
    assert _rows(table) == {DAY: 700, "2024-01-02": 600}
    _all_well(table)
    version = DeltaTable(table.predictions).version()
    _ok(table, "run", "taxi_tips")
    assert DeltaTable(table.predictions).version() == version
    audited = _ok(table, "audit", "taxi_tips", "--partition", DAY)
    assert "generation 2" in audited.stdout


def test_kept_columns_keep_their_types(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1, output={**DELTA, "keep_columns": ["started_at", "company"]})
    _ok(project, "run", "taxi_tips")
    frame = pl.read_delta(str(project.predictions))
    assert dict(frame.schema)["started_at"] == pl.Datetime("us")
    _all_well(project)


def test_what_delta_cannot_hold_is_refused_before_anything_is_scored(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, output={**DELTA, "keep_columns": ["trip_start_hour"]})
    hours = taxi.rides(600)["trip_start_hour"].astype("uint8")
    project.add_day(0, trip_start_hour=hours)
    result = project.cli("run", "taxi_tips")
    assert result.code == 1
    assert 'cannot hold column "trip_start_hour": it is uint8' in result.stderr
    assert not list((project.state / "staging").rglob("*.parquet"))


def test_a_partition_without_rows_is_healthy_and_not_due_again(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, input={"where": "fare > 1000000"}, output=DELTA)
    _ok(project, "run", "taxi_tips")
    _all_well(project)
    version = DeltaTable(project.predictions).version()
    _ok(project, "run", "taxi_tips")
    assert DeltaTable(project.predictions).version() == version
    project.add_day(0, n_rows=700)
    _ok(project, "run", "taxi_tips")
    _all_well(project)


@pytest.mark.parametrize("kind", ["first", "replacing"])
@pytest.mark.parametrize("point", ["delta-files-moved", "delta-before-commit", "delta-after-commit"])
def test_a_run_killed_at_its_commit_is_finished_or_undone_by_the_next(
    table: TaxiProject, point: str, kind: str
) -> None:
    before = {}
    if kind == "replacing":
        _ok(table, "run", "taxi_tips")
        before = _rows(table)
        table.add_day(0, n_rows=700)
    killed = start(table, f"kill:{point}:1", "run", "taxi_tips", "--cluster", "inline")
    _, stderr = killed.communicate(timeout=WAIT_S)
    assert killed.returncode == -signal.SIGKILL, stderr
    seen = _rows(table)
    assert (seen == before) is (point != "delta-after-commit")
    _ok(table, "run", "taxi_tips")
    assert _rows(table) == {DAY: 700 if kind == "replacing" else 600, "2024-01-02": 600}
    _all_well(table)
    n_files = len(DeltaTable(table.predictions).file_uris())
    on_disk = [p for p in table.predictions.rglob("*.parquet") if "_delta_log" not in p.parts]
    assert len(on_disk) == n_files + (len(_old_files(table)) if kind == "replacing" else 0)


def _old_files(project: TaxiProject) -> list[str]:
    active = {Path(uri).name for uri in DeltaTable(project.predictions).file_uris()}
    first = DeltaTable(project.predictions)
    names: set[str] = set()
    for version in range(first.version() + 1):
        first.load_as_version(version)
        names |= {Path(uri).name for uri in first.file_uris()}
    return sorted(names - active)


def test_a_commit_that_answers_with_an_error_is_published_once(table: TaxiProject) -> None:
    run = start(table, "error:delta-after-commit:1:EIO", "run", "taxi_tips", "--cluster", "inline")
    _, stderr = run.communicate(timeout=WAIT_S)
    assert run.returncode == 0, stderr
    assert _rows(table) == {DAY: 600, "2024-01-02": 600}
    _all_well(table)


def test_a_rollback_shows_old_files_again_and_gc_spares_them(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    for n_rows in (700, 800):
        table.add_day(0, n_rows=n_rows)
        _ok(table, "run", "taxi_tips")
    _ok(table, "rollback", "taxi_tips", "--partition", DAY, "--to", "1")
    assert _rows(table)[DAY] == 600
    _all_well(table)
    _ok(table, "rollback", "taxi_tips", "--partition", DAY, "--to", "3")
    assert _rows(table)[DAY] == 800
    _ok(table, "gc", "taxi_tips", "--older-than", "0d")
    assert _rows(table) == {DAY: 800, "2024-01-02": 600}
    _all_well(table)
    files = [p.name for p in (table.predictions / f"ride_date={DAY}").iterdir()]
    assert sorted(files) == sorted(
        Path(uri).name for uri in DeltaTable(table.predictions).file_uris() if DAY in uri
    )


def test_a_rollback_killed_before_its_commit_keeps_the_old_generation(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    table.add_day(0, n_rows=700)
    _ok(table, "run", "taxi_tips")
    killed = start(
        table, "kill:delta-before-commit:1", "rollback", "taxi_tips", "--partition", DAY, "--reason", "test"
    )
    _, stderr = killed.communicate(timeout=WAIT_S)
    assert killed.returncode == -signal.SIGKILL, stderr
    _ok(table, "repair", "taxi_tips")
    assert _rows(table)[DAY] == 700
    _all_well(table)
    _ok(table, "rollback", "taxi_tips", "--partition", DAY)
    assert _rows(table)[DAY] == 600
    _all_well(table)


def test_a_lost_ledger_is_rebuilt_from_manifests_and_table(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    table.add_day(0, n_rows=700)
    _ok(table, "run", "taxi_tips")
    for path in table.state.glob("ledger.db*"):
        path.unlink()
    _ok(table, "ledger", "rebuild", "taxi_tips")
    _all_well(table)
    table.add_day(0, n_rows=800)
    _ok(table, "run", "taxi_tips")
    assert _rows(table) == {DAY: 800, "2024-01-02": 600}
    _all_well(table)


def test_verify_finds_what_readers_would_miss_and_what_nobody_knows(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    place = table.predictions / f"ride_date={DAY}"
    shutil.copy(next(place.iterdir()), place / "stray.parquet")
    result = table.cli("verify", "taxi_tips")
    assert result.code == 6
    assert "stray.parquet" in result.stdout
    (place / "stray.parquet").unlink()
    DeltaTable(table.predictions).delete(f"ride_date = '{DAY}'")
    result = table.cli("verify", "taxi_tips")
    assert result.code == 6
    assert "gone" in result.stdout


def test_new_columns_are_added_to_the_table_where_that_was_allowed(table: TaxiProject) -> None:
    _ok(table, "run", "taxi_tips")
    changed = taxi.job_document(output=DELTA)
    changed["model"]["output"]["margin"] = "float64 = proba[1] - 0.5"
    taxi.write_job(table.root, changed)
    table.add_day(0, n_rows=700)
    refused = table.cli("run", "taxi_tips")
    assert refused.code == 1
    assert "--allow-schema-change" in refused.stderr
    _ok(table, "run", "taxi_tips", "--allow-schema-change")
    frame = pl.read_delta(str(table.predictions))
    assert (frame["margin"].count(), frame["margin"].null_count()) == (700, 600)
    _all_well(table)


def test_a_job_that_was_parquet_does_not_become_delta_in_place(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1)
    _ok(project, "run", "taxi_tips")
    before = project.snapshot()
    taxi.write_job(project.root, taxi.job_document(output=DELTA))
    project.add_day(0, n_rows=700)
    result = project.cli("run", "taxi_tips")
    assert result.code == 1
    assert "where a Delta table would begin" in result.stderr
    assert project.snapshot() == before


def test_doctor_says_how_a_partition_becomes_visible(table: TaxiProject) -> None:
    assert "delta transaction" in table.cli("doctor", "taxi_tips").stdout


def test_a_missing_package_is_told_with_what_to_install(
    table: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_scorer.lake.sinks.opening.find_spec", lambda _name: None)
    result = table.cli("run", "taxi_tips")
    assert result.code == 78
    assert 'pip install "batch-scorer[delta]"' in result.stderr


def test_a_success_marker_in_a_delta_table_is_a_mistake(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1)
    taxi.write_job(project.root, taxi.job_document(output={**DELTA, "success_marker": True}))
    result = project.cli("run", "taxi_tips")
    assert result.code == 78
    assert "output.success_marker: a Delta table has no _SUCCESS files" in result.stderr
