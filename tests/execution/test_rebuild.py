"""A lost ledger is told again by manifests and published files; what contradicts itself is refused."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.ledger.opening import open_ledger
from tests import taxi
from tests.conftest import TaxiProject


@pytest.fixture
def twice(project: TaxiProject) -> TaxiProject:
    """Day 0 published twice, day 1 once."""
    project.cli("run", "taxi_tips")
    again = project.cli("run", "taxi_tips", "--partition", "ride_date=2024-01-01", "--reprocess", "all")
    assert again.code == 0, again.stderr
    return project


def lose_ledger(project: TaxiProject) -> None:
    for file in project.state.glob("ledger.db*"):
        file.unlink()


def generations(project: TaxiProject) -> list[Any]:
    ledger = open_ledger(project.state / "ledger.db")
    records = ledger.partition_records("taxi_tips")
    found = [record for p in sorted(records, key=str) for record in ledger.generations("taxi_tips", p)]
    ledger.close()
    return [replace(record, published_at=None) for record in found]


def manifest(project: TaxiProject, generation: int) -> Path:
    return project.state / "manifests" / "taxi_tips" / "ride_date=2024-01-01" / f"{generation}.json"


def plan_actions(project: TaxiProject) -> list[str]:
    lines = project.cli("--json", "plan", "taxi_tips").lines
    return [line["action"] for line in lines if line["message_type"] == "partition_plan"]


def test_after_a_rebuild_nothing_is_due_everything_verifies_and_runs_go_on(twice: TaxiProject) -> None:
    before, visible = generations(twice), twice.snapshot()
    lose_ledger(twice)
    result = twice.cli("run", "taxi_tips")
    assert result.code == 6
    assert "next:  batch-scorer" in result.stderr
    assert "ledger rebuild taxi_tips" in result.stderr
    rebuilt = twice.cli("ledger", "rebuild", "taxi_tips")
    assert rebuilt.code == 0, rebuilt.stderr
    assert "wrote 2 runs, 3 generations of 2 partitions" in rebuilt.stdout
    assert generations(twice) == before
    assert "rebuilt from manifests" in twice.cli("show", "last").stdout
    assert plan_actions(twice) == ["SKIP", "SKIP"]
    assert twice.cli("verify", "taxi_tips", "--deep", "--rescore", "9").code == 0
    assert twice.cli("run", "taxi_tips").code == 0
    assert twice.snapshot() == visible
    twice.add_day(2)
    assert twice.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    assert twice.cli("verify", "taxi_tips", "--deep").code == 0


def test_columns_that_readers_know_are_still_guarded_after_a_rebuild(twice: TaxiProject) -> None:
    lose_ledger(twice)
    twice.cli("ledger", "rebuild", "taxi_tips")
    taxi.write_job(twice.root, taxi.job_document(model={"output": {"score": "float32 = proba[1]"}}))
    assert "score was float64" in twice.cli("run", "taxi_tips", "--reprocess", "all").stderr


def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(twice: TaxiProject) -> None:
    lose_ledger(twice)
    result = twice.cli("ledger", "rebuild", "taxi_tips", "--dry-run")
    assert result.code == 0
    assert "ride_date=2024-01-01  generation 2 is current, 2 manifests" in result.stdout
    assert "would write 2 runs, 3 generations" in result.stdout
    assert not list(twice.state.glob("ledger.db*"))


def test_a_ledger_that_knows_the_job_is_never_rebuilt(twice: TaxiProject) -> None:
    before = generations(twice)
    for options in ((), ("--dry-run",)):
        result = twice.cli("ledger", "rebuild", "taxi_tips", *options)
        assert result.code == 2
        assert "knows taxi_tips already" in result.stderr
    assert generations(twice) == before


def test_a_ledger_that_other_jobs_use_gets_this_jobs_history_back(twice: TaxiProject) -> None:
    before = generations(twice)
    connection = sqlite3.connect(twice.state / "ledger.db")
    for table in ("attempts", "generation_inputs", "generations", "output_columns"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM runs WHERE id > 1")
    connection.execute("UPDATE runs SET job = 'another', run_id = '01AAA'")
    connection.commit()
    connection.close()
    assert twice.cli("ledger", "rebuild", "taxi_tips").code == 0
    assert generations(twice) == before
    assert twice.cli("show", "01AAA").code == 0


def test_a_publish_that_never_became_visible_comes_back_as_abandoned(twice: TaxiProject) -> None:
    document = json.loads(manifest(twice, 2).read_text())
    previous = json.loads(manifest(twice, 2).read_text())["previous_sha256"]
    document.update(generation=3, previous_sha256=previous)
    for output in document["outputs"]:
        output["name"] = output["name"].replace("part-0", "part-9")
    manifest(twice, 3).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    lose_ledger(twice)
    assert twice.cli("ledger", "rebuild", "taxi_tips").code == 0
    states = [(r.number, str(r.state)) for r in generations(twice)]
    assert states == [(3, "abandoned"), (2, "published"), (1, "published"), (1, "published")]
    assert plan_actions(twice) == ["SKIP", "SKIP"]
    assert twice.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_partition_whose_files_are_gone_is_due_again_and_its_numbers_go_on(twice: TaxiProject) -> None:
    shutil.rmtree(twice.predictions / "ride_date=2024-01-01")
    lose_ledger(twice)
    result = twice.cli("ledger", "rebuild", "taxi_tips")
    assert result.code == 0
    assert "ride_date=2024-01-01 has manifests, but no predictions" in result.stderr
    assert plan_actions(twice) == ["SCORE", "SKIP"]
    assert twice.cli("run", "taxi_tips").code == 0
    assert generations(twice)[0].number == 3
    assert twice.cli("verify", "taxi_tips", "--deep").code == 0
    lose_ledger(twice)
    assert twice.cli("ledger", "rebuild", "taxi_tips").code == 0
    assert twice.cli("verify", "taxi_tips", "--deep").code == 0


def _edit(path: Path, **changes: object) -> None:
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **changes}, indent=1, sort_keys=True) + "\n")


def _first_output(project: TaxiProject) -> Path:
    return min(project.predictions.rglob("*.parquet"))


REFUSED: dict[str, tuple[Callable[[TaxiProject], object], str]] = {
    "the first manifest edited": (lambda p: _edit(manifest(p, 1), code_version="9"), "CHAIN BROKEN"),
    "the first manifest deleted": (lambda p: manifest(p, 1).unlink(), "MANIFEST MISSING"),
    "the newest manifest deleted": (lambda p: manifest(p, 2).unlink(), "CHAIN CUT"),
    "the newest manifest of another run": (lambda p: _edit(manifest(p, 2), run_id="01X"), "FOOTER DIFFERS"),
    "the newest manifest's link cut": (
        lambda p: _edit(manifest(p, 2), previous_sha256=None),
        "FOOTER DIFFERS",
    ),
    "the newest manifest's inputs edited": (lambda p: _edit(manifest(p, 2), inputs=[]), "MANIFEST EDITED"),
    "a manifest copied to a later number": (
        lambda p: shutil.copy(manifest(p, 2), manifest(p, 3)),
        "MANIFEST MISPLACED",
    ),
    "a manifest that does not parse": (lambda p: manifest(p, 2).write_text("{"), "MANIFEST UNREADABLE"),
    "an output file deleted": (lambda p: _first_output(p).unlink(), "FILE MISSING"),
    "a foreign file": (
        lambda p: (_first_output(p).parent / "x.parquet").write_bytes(b"x"),
        "DIRECTORY DIFFERS",
    ),
    "an output file longer": (
        lambda p: _first_output(p).write_bytes(b"PAR1" + _first_output(p).read_bytes()),
        "SIZE DIFFERS",
    ),
    "a partition without manifests": (
        lambda p: shutil.rmtree(manifest(p, 1).parent),
        "CHAIN CUT",
    ),
    "a file in the table": (lambda p: (p.predictions / "notes.txt").touch(), "FILE UNEXPECTED"),
}


@pytest.mark.parametrize("damage", REFUSED)
def test_a_history_that_contradicts_itself_is_refused_and_nothing_is_written(
    twice: TaxiProject, damage: str
) -> None:
    do, kind = REFUSED[damage]
    do(twice)
    lose_ledger(twice)
    result = twice.cli("ledger", "rebuild", "taxi_tips")
    assert result.code == 6, result.stdout
    assert kind in result.stdout
    assert generations(twice) == []
    assert twice.cli("run", "taxi_tips").code == 6


def test_a_run_that_is_going_on_keeps_a_rebuild_out(twice: TaxiProject) -> None:
    from batch_scorer.execution.publishing.presence import alone, present

    lose_ledger(twice)
    lock = twice.state / "locks" / "taxi_tips.lock"
    with present(lock), present(lock):
        refused = twice.cli("ledger", "rebuild", "taxi_tips")
    assert refused.code == 75
    assert "a run of it is going on" in refused.stderr
    assert twice.cli("ledger", "rebuild", "taxi_tips").code == 0
    with alone(lock):
        assert twice.cli("run", "taxi_tips").code == 75
    assert twice.cli("run", "taxi_tips").code == 0
