"""Where a project is, and names that lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_scorer.config.project import Project, find_project
from batch_scorer.core.errors import UsageError
from tests.config.conftest import Jobs


def test_the_project_is_the_nearest_parent_with_jobs(jobs: Jobs) -> None:
    deep = jobs.project.root / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project(deep) == find_project(jobs.project.root) == jobs.project


def test_outside_of_a_project_init_is_the_way_in(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_project(tmp_path)
    assert caught.value.next_command == "batch-scorer init"
    assert caught.value.exit_code == 2


def test_files_that_begin_with_an_underscore_are_no_jobs(jobs: Jobs) -> None:
    (jobs.project.jobs / "notes.txt").write_text("")
    (jobs.project.jobs / "folder.yml").mkdir()
    assert jobs.project.job_names() == ("small", "taxi_tips")


@pytest.mark.parametrize("name", ["taxi_tip", "Taxi_tips", "taxi-tips"])
def test_an_unknown_job_suggests_the_nearest(jobs: Jobs, name: str) -> None:
    with pytest.raises(UsageError, match='did you mean "taxi_tips"'):
        jobs.project.job_path(name)


@pytest.mark.parametrize("name", ["../outside", "_defaults", "", "suites/x", "/etc/passwd"])
def test_a_name_cannot_leave_its_directory(jobs: Jobs, name: str) -> None:
    (jobs.project.root / "outside.yml").write_text("")
    with pytest.raises(UsageError):
        jobs.project.job_path(name)
    with pytest.raises(UsageError):
        jobs.project.suite_path(name)


def test_an_unknown_suite_suggests_the_nearest(jobs: Jobs) -> None:
    assert jobs.project.suite_path("predictions") == jobs.project.suites / "predictions.json"
    with pytest.raises(UsageError, match='did you mean "rides_input"'):
        jobs.project.suite_path("ride_input")


def test_paths_are_relative_to_the_project_and_uris_are_left_alone() -> None:
    project = Project(Path("/srv/scoring"))
    assert project.resolve("data/lake") == "/srv/scoring/data/lake"
    assert project.resolve("../lake/./rides/") == "/srv/lake/rides"
    assert project.resolve("/mnt/lake") == "/mnt/lake"
    assert project.resolve("s3://bucket/../x") == "s3://bucket/../x"
