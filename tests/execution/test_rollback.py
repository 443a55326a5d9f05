"""An earlier generation shown again: as whole as any publish, pinned, and told by everything that looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import taxi
from tests.conftest import TaxiProject

DAY = "2024-01-01"


@pytest.fixture
def thrice(project: TaxiProject) -> TaxiProject:
    """The first day published three times, with 600, 700 and 800 rows."""
    assert project.cli("run", "taxi_tips").code == 0
    for n_rows in (700, 800):
        project.add_day(0, n_rows=n_rows)
        assert project.cli("run", "taxi_tips").code == 0
    return project


def _roll(project: TaxiProject, *arguments: str) -> taxi.Result:
    return project.cli("rollback", "taxi_tips", "--partition", DAY, *arguments)


def _plan(project: TaxiProject, *arguments: str) -> str:
    return project.cli("plan", "taxi_tips", "-v", *arguments).stdout


def test_a_rollback_shows_the_generation_before_again_and_pins_it(thrice: TaxiProject) -> None:
    result = _roll(thrice, "--reason", "fares were wrong")
    assert result.code == 0, result.stderr
    assert len(thrice.published(0)) == 700
    assert len(thrice.published(1)) == 600
    assert "generation 4 shows the files of generation 2 again" in result.stdout
    assert "KEEP  pinned (v1), by" in _plan(thrice)
    assert "fares were wrong" in _plan(thrice)
    verified = thrice.cli("verify", "taxi_tips", "--deep", "--rescore", "100")
    assert verified.code == 0, verified.stdout


def test_a_rollback_to_a_number_and_forward_again_only_lets_the_chain_grow(thrice: TaxiProject) -> None:
    assert _roll(thrice, "--to", "1").code == 0
    assert len(thrice.published(0)) == 600
    assert _roll(thrice, "--to", "3").code == 0
    assert len(thrice.published(0)) == 800
    assert _roll(thrice).code == 0  # 5 → 4, which showed 1
    assert len(thrice.published(0)) == 600
    manifests = sorted((thrice.state / "manifests" / "taxi_tips" / f"ride_date={DAY}").iterdir())
    assert [path.stem for path in manifests] == ["1", "2", "3", "4", "5", "6"]
    assert thrice.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_dry_run_says_what_would_be_shown_and_changes_nothing(thrice: TaxiProject) -> None:
    before = thrice.snapshot()
    result = _roll(thrice, "--dry-run")
    assert result.code == 0
    assert "would show the files of generation 2" in result.stdout
    assert thrice.snapshot() == before
    assert "SKIP" in _plan(thrice)


def test_there_is_no_way_back_from_a_first_generation(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    result = _roll(project)
    assert result.code == 2
    assert "cannot go back" in result.stderr
    assert "keep_generations" in result.stderr


def test_an_unknown_partition_or_generation_is_a_usage_error(thrice: TaxiProject) -> None:
    assert thrice.cli("rollback", "taxi_tips", "--partition", "2024-02-30").code == 2
    assert _roll(thrice, "--to", "9").code == 2


def test_a_pinned_generation_outlives_new_input_until_it_is_unpinned(thrice: TaxiProject) -> None:
    _roll(thrice)
    thrice.add_day(0, n_rows=900)
    assert "input changed, not scored" in _plan(thrice)
    assert thrice.cli("run", "taxi_tips").code == 0
    assert len(thrice.published(0)) == 700

    unpinned = thrice.cli("unpin", "taxi_tips", "--partition", DAY)
    assert unpinned.code == 0, unpinned.stderr
    assert thrice.cli("unpin", "taxi_tips", "--partition", DAY).code == 2
    assert thrice.cli("run", "taxi_tips").code == 0
    assert len(thrice.published(0)) == 900
    assert thrice.cli("verify", "taxi_tips", "--deep").code == 0


def test_reprocess_all_lifts_a_pin_too(thrice: TaxiProject) -> None:
    _roll(thrice)
    assert thrice.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    assert len(thrice.published(0)) == 800
    assert "SKIP" in _plan(thrice)


def test_a_lost_ledger_is_rebuilt_with_rollbacks_and_pins(thrice: TaxiProject) -> None:
    _roll(thrice)
    before = thrice.snapshot()
    for file in thrice.state.glob("ledger.db*"):
        file.unlink()
    rebuilt = thrice.cli("ledger", "rebuild", "taxi_tips")
    assert rebuilt.code == 0, rebuilt.stderr
    assert "KEEP  pinned" in _plan(thrice)
    assert thrice.cli("verify", "taxi_tips", "--deep").code == 0
    assert thrice.cli("run", "taxi_tips").code == 0
    assert thrice.snapshot() == before


def test_a_model_that_was_asked_for_by_name_pins_what_it_scored(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project.cli("run", "taxi_tips")
    artefact, training = model_files("boosted")
    registered = project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    again = ("--partition", f"ride_date={DAY}", "--reprocess", "stale")
    assert project.cli("run", "taxi_tips", *again).code == 0  # v2, as champion now
    asked = project.cli("backfill", "taxi_tips", *again, "--model", "taxi_tips@1", "--reason", "v2 is odd")
    assert asked.code == 0, asked.stderr
    assert "KEEP" in _plan(project)
    assert "v2 is odd" in _plan(project)


def test_show_and_audit_tell_of_the_rollback(thrice: TaxiProject) -> None:
    _roll(thrice, "--reason", "fares were wrong")
    shown = thrice.cli("show", f"taxi_tips/{DAY}").stdout
    assert "restores   generation 2" in shown
    assert "fares were wrong" in shown
    audited = thrice.cli("audit", "taxi_tips", "--partition", DAY).stdout
    assert "fares were wrong" in audited
    assert "generation 2" in audited
