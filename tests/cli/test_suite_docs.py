"""`suites docs RUN`: one page on disk or on stdout, of any run, also when results are gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TaxiProject
from tests.validation.pages import Page

pytestmark = pytest.mark.usefixtures("shared_judge")


@pytest.fixture
def ran(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    """Two days that were scored, the second with one fare below zero; a suite that warns of it."""
    project = make_project(1, validate={"input": [{"suite": "rides", "on_fail": "warn"}]})
    project.add_day(1, fare=[-7.25] + [12.5] * 599)
    suite = {
        "name": "rides",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "fare", "min_value": 0}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "ride_id"}},
        ],
        "meta": {"great_expectations_version": "1.24.1"},
    }
    suites = project.root / "jobs" / "suites"
    suites.mkdir(exist_ok=True)
    (suites / "rides.json").write_text(json.dumps(suite))
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_the_page_of_a_run_is_written_into_state_and_tells_what_the_run_found(ran: TaxiProject) -> None:
    done = ran.cli("suites", "docs", "last")
    assert (done.code, done.stderr) == (0, "")
    path = Path(done.stdout.strip())
    assert path.parent == ran.state / "validation" / "taxi_tips"
    page = Page(path.read_text(encoding="utf-8"))
    assert "2024-01-02 published with warnings" in page.text["p1"]
    assert (
        "failed fare at least 0 Found 0.17 % of rows break it Limit none may Rows 1 of 600" in page.text["p1"]
    )
    assert "ride_id fare 1000000 -7.25" in page.text["p1"]
    assert "600 read = 600 scored + 0 quarantined + 0 dropped" in page.text["p0"]
    assert "2 expectations passed" in page.text["p0"]
    assert path.stem in page.text["top"]


def test_the_same_run_by_the_start_of_its_id_gives_the_same_page_where_it_is_asked_for(
    ran: TaxiProject, tmp_path: Path
) -> None:
    default = Path(ran.cli("suites", "docs", "last").stdout.strip())
    asked = tmp_path / "pages" / "run.html"
    done = ran.cli("--json", "suites", "docs", default.stem[:20], "-o", str(asked))
    page, last = done.lines
    assert (page["message_type"], page["path"], page["run_id"]) == ("page", str(asked), default.stem)
    assert (page["job"], page["n_partitions"]) == ("taxi_tips", 2)
    assert (last["message_type"], last["exit_code"]) == ("summary", 0)
    assert asked.read_bytes() == default.read_bytes()
    assert list(asked.parent.iterdir()) == [asked]
    streamed = ran.cli("suites", "docs", "last", "-o", "-")
    assert streamed.stdout == asked.read_text(encoding="utf-8")


def test_results_that_were_deleted_are_named_and_the_rest_is_shown(ran: TaxiProject) -> None:
    (gone,) = (ran.state / "validation" / "taxi_tips" / "ride_date=2024-01-02").iterdir()
    gone.unlink()
    done = ran.cli("suites", "docs", "last")
    assert done.code == 0
    page = Page(Path(done.stdout.strip()).read_text(encoding="utf-8"))
    assert "No details: the result file is missing." in page.text["p1"]
    assert gone.name in page.text["p1"]
    assert "fare at least 0 fails for 0.17 %" in page.text["p1"]
    assert "2 expectations passed" in page.text["p0"]


@pytest.mark.parametrize("content", ["", "{}", '{"results": [1], "meta": {"batch_scorer": {}}}', "[[]]"])
def test_results_that_were_damaged_are_named_too(ran: TaxiProject, content: str) -> None:
    (broken,) = (ran.state / "validation" / "taxi_tips" / "ride_date=2024-01-02").iterdir()
    broken.write_text(content)
    done = ran.cli("suites", "docs", "last")
    assert done.code == 0
    assert "a stored validation result cannot be read" in Path(done.stdout.strip()).read_text(
        encoding="utf-8"
    )


def test_a_run_that_is_not_there_is_a_usage_error_that_names_the_newest(project: TaxiProject) -> None:
    assert project.cli("suites", "docs", "last").code == 2
    project.cli("run", "taxi_tips")
    newest = project.cli("--json", "runs").lines[0]["run_id"]
    done = project.cli("suites", "docs", "01NOSUCHRUN")
    assert done.code == 2
    assert newest in done.stderr
    assert not (project.state / "validation").exists()


def test_a_run_without_suites_has_a_page_that_says_so(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    done = project.cli("suites", "docs", "last", "-o", "-")
    assert Page(done.stdout).text["p0"].count("no suite was evaluated") == 1


def test_what_is_no_file_is_not_replaced_by_a_page(project: TaxiProject, tmp_path: Path) -> None:
    """A pipe stands for /dev/null, which root could replace by a page for everybody."""
    project.cli("run", "taxi_tips")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        assert project.cli("suites", "docs", "last", "-o", str(place)).code == 2
    assert pipe.is_fifo()
    assert project.cli("--json", "suites", "docs", "last", "-o", "-").lines[-1]["exit_code"] == 2


def test_a_link_is_followed_and_stays_a_link(project: TaxiProject, tmp_path: Path) -> None:
    project.cli("run", "taxi_tips")
    link = tmp_path / "latest.html"
    link.symlink_to(tmp_path / "real.html")
    assert project.cli("suites", "docs", "last", "-o", str(link)).code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.html").read_bytes().startswith(b"<!doctype html>")


def test_making_a_page_does_not_import_great_expectations(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    script = (
        "import sys\nfrom batch_scorer.cli.main import run\n"
        f"assert run(['-p', {str(project.root)!r}, 'suites', 'docs', 'last']) == 0\n"
        "assert 'jinja2' in sys.modules\n"
        "heavy = {'great_expectations', 'pandas', 'sklearn', 'dask'}\n"
        "assert not heavy & {name.split('.')[0] for name in sys.modules}, heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
