"""The plan as a whole: selection, limits, refused directories, footers, what is only remembered."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer.core.errors import ConfigInvalid, FileUnreadable, PartitionPathRefused, UsageError
from batch_scorer.core.lakefiles import Footer, RefusedDirectory, RowGroup
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, Selection
from batch_scorer.planning.plan import check_selection, ingredients_for, keep_predicate, with_footers
from tests.planning.conftest import (
    PlanFor,
    april,
    make_found,
    make_ingredients,
    make_job,
    only,
    published,
    rows,
)

JOB = make_job()
NESTED = make_job(partition_by={"region": "string", "ds": "date", "shard": "int"})
BAD = RefusedDirectory(
    directory="ds=soon", error=PartitionPathRefused('"soon" is not a date', where="ds=soon")
)


def nested(region: str, n: int, shard: int) -> Partition:
    return Partition(names=("region", "ds", "shard"), values=(region, dt.date(2024, 4, n), shard))


@pytest.mark.parametrize("keys", [{"region": "string"}, {"ds": "date", "loaded": "date"}])
def test_a_range_without_the_one_date_key_is_a_usage_error(keys: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="exactly one partition key of type date") as caught:
        check_selection(make_job(partition_by=keys), Selection(first_day=dt.date(2024, 4, 1)))
    assert caught.value.exit_code == 2


def test_a_range_that_is_upside_down_is_a_usage_error() -> None:
    selection = Selection(first_day=dt.date(2024, 4, 2), last_day=dt.date(2024, 4, 1))
    with pytest.raises(UsageError, match="2024-04-02 is after --to 2024-04-01"):
        check_selection(JOB, selection)


def test_an_unknown_partition_key_is_a_usage_error_that_names_the_nearest() -> None:
    with pytest.raises(UsageError, match='no partition key "regoin"; did you mean "region"'):
        check_selection(NESTED, Selection(partitions=(("regoin", "eu"),)))


@pytest.mark.parametrize(("key", "value"), [("shard", "007"), ("ds", "2024-02-30"), ("region", "a/b")])
def test_a_partition_value_not_of_its_type_is_a_usage_error(key: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"--partition {key}={value}"):
        check_selection(NESTED, Selection(partitions=((key, value),)))


def test_values_of_one_key_are_alternatives_and_keys_must_all_match() -> None:
    asked = Selection(partitions=(("region", "eu"), ("shard", "1"), ("shard", "2")))
    keep = keep_predicate(NESTED, asked)
    assert keep(nested("eu", 1, 1))
    assert keep(nested("eu", 9, 2))
    assert not keep(nested("eu", 1, 3))
    assert not keep(nested("us", 1, 1))


def test_a_range_and_a_partition_hold_together() -> None:
    keep = keep_predicate(NESTED, Selection(partitions=(("region", "eu"),), last_day=dt.date(2024, 4, 2)))
    assert keep(nested("eu", 2, 1))
    assert not keep(nested("eu", 3, 1))
    assert not keep(nested("us", 2, 1))


def test_without_a_selection_every_partition_is_kept() -> None:
    assert keep_predicate(NESTED, Selection())(nested("eu", 2, 1))


def test_limit_takes_the_first_of_the_working_order(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, *(make_found(april(n)) for n in (1, 2, 3)), limit=2)
    assert [p.label for p in plan.order] == ["2024-04-03", "2024-04-02"]
    assert rows(plan)[0] == ("2024-04-01", "LATER", "missing; over --limit 2")


def test_limit_and_max_partitions_hold_together(plan_for: PlanFor) -> None:
    job = make_job(catchup={"max_partitions": 2})
    changed = make_found(april(9))
    found = [make_found(april(n)) for n in (5, 6, 7)]
    plan = plan_for(job, *found, changed, records=[published(make_found(april(9), size=9))], limit=2)
    assert [p.label for p in plan.order] == ["2024-04-09", "2024-04-07"]


def test_partitions_of_one_day_are_worked_on_by_path(plan_for: PlanFor) -> None:
    found = [make_found(nested(r, n, 1)) for n in (1, 2) for r in ("us", "eu")]
    assert plan_for(NESTED, *found).order == (
        nested("eu", 2, 1),
        nested("us", 2, 1),
        nested("eu", 1, 1),
        nested("us", 1, 1),
    )


def test_a_refused_directory_is_an_entry_with_its_error(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, make_found(april(1)), refused=(BAD,))
    assert rows(plan)[1] == ("ds=soon", "REFUSED", '"soon" is not a date')
    assert plan.entries[1].problem is BAD.error
    assert plan.warnings == ()


@pytest.mark.parametrize(
    "asked", [{"first_day": dt.date(2024, 4, 1)}, {"partitions": (("ds", "2024-04-01"),)}]
)
def test_of_a_range_nameless_directories_are_one_warning_together(
    plan_for: PlanFor, asked: dict[str, Any]
) -> None:
    plan = plan_for(JOB, make_found(april(1)), refused=(BAD,), **asked)
    assert only(plan).action is Action.SCORE
    assert plan.warnings == ('ds=soon is no partition and was not looked at: "soon" is not a date',)
    worse = plan_for(JOB, make_found(april(1)), refused=(BAD, replace(BAD, directory="tmp")), **asked)
    assert worse.warnings == (
        "2 names under input.path are no partitions and were not looked at, "
        'e.g. ds=soon: "soon" is not a date',
    )


def linked(partition: Partition) -> RefusedDirectory:
    """A directory with a good name that cannot be read."""
    error = PartitionPathRefused("it is a symlink")
    return RefusedDirectory(directory=partition.path, error=error, partition=partition)


@pytest.mark.parametrize(
    "asked", [{"first_day": dt.date(2024, 4, 2)}, {"partitions": (("ds", "2024-04-02"),)}, {}]
)
def test_a_refused_directory_that_was_asked_for_is_refused_and_not_a_warning(
    plan_for: PlanFor, asked: dict[str, Any]
) -> None:
    plan = plan_for(JOB, refused=(linked(april(2)),), **asked)
    assert rows(plan) == [("ds=2024-04-02", "REFUSED", "it is a symlink")]
    assert plan.warnings == ()


def test_a_refused_directory_outside_of_the_range_is_not_spoken_of(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, make_found(april(5)), refused=(linked(april(2)),), first_day=dt.date(2024, 4, 3))
    assert only(plan).label == "2024-04-05"
    assert plan.warnings == ()


def test_a_refused_directory_above_the_last_key_may_hold_what_was_asked_for(plan_for: PlanFor) -> None:
    europe = linked(Partition(names=("region",), values=("eu",)))
    asked: dict[str, Any] = {"first_day": dt.date(2024, 4, 1), "partitions": (("region", "eu"),)}
    assert only(plan_for(NESTED, refused=(europe,), **asked)).action is Action.REFUSED
    assert plan_for(NESTED, refused=(europe,), partitions=(("region", "us"),)).entries == ()


def test_a_refused_partition_has_neither_vanished_nor_failed_to_arrive(plan_for: PlanFor) -> None:
    job = make_job(expect="daily", lookback="2d")
    found = make_found(april(8))
    plan = plan_for(job, refused=(linked(april(8)), linked(april(9))), records=[published(found)])
    assert [entry.action for entry in plan.entries] == [Action.REFUSED, Action.REFUSED]


def test_files_that_are_no_parquet_are_one_warning_with_their_number(plan_for: PlanFor) -> None:
    notes = replace(make_found(april(1)), ignored=("notes.csv",))
    more = replace(make_found(april(2)), ignored=("a.csv", "b.csv"))
    assert plan_for(JOB, notes).warnings == ("ds=2024-04-01/notes.csv is no *.parquet file and is not read",)
    assert plan_for(JOB, notes, more).warnings == (
        "3 files in partitions are no *.parquet files and are not read, e.g. ds=2024-04-02/a.csv",
    )
    assert plan_for(JOB, notes, first_day=dt.date(2024, 4, 2)).warnings[1:] == ()


@pytest.mark.parametrize(("then", "was"), [("7", "string"), (dt.date(2024, 4, 1), "date")])
def test_a_partition_key_that_changed_its_type_is_refused_and_its_old_type_named(
    plan_for: PlanFor, then: str | dt.date, was: str
) -> None:
    old = make_found(Partition(names=("shard",), values=(then,)))
    with pytest.raises(
        ConfigInvalid, match=f"is int, but shard=.* was published when it was {was}"
    ) as caught:
        plan_for(make_job(partition_by={"shard": "int"}), records=[published(old)])
    assert (caught.value.exit_code, caught.value.where) == (78, "jobs/tips.yml, input.partition_by.shard")


def test_a_range_in_which_nothing_lies_is_a_warning(plan_for: PlanFor) -> None:
    plan = plan_for(JOB, make_found(april(1)), first_day=dt.date(2024, 4, 5))
    assert plan.entries == ()
    assert plan.warnings == ("no partition in the lake or the ledger is what was asked for",)
    assert plan_for(JOB).warnings == ()


def test_touched_files_with_their_old_content_are_to_be_remembered(plan_for: PlanFor) -> None:
    touched = make_found(april(9), written=dt.datetime(2024, 4, 10, tzinfo=dt.UTC), sha256="5f2e" * 16)
    plan = plan_for(JOB, touched, records=[published(make_found(april(9)))])
    assert only(plan).reasons[0].cause is Cause.UP_TO_DATE
    assert plan.refreshed == ((april(9), touched.files),)


def test_ingredients_are_the_plans_model_suites_config_and_the_files(plan_for: PlanFor) -> None:
    found = make_found(april(9))
    plan = plan_for(JOB, found)
    assert ingredients_for(plan, plan.model, found) == make_ingredients(found)


def test_footers_fill_what_is_to_be_scored_and_nothing_else(plan_for: PlanFor) -> None:
    fresh, due, broken = (make_found(april(n)) for n in (7, 8, 9))
    plan = plan_for(JOB, fresh, due, broken, records=[published(fresh)])
    footer = Footer(columns=(("fare", "float64"),), row_groups=(RowGroup(n_rows=5, n_bytes=40),))
    problem = FileUnreadable("truncated")
    filled = with_footers(plan, {april(7): (footer,), april(8): (footer,), april(9): problem})
    assert [entry.n_rows for entry in filled.entries] == [None, 5, None]
    assert [entry.problem for entry in filled.entries] == [None, None, problem]
    assert [entry.label for entry in filled.to_score] == ["2024-04-09", "2024-04-08"]


def test_planning_loads_nothing_beyond_the_standard_library() -> None:
    """A plan must be quick: 3 modules of heavy libraries would cost more than the planning."""
    program = (
        "import sys, batch_scorer.planning.plan, batch_scorer.planning.chunks;"
        "roots = {name.partition('.')[0] for name in sys.modules};"
        "print(sorted(roots & {'pandas','pyarrow','numpy','dask','sklearn','sqlalchemy','click','pydantic'}))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_plan_of_records_of_another_layout_reports_them_as_vanished(plan_for: PlanFor) -> None:
    old = make_found(replace(april(9), names=("day",)))
    plan = plan_for(JOB, make_found(april(9)), records=[published(old)])
    assert [entry.action for entry in plan.entries] == [Action.VANISHED, Action.SCORE]
