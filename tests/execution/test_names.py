"""`validate-config` holds names in a job file against the table and the model, as far as these are there."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests import taxi
from tests.conftest import TaxiProject

Make = Callable[..., TaxiProject]


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"input": {"key": ["rideid"]}}, "input.key.0", 'no column "rideid"; did you mean "ride_id"?'),
        ({"output": {"keep_columns": ["startd_at"]}}, "output.keep_columns.0", 'did you mean "started_at"?'),
        ({"input": {"where": "faer > 0"}}, "input.where", 'no column "faer"; did you mean "fare"?'),
        (
            {"model": {"output": {"score": "float64 = proba[2]"}}},
            "model.output.score",
            "there is no proba[2]: proba is 2 columns",
        ),
        (
            {"model": {"method": "predict", "output": {"score": "float64 = prediction[0]"}}},
            "model.output.score",
            "one value per row",
        ),
    ],
)
def test_a_name_that_is_nowhere_is_a_mistake_with_its_place(
    project: TaxiProject, changes: dict[str, object], place: str, said: str
) -> None:
    taxi.write_job(project.root, taxi.job_document(**changes))
    refused = project.cli("validate-config")
    assert refused.code == 78
    assert refused.stderr.startswith("jobs/taxi_tips.yml:")
    assert f"{place}: " in refused.stderr
    assert said in refused.stderr
    assert "^" in refused.stderr


def test_a_column_that_a_suite_mistypes(make_project: Make) -> None:
    project = make_project(1, validate={"input": [{"suite": "rules"}]})
    rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "faer"}}
    (project.root / "jobs/suites").mkdir()
    (project.root / "jobs/suites/rules.json").write_text(
        json.dumps({"name": "rules", "expectations": [rule]})
    )
    refused = project.cli("validate-config")
    assert refused.code == 78
    assert "validate.input.0.suite: " in refused.stderr
    assert 'did you mean "fare"?' in refused.stderr


def test_a_column_that_only_the_newest_partition_lacks_is_no_mistake_of_the_job(project: TaxiProject) -> None:
    taxi.write_day(project.lake, taxi.days(3)[2], taxi.rides(50).rename(columns={"ride_id": "id"}))
    assert project.cli("validate-config").code == 0


def test_without_a_table_or_a_model_there_is_nothing_to_hold_it_against(make_project: Make) -> None:
    project = make_project(0)
    changes = {"input": {"key": ["rideid"]}, "model": {"uri": "nobody@champion"}}
    taxi.write_job(project.root, taxi.job_document(**changes))
    assert project.cli("validate-config").code == 0
    project.lake.rmdir()
    assert project.cli("validate-config").code == 0


def test_a_table_that_cannot_be_read_is_for_doctor(project: TaxiProject) -> None:
    for day in (0, 1):
        for file in project.day(day).iterdir():
            file.write_bytes(b"PAR1 not really PAR1")
    assert project.cli("validate-config").code == 0
    assert project.cli("doctor").code == 1
