"""`suites new` drafts what can be reviewed and checked at once; `suites diff` says what changed since."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.validation.suites.reading import load_suite
from tests import taxi
from tests.conftest import TaxiProject

USAGE, FAILED, CONFIG = 2, 1, 78


@pytest.fixture
def bare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> TaxiProject:
    """Two days of rides and no job yet."""
    project = TaxiProject(tmp_path / "project", capsys)
    (project.root / "jobs").mkdir(parents=True)
    for index in range(2):
        project.add_day(index)
    return project


def suite_file(project: TaxiProject, name: str) -> Path:
    return project.root / "jobs" / "suites" / f"{name}.json"


def write_suite(project: TaxiProject, name: str, *expectations: dict[str, Any]) -> None:
    suite_file(project, name).parent.mkdir(exist_ok=True)
    suite_file(project, name).write_text(json.dumps({"name": name, "expectations": list(expectations)}))


def fare(**kwargs: Any) -> dict[str, Any]:
    return {"type": "expect_column_values_to_be_between", "kwargs": {"column": "fare", **kwargs}}


def test_a_drafted_suite_holds_on_every_partition_it_was_drafted_from(project: TaxiProject) -> None:
    drafted = project.cli("suites", "new", "rides", "--from-parquet", str(project.lake))
    assert (drafted.code, drafted.stderr) == (0, "")
    first, *_, wrote, _ = drafted.stdout.splitlines()
    assert first.startswith("looked at 1,200 rows, in ")
    assert str(project.lake) in first
    assert wrote.startswith(f"wrote {suite_file(project, 'rides')}: ")
    assert load_suite(suite_file(project, "rides")).name == "rides"
    for day in taxi.days(2):
        checked = project.cli("suites", "check", "rides", "--job", "taxi_tips", "--partition", str(day))
        assert checked.code == 0, checked.stdout


def test_a_draft_is_the_same_each_time(bare: TaxiProject) -> None:
    for name in ("a", "b"):
        assert bare.cli("suites", "new", name, "--from-parquet", str(bare.lake)).code == 0
    one, other = (json.loads(suite_file(bare, name).read_text()) for name in ("a", "b"))
    assert (one.pop("name"), other.pop("name")) == ("a", "b")
    assert one == other


def test_what_is_there_is_only_overwritten_with_force(bare: TaxiProject) -> None:
    arguments = ("suites", "new", "rides", "--from-parquet", str(bare.lake))
    suite_file(bare, "rides").parent.mkdir()
    suite_file(bare, "rides").write_text("mine")
    refused = bare.cli(*arguments)
    assert refused.code == USAGE
    assert "--force" in refused.stderr
    assert suite_file(bare, "rides").read_text() == "mine"
    assert bare.cli(*arguments, "--force").code == 0
    assert load_suite(suite_file(bare, "rides")).n_expectations > 10


def test_a_file_can_be_written_elsewhere_without_a_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from batch_scorer.cli.main import run

    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"x": [1, 2]}), "t.parquet")
    assert run(["suites", "new", "t", "--from-parquet", "t.parquet", "-o", "deep/er/t.json"]) == 0
    assert load_suite(tmp_path / "deep" / "er" / "t.json").n_expectations == 4
    assert run(["suites", "new", "t", "--from-parquet", "t.parquet"]) == USAGE
    assert "this is no project" in capsys.readouterr().err


def test_with_json_each_expectation_is_a_line_and_the_summary_says_what_was_looked_at(
    bare: TaxiProject,
) -> None:
    day = bare.day(0)
    pq.write_table(pa.table({"x": [1.5] * 30, "n": [[1]] * 30}), day / "only.parquet")
    result = bare.cli("--json", "suites", "new", "rides", "--from-parquet", str(day / "only.parquet"))
    *expectations, left_out, constant, summary = result.lines
    document = json.loads(suite_file(bare, "rides").read_text())
    given = ("type", "kwargs", "severity", "notes", "meta")
    assert [{key: line[key] for key in given} for line in expectations] == document["expectations"]
    assert {line["message_type"] for line in expectations} == {"expectation"}
    assert expectations[-1]["rule"] == "x not null"
    assert (left_out["message_type"], left_out["column"]) == ("left_out", "n")
    assert (constant["column"], constant["why"]) == ("x", "it is always 1.5: no range")
    found = {key: summary[key] for key in ("message_type", "suite", "n_rows", "n_files", "n_partitions")}
    assert found == {
        "message_type": "summary",
        "suite": "rides",
        "n_rows": 30,
        "n_files": 1,
        "n_partitions": 1,
    }
    assert summary["n_expectations"] == len(expectations)


def test_a_sample_says_of_how_much_it_is_a_part(bare: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch_scorer.lake.reading.sampling.MAX_PARTITIONS", 1)
    result = bare.cli("suites", "new", "rides", "--from-parquet", str(bare.lake))
    assert "in 1 of 2 partitions" in result.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("nowhere", USAGE, "no such file"),
        ("jobs", USAGE, "no *.parquet file"),
        ("text.parquet", FAILED, "not Parquet"),
        ("empty.parquet", FAILED, "empty.parquet"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_what_where_and_fix(
    bare: TaxiProject, path: str, code: int, words: str
) -> None:
    (bare.root / "text.parquet").write_text("fare,tips\n1,2\n")
    (bare.root / "empty.parquet").touch()
    result = bare.cli("suites", "new", "rides", "--from-parquet", str(bare.root / path))
    assert result.code == code
    assert all(part in result.stderr for part in (words, "where:", "fix:")), result.stderr
    assert not suite_file(bare, "rides").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_without_permission_is_told(bare: TaxiProject) -> None:
    bare.day(0).chmod(0)
    result = bare.cli("suites", "new", "rides", "--from-parquet", str(bare.lake))
    bare.day(0).chmod(0o755)
    assert result.code == FAILED
    assert "no permission" in result.stderr


@pytest.mark.parametrize("name", ["a b", "../x", "", "-", "x.json"])
def test_a_name_that_no_suite_can_have_is_refused(bare: TaxiProject, name: str) -> None:
    result = bare.cli("suites", "new", "--from-parquet", str(bare.lake), "--", name)
    assert result.code == USAGE
    assert "no name for a suite" in result.stderr


def test_a_place_that_cannot_be_written_to_is_told(bare: TaxiProject) -> None:
    arguments = ("suites", "new", "rides", "--from-parquet", str(bare.lake), "-o")
    assert bare.cli(*arguments, str(bare.root)).code == USAGE
    assert bare.cli(*arguments, "-").code == USAGE
    (bare.root / "file").touch()
    result = bare.cli(*arguments, str(bare.root / "file" / "rides.json"))
    assert result.code == FAILED
    assert "cannot write" in result.stderr


def test_a_difference_is_told_in_words_and_is_no_failure(bare: TaxiProject) -> None:
    not_null = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "fare"}}
    write_suite(bare, "old", fare(min_value=0, max_value=500), not_null)
    write_suite(bare, "new", fare(min_value=0, max_value=600), {**not_null, "kwargs": {"column": "tips"}})
    result = bare.cli("suites", "diff", "old", "new")
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        " ~ fare between 0 and 600 (max_value: 500 → 600)",
        " + tips not null (critical)",
        " - fare not null (critical)",
    ]


def test_suites_that_check_the_same_have_no_difference(bare: TaxiProject) -> None:
    write_suite(bare, "old", {**fare(min_value=0), "notes": "of old"})
    write_suite(bare, "new", {**fare(min_value=0.0, mostly=1), "id": "7"})
    result = bare.cli("suites", "diff", "old", str(suite_file(bare, "new")))
    assert (result.code, result.stdout) == (0, "no difference in what they check\n")


def test_with_json_a_difference_has_old_and_new(bare: TaxiProject) -> None:
    write_suite(bare, "old", fare(max_value=500))
    write_suite(bare, "new", fare(max_value=600))
    line, summary = bare.cli("--json", "suites", "diff", "old", "new").lines
    assert (line["message_type"], line["change"]) == ("difference", "changed")
    assert line["changes"] == [{"name": "max_value", "old": 500, "new": 600}]
    assert (summary["message_type"], summary["n_differences"], summary["exit_code"]) == ("summary", 1, 0)


@pytest.mark.parametrize(
    ("text", "words"), [("rids", 'did you mean "rides"?'), ("rids.json", "rids.json"), ("./rides", "./rides")]
)
def test_an_unknown_suite_is_a_usage_error(bare: TaxiProject, text: str, words: str) -> None:
    write_suite(bare, "rides", fare(max_value=500))
    result = bare.cli("suites", "diff", "rides", text)
    assert result.code == USAGE
    assert words in result.stderr


def test_a_broken_suite_is_told_with_its_place(bare: TaxiProject) -> None:
    write_suite(bare, "rides", fare(max_value=500))
    write_suite(bare, "broken", fare(maximum=500))
    result = bare.cli("suites", "diff", "rides", "broken")
    assert result.code == CONFIG
    assert "broken.json:1:" in result.stderr


def test_coverage_says_how_each_expectation_is_evaluated_and_what_its_failure_does(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, validate={"input": [{"suite": "rides", "on_fail": "quarantine"}]})
    scores = {"type": "expect_column_value_z_scores_to_be_less_than", "kwargs": {}}
    scores["kwargs"] = {"column": "fare", "threshold": 3, "double_sided": True}
    like = {"type": "expect_column_values_to_match_like_pattern", "kwargs": {}, "severity": "warning"}
    like["kwargs"] = {"column": "company", "like_pattern": "A%"}
    write_suite(project, "rides", fare(min_value=0), fare(min_value=0, mostly=0.9), scores, like)
    shown = project.cli("suites", "coverage", "taxi_tips")
    assert shown.code == 0
    assert "2 of 4 streamed, with the columns of 2024-01-01" in shown.stdout
    told = project.cli("--json", "suites", "coverage", "taxi_tips", "--partition", "2024-01-01").lines
    assert [(one["path"], one["does"]) for one in told[:-1]] == [
        ("streamed", "sets rows aside"),
        ("streamed", "blocks"),
        ("gx", "blocks"),
        ("not evaluated", "warns"),
    ]
    assert project.cli("suites", "coverage", "taxi_tips", "--partition", "2023-01-01").code == USAGE
