"""Suites in a run: who imports Great Expectations, and results that are its own all the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.kept_files import KeptOnDisk
from batch_scorer.validation.gx.rendering import native_result
from batch_scorer.validation.store import ValidationStore
from tests.conftest import TaxiProject
from tests.validation.conftest import LEFT_TO_GX, document_of, without_names

AskGx = Callable[..., dict[str, Any]]

_REPOSITORY = Path(__file__).parents[2]
_DAY = "ride_date=2024-01-01"
_INPUT = (
    ("expect_column_values_to_not_be_null", {"column": "ride_id"}),
    ("expect_column_values_to_be_unique", {"column": "ride_id"}),
    ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "mostly": 0.9}),
    ("expect_column_values_to_match_regex", {"column": "company", "regex": "^[A-Z]"}),
    ("expect_column_mean_to_be_between", {"column": "trip_miles", "min_value": 0, "max_value": 100}),
    ("expect_column_quantile_values_to_be_between",
     {"column": "fare", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 500]]}}),
    ("expect_table_row_count_to_be_between", {"min_value": 100}),
    ("expect_column_to_exist", {"column": "tips"}),
)  # fmt: skip
_OUTPUT = (
    ("expect_column_values_to_be_between", {"column": "score", "min_value": 0, "max_value": 1}),
    ("expect_column_values_to_not_be_null", {"column": "big_tip"}),
)
_KEYED = {"result_format": "SUMMARY", "unexpected_index_column_names": ["ride_id"]}

MakeProject = Callable[..., TaxiProject]


@pytest.fixture
def checked(make_project: MakeProject) -> Callable[..., TaxiProject]:
    """A project of two days whose suites hold the given expectations besides; they warn."""

    def make(*also: tuple[Any, ...], on_fail: str = "warn", **changes: Any) -> TaxiProject:
        suites = {stage: [{"suite": stage, "on_fail": on_fail}] for stage in ("input", "output")}
        project = make_project(2, validate=suites, **changes)
        directory = project.root / "jobs" / "suites"
        directory.mkdir()
        for name, rules in (("input", (*_INPUT, *also)), ("output", _OUTPUT)):
            (directory / f"{name}.json").write_text(json.dumps({**document_of(rules), "name": name}))
        return project

    return make


@pytest.fixture
def importers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The command lines of processes that import Great Expectations, which in this test nobody can."""
    package = tmp_path / "first" / "great_expectations"
    package.mkdir(parents=True)
    marks = tmp_path / "importers.txt"
    (package / "__init__.py").write_text(
        "import sys\n"
        f"with open({str(marks)!r}, 'a') as file: print(*sys.orig_argv, file=file)\n"
        "raise ImportError('nobody imports it here')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), str(_REPOSITORY)]))
    return lambda: marks.read_text().splitlines() if marks.exists() else []


def _stored(project: TaxiProject, suite: str, day: str = _DAY) -> Path:
    (path,) = (project.state / "validation" / "taxi_tips" / day).glob(f"*-{suite}.json")
    return path


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_a_run_whose_expectations_hold_imports_gx_in_no_process(
    checked: MakeProject, importers: Callable[[], list[str]], cluster: str
) -> None:
    project = checked(compute={"cluster": cluster, "workers": 2, "chunk": "20kB"})
    result = project.shell("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert importers() == []
    for suite in ("input", "output"):
        stored = json.loads(_stored(project, suite).read_bytes())
        assert stored["success"]
        assert stored["evidence"]


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_when_an_expectation_fails_its_own_process_alone_imports_gx(
    checked: MakeProject, importers: Callable[[], list[str]], cluster: str
) -> None:
    failing = ("expect_table_row_count_to_equal", {"value": 1})
    project = checked(failing, compute={"cluster": cluster, "workers": 2, "chunk": "20kB"})
    result = project.shell("run", "taxi_tips", "--partition", _DAY)
    assert "not evaluated" in result.stderr  # GX cannot be imported here, and that is no success
    assert importers()
    assert all("-m batch_scorer.validation.gx.worker" in command for command in importers())


def test_looking_at_what_held_in_words_imports_no_gx(
    checked: MakeProject, importers: Callable[[], list[str]]
) -> None:
    project = checked()
    assert project.shell("run", "taxi_tips").code == 0
    shown = project.shell("show", "last", "--validation")
    assert shown.stdout.count("ok    row count at least 100") == 2
    assert project.shell("suites", "docs", "last").code == 0
    assert importers() == []


@pytest.mark.usefixtures("shared_judge")
@pytest.mark.parametrize("also", [(), (LEFT_TO_GX,)], ids=["streamed", "with one left to GX"])
def test_a_failing_suite_is_stored_as_gx_renders_it_on_the_whole_partition(
    checked: MakeProject, ask_gx: AskGx, also: tuple[Any, ...]
) -> None:
    failing = ("expect_column_values_to_be_in_set", {"column": "payment_type", "value_set": ["Cash"]})
    project = checked(failing, *also, compute={"chunk": "20kB"})
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    stored = json.loads(_stored(project, "input").read_bytes())
    assert stored["meta"]["batch_scorer"]["not_evaluated"] is None
    theirs = ask_gx(_table(project), document_of((*_INPUT, failing, *also)) | {"name": "input"}, _KEYED)
    assert not stored["success"]
    assert without_names(stored) == without_names(theirs)


def test_gx_s_own_result_of_what_held_is_rendered_when_somebody_looks(
    checked: MakeProject, ask_gx: AskGx
) -> None:
    project = checked(compute={"chunk": "20kB"})
    assert project.cli("run", "taxi_tips").code == 0
    theirs = without_names(ask_gx(_table(project), document_of(_INPUT) | {"name": "input"}, _KEYED))
    path = _stored(project, "input")
    verdict = ValidationStore(KeptOnDisk(project.state)).read(str(path.relative_to(project.state)))
    assert verdict.result is None
    assert without_names(dict(native_result(verdict))) == theirs
    for what in ("last", f"taxi_tips/{_DAY}"):
        lines = project.cli("--json", "show", what, "--validation").lines
        (shown,) = (
            line
            for line in lines
            if (line.get("suite"), line.get("partition"), line["message_type"])
            == ("input", _DAY, "suite_result")
        )
        assert (shown["stage"], shown["problem"]) == ("input", None)
        assert without_names(shown["result"]) == theirs
        assert lines[-1]["message_type"] == "summary"
        assert not [
            line
            for line in project.cli("--json", "show", what).lines
            if line["message_type"] == "suite_result"
        ]


def test_a_stored_result_that_is_gone_is_a_problem_and_the_others_are_shown(checked: MakeProject) -> None:
    project = checked()
    project.cli("run", "taxi_tips")
    _stored(project, "input").unlink()
    shown = project.cli("--json", "show", "last", "--validation")
    results = [line for line in shown.lines if line["message_type"] == "suite_result"]
    assert len(results) == 4
    (gone,) = (line for line in results if line["result"] is None)
    assert (gone["suite"], gone["partition"]) == ("input", _DAY)
    assert gone["problem"] == "the result file is missing"


@pytest.mark.usefixtures("shared_judge")
def test_a_suite_that_is_tried_gives_gx_s_own_result(checked: MakeProject, ask_gx: AskGx) -> None:
    project = checked()
    tried = project.cli(
        "--json", "suites", "check", "input", "--job", "taxi_tips", "--partition", "2024-01-01"
    )
    assert tried.code == 0, tried.stderr
    first, last = tried.lines
    theirs = ask_gx(_table(project), document_of(_INPUT) | {"name": "input"}, _KEYED)
    assert first["message_type"] == "suite_result"
    assert without_names(first["result"]) == without_names(theirs)
    assert last["success"]


def test_a_suite_about_no_column_counts_the_rows_of_a_partition(checked: MakeProject) -> None:
    project = checked()
    suite = document_of([("expect_table_row_count_to_equal", {"value": 600})])
    (project.root / "jobs" / "suites" / "count.json").write_text(json.dumps(suite))
    tried = project.cli("suites", "check", "count", "--job", "taxi_tips", "--partition", "2024-01-01")
    assert (tried.code, tried.stdout) == (0, "count: all expectations hold on 2024-01-01\n")


@pytest.mark.usefixtures("shared_judge")
def test_a_column_that_files_disagree_about_is_not_evaluated(make_project: MakeProject) -> None:
    project = make_project(1, validate={"input": [{"suite": "notes", "on_fail": "block"}]})
    for index, notes in enumerate((pa.array([1, 2]), pa.array(["a", "b"]))):
        path = project.day(0) / f"part-{index}.parquet"
        table = pq.read_table(path, partitioning=None)
        values = pa.concat_arrays([notes, pa.nulls(table.num_rows - 2, notes.type)])
        pq.write_table(table.append_column("note", values), path, write_page_checksum=True)
    suite = document_of(
        [("expect_column_values_to_be_in_set", {"column": "note", "value_set": [1, 2, "a", "b"]})]
    )
    (project.root / "jobs" / "suites").mkdir()
    (project.root / "jobs" / "suites" / "notes.json").write_text(json.dumps(suite))
    result = project.cli("run", "taxi_tips")
    assert result.code == 4
    assert "notes: not evaluated" in result.stderr
    assert project.snapshot() == {}


def test_a_custom_expectation_of_the_job_s_code_is_left_to_gx(make_project: MakeProject) -> None:
    name = "expect_column_max_to_be_below_the_limit"
    suites = {"input": [{"suite": "custom", "on_fail": "block"}]}
    project = make_project(1, code=["src"], validate=suites)
    (project.root / "src").mkdir()
    (project.root / "src" / f"{name}.py").write_text(
        "from great_expectations.expectations import ExpectColumnMaxToBeBetween\n"
        f"class {''.join(part.title() for part in name.split('_'))}(ExpectColumnMaxToBeBetween):\n"
        "    max_value: float = 100_000\n"
    )
    (project.root / "jobs" / "suites").mkdir()
    suite = document_of([(name, {"column": "fare"}), _INPUT[0]])
    (project.root / "jobs" / "suites" / "custom.json").write_text(json.dumps(suite))
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    ways = [
        one["meta"]["batch_scorer"]["path"]
        for one in json.loads(_stored(project, "custom").read_bytes())["results"]
    ]
    assert ways == ["gx", "streamed"]


def _table(project: TaxiProject) -> pa.Table:
    files = sorted((project.lake / _DAY).glob("*.parquet"))
    return pa.concat_tables(
        pq.read_table(file, partitioning=None) for file in files
    ).replace_schema_metadata()
