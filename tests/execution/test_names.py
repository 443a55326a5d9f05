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


def test_all_mistakes_of_outputs_are_told_at_their_characters(project: TaxiProject) -> None:
    outputs = {
        "a": "float64 = proba['1'] + proba[7]",
        "b": "string = label(proba['0'])",
        "c": "float64 = max(proba) / proba",
        "d": "int8 = argmax(proba)",
    }
    path = taxi.write_job(project.root, taxi.job_document(model={"output": outputs}))
    refused = project.cli("validate-config")
    assert refused.code == 78
    lines = path.read_text().splitlines()
    for name, word in (("a", "7"), ("b", "0"), ("c", "proba")):
        number = next(at for at, line in enumerate(lines, 1) if line.strip().startswith(f"{name}: "))
        column = lines[number - 1].rindex(word) + 1
        column -= 1 if name == "b" else 0  # of a label its quote
        assert f"jobs/taxi_tips.yml:{number}:{column}: model.output.{name}: " in refused.stderr
        assert f"{' ' * (len(f' {number} | ') + column - 1)}^" in refused.stderr
    assert refused.stderr.count("(taxi_tips@1)") == 3


def test_a_column_is_found_where_it_is_named_not_where_a_text_says_so(project: TaxiProject) -> None:
    where = "company = 'faer' and max(fare, faer) > 0"
    path = taxi.write_job(project.root, taxi.job_document(input={"where": where}))
    refused = project.cli("validate-config")
    assert refused.code == 78
    line = next(line for line in path.read_text().splitlines() if "where: " in line)
    assert f":{line.rindex('faer') + 1}: input.where: the table has no column" in refused.stderr


@pytest.mark.parametrize(
    ("method", "output", "said"),
    [
        (
            "transform",
            "float64 = transformed[0]",
            "the model has no transform; set model.method to one of",
        ),
        ("score_samples", "float64 = score", "the model has no score_samples"),
    ],
)
def test_a_method_that_the_model_lacks_is_a_mistake_at_the_method(
    project: TaxiProject, method: str, output: str, said: str
) -> None:
    use = {"method": method, "output": {"score": output}}
    taxi.write_job(project.root, taxi.job_document(model=use))
    refused = project.cli("validate-config")
    assert (refused.code, f"model.method: {said}" in refused.stderr) == (78, True), refused.stderr


def test_a_run_tells_what_the_model_cannot_give_before_it_reads_anything(project: TaxiProject) -> None:
    taxi.write_job(project.root, taxi.job_document(model={"output": {"p": "float64 = proba['yes']"}}))
    refused = project.cli("run", "taxi_tips")
    assert refused.code == 5
    assert "at character 17: there is no proba['yes']; there are 0, 1" in refused.stderr
    assert "model.output.p" in refused.stderr
    assert not project.predictions.exists()


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
