"""`audit` answers who made a published partition or row; what it says comes from what was recorded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests import taxi
from tests.conftest import TaxiProject


@pytest.fixture
def published(project: TaxiProject) -> TaxiProject:
    assert project.cli("run", "taxi_tips").code == 0
    return project


def answer(project: TaxiProject, *options: str) -> dict[str, object]:
    result = project.cli("--json", "audit", "taxi_tips", *options)
    assert result.code == 0, result.stdout + result.stderr
    return result.lines[0]


def test_a_partition_is_explained_by_run_model_code_suites_and_input_files(published: TaxiProject) -> None:
    run = published.cli("--json", "runs").lines[0]
    told = answer(published, "--partition", "2024-01-01")
    assert told == answer(published, "--partition", "ride_date=2024-01-01")
    who = told["run"]
    assert isinstance(who, dict)
    assert (who["run_id"], who["user"], who["command"]) == (run["run_id"], run["user"], run["command"])
    model = json.loads((published.root / "data/models/taxi_tips/1/manifest.json").read_text())
    assert told["model"]["sha256"] == model["files"][model["artefact"]]  # type: ignore[index]
    assert {each["path"]: each["sha256"] for each in told["inputs"]} == {  # type: ignore[attr-defined]
        f"ride_date=2024-01-01/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in published.day(0).iterdir()
    }
    text = published.cli("audit", "taxi_tips", "--partition", "2024-01-01").stdout
    assert run["run_id"] in text
    assert run["user"] in text
    assert "taxi_tips@1" in text


def test_a_row_is_found_by_its_key_with_its_file_its_place_and_its_values(published: TaxiProject) -> None:
    told = answer(published, "--row", "ride_id=1000432")
    assert told["partition"] == "ride_date=2024-01-02"
    row = told["row"]
    assert isinstance(row, dict)
    table = pq.read_table(row["file"], partitioning=None).to_pandas()
    expected = table.iloc[row["row"]]
    assert (expected.ride_id, expected.score) == (1_000_432, row["values"]["score"])
    assert row["values"]["_run_id"] == told["run"]["run_id"]  # type: ignore[index]
    text = published.cli("audit", "taxi_tips", "--row", "ride_id=1000432").stdout
    assert f"score: {expected.score}" in text


def test_every_row_of_a_file_with_many_row_groups_is_found_where_it_is(
    tmp_path: Path,
) -> None:
    import pyarrow as pa

    from batch_scorer.lake.published.lookup import find_row
    from batch_scorer.lake.storage.stored_files import local_files

    path = tmp_path / "part.parquet"
    ids = [(17 * i) % 101 for i in range(101)]
    pq.write_table(pa.table({"id": ids, "name": [f"n{i}" for i in ids]}), path, row_group_size=7)
    for position, number in enumerate(ids):
        found = find_row(
            local_files(tmp_path), path.name, {"id": pa.scalar(number), "name": pa.scalar(f"n{number}")}
        )
        assert found is not None
        assert (found.row, found.values) == (position, {"id": number, "name": f"n{number}"})
    assert find_row(local_files(tmp_path), path.name, {"id": pa.scalar(3), "name": pa.scalar("n4")}) is None
    assert find_row(local_files(tmp_path), path.name, {"id": pa.scalar(101), "name": pa.scalar("n4")}) is None


def test_the_newest_partition_with_the_key_answers_unless_one_is_named(project: TaxiProject) -> None:
    taxi.write_day(project.lake, taxi.days(2)[1], taxi.rides(600, seed=1))  # the keys of day 0 again
    project.cli("run", "taxi_tips")
    assert answer(project, "--row", "ride_id=5")["partition"] == "ride_date=2024-01-02"
    told = answer(project, "--row", "ride_id=5", "--partition", "2024-01-01")
    assert told["partition"] == "ride_date=2024-01-01"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--partition", "2031-01-01"), "never published partition 2031-01-01"),
        (("--row", "ride_id=77777777"), "no published row with ride_id=77777777"),
        (("--row", "ride_id=1000432", "--partition", "2024-01-01"), "no published row"),
        (("--row", "ride_id=abc"), "is no int64"),
        (("--row", "ride=4"), "the key of taxi_tips is ride_id"),
        (("--row", "ride_id"), "takes KEY=VALUE"),
        ((), "say what to audit"),
    ],
)
def test_what_is_not_known_is_exit_2(published: TaxiProject, options: tuple[str, ...], says: str) -> None:
    result = published.cli("audit", "taxi_tips", *options)
    assert result.code == 2
    assert says in result.stderr


def _first_output(project: TaxiProject) -> Path:
    return min(project.predictions.rglob("*.parquet"))


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: _first_output(p).unlink(),
        lambda p: _first_output(p).write_bytes(b"PAR1"),
        lambda p: _flip(_first_output(p)),
        lambda p: _flip(p.state / "manifests/taxi_tips/ride_date=2024-01-01/1.json"),
        lambda p: (p.state / "manifests/taxi_tips/ride_date=2024-01-01/1.json").unlink(),
    ],
)
def test_damage_met_on_the_way_is_exit_6_and_never_an_answer(
    published: TaxiProject, damage: Callable[[TaxiProject], None]
) -> None:
    damage(published)
    result = published.cli("audit", "taxi_tips", "--row", "ride_id=0", "--partition", "2024-01-01")
    assert result.code == 6
    assert result.stdout == ""
    assert "verify taxi_tips --deep" in result.stderr


def test_a_row_whose_partition_is_replaced_meanwhile_is_answered_from_the_new_generation(
    published: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    from batch_scorer.lake.published import lookup

    find, n_calls = lookup.find_row, []

    def replaced_just_before(table: Any, path: str, key: Any) -> object:
        n_calls.append(path)
        if len(n_calls) == 1:
            assert published.shell("run", "taxi_tips", "--cluster", "inline", "--reprocess", "all").code == 0
        return find(table, path, key)

    monkeypatch.setattr(lookup, "find_row", replaced_just_before)
    assert answer(published, "--row", "ride_id=1000432")["generation"] == 2


def test_suite_results_are_part_of_the_answer(
    make_project: Callable[..., TaxiProject], shared_judge: None
) -> None:
    project = make_project(1, validate={"input": [{"suite": "rides", "on_fail": "warn"}]})
    suite = {
        "name": "rides",
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "fare", "min_value": 0, "max_value": 1},
                "severity": "critical",
                "meta": {},
            }
        ],
        "meta": {"great_expectations_version": "1.24.1"},
    }
    path = project.root / "jobs" / "suites" / "rides.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(suite))
    assert project.cli("run", "taxi_tips").code == 0
    told = answer(project, "--partition", "2024-01-01")["verdicts"]
    assert isinstance(told, list)
    assert [(each["suite"], each["success"]) for each in told] == [("rides", False)]
    assert (
        "suite rides: 1 expectation failed"
        in project.cli("audit", "taxi_tips", "--partition", "2024-01-01").stdout
    )
