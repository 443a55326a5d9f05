"""Night after night: what a row of plans comes to, over any lake, any history and any schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.job import Job
from batch_scorer.core.lakefiles import Inventory, PartitionFiles
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Plan, Selection
from batch_scorer.core.records import AttemptState, PartitionPast
from batch_scorer.planning.plan import build_plan
from batch_scorer.planning.staleness import needs_inputs
from tests.planning.conftest import V6, april, make_found, make_job, make_model, published, tried

FAILED, BLOCKED = AttemptState.FAILED, AttemptState.BLOCKED
TODAY = dt.date(2024, 4, 30)


def plan_on(
    job: Job,
    found: Sequence[PartitionFiles],
    records: dict[Partition, PartitionPast],
    today: dt.date = TODAY,
    model: int = 7,
) -> Plan:
    """Of an ordinary night, at half past four in Chicago."""
    return build_plan(
        job,
        inventory=Inventory(partitions=tuple(found)),
        model=make_model() if model == 7 else make_model(model, sha256=f"{model:064x}"),
        suite_fingerprint="s",
        config_fingerprint="c",
        records=records,
        selection=Selection(),
        now=dt.datetime.combine(today, dt.time(9, 30), dt.UTC),
    )


def _made_with(plan: Plan) -> dict[str, Any]:
    return {"model_version": plan.model.version, "model_sha256": plan.model.sha256}


@dataclass
class Nights:
    """A job that runs every night. poison: days that fail whenever they are tried.

    max_failed: after more failures than this a run begins nothing more, as compute.max_failed_partitions.
    """

    job: Job
    poison: Set[Partition] = frozenset()
    max_failed: int | None = None
    found: dict[Partition, PartitionFiles] = field(default_factory=dict)
    records: dict[Partition, PartitionPast] = field(default_factory=dict)
    tries: list[Partition] = field(default_factory=list)

    def arrive(self, *partitions: Partition) -> None:
        self.found.update({partition: make_found(partition) for partition in partitions})

    def pass_one(self, today: dt.date = TODAY, model: int = 7) -> Plan:
        plan = plan_on(self.job, list(self.found.values()), self.records, today, model)
        n_failed = 0
        for partition in plan.order:
            if self.max_failed is not None and n_failed > self.max_failed:
                break
            self.tries.append(partition)
            found, record = self.found[partition], self.records.get(partition)
            if partition in self.poison:
                n_failed += 1
                failed = tried(record, found, FAILED, **_made_with(plan))
                earlier = record.attempts if record else ()
                self.records[partition] = replace(failed, attempts=(*failed.attempts, *earlier))
            else:
                self.records[partition] = published(found, **_made_with(plan))
        return plan

    @property
    def missing(self) -> set[Partition]:
        whole = {partition for partition, record in self.records.items() if record.current}
        return set(self.found) - whole - set(self.poison)


def schedule(max_partitions: int | None, **catchup: Any) -> Job:
    limits = {**catchup, "max_partitions": max_partitions}
    return make_job(catchup={name: value for name, value in limits.items() if value is not None})


def labels(partitions: Sequence[Partition]) -> list[int]:
    return [partition.date.day for partition in partitions if partition.date]


def test_after_a_weeks_outage_the_right_seven_days_run() -> None:
    """The cluster was away from the 8th to the 14th; everything before was scored, but for old gaps."""
    nights = Nights(schedule(7))
    old = [april(n) for n in (1, 2, 3)]
    nights.arrive(*(april(n) for n in range(4, 8)))
    nights.pass_one(dt.date(2024, 4, 8))
    nights.arrive(*old, *(april(n) for n in range(8, 15)))
    first = nights.pass_one(dt.date(2024, 4, 15))
    assert labels(first.order) == [14, 13, 12, 11, 10, 9, 8]
    assert labels([entry.partition for entry in first.with_action(Action.LATER) if entry.partition]) == [
        1,
        2,
        3,
    ]
    nights.arrive(april(15))
    assert labels(nights.pass_one(dt.date(2024, 4, 16)).order) == [15, 3, 2, 1]
    assert nights.missing == set()


@pytest.mark.parametrize("order", ["newest_first", "oldest_first"])
@pytest.mark.parametrize("max_failed", [0, 2, None])
def test_poison_gaps_do_not_starve_new_days_and_are_not_hidden(order: str, max_failed: int | None) -> None:
    """Twenty old days that fail whenever they are tried, and three missing ones a night are allowed."""
    poison = [april(n) for n in range(1, 21)]
    nights = Nights(schedule(3, order=order, give_up_after=4), frozenset(poison), max_failed)
    nights.arrive(*poison)
    for n in range(30):
        nights.pass_one(TODAY + dt.timedelta(days=n))
    for n in range(30, 33):
        today = TODAY + dt.timedelta(days=n)
        fresh = Partition(names=("ds",), values=(today - dt.timedelta(days=1),))
        nights.arrive(fresh)
        plan = nights.pass_one(today)
        assert plan.order[0] == fresh
        assert nights.missing == set()
        for entry in plan.with_action(Action.GAVE_UP):
            assert entry.why.count("given up") == 1


def test_poison_is_tried_as_often_as_allowed_and_then_told_until_something_changes() -> None:
    nights = Nights(schedule(2, give_up_after=3), frozenset({april(1)}))
    nights.arrive(april(1), april(2))
    actions = []
    for _ in range(5):
        plan = nights.pass_one()
        actions += [entry.action.value for entry in plan.entries if entry.partition == april(1)]
    assert actions == ["SCORE", "SCORE", "SCORE", "GAVE_UP", "GAVE_UP"]
    assert nights.tries.count(april(1)) == 3
    other_model = plan_on(nights.job, list(nights.found.values()), nights.records, model=8)
    assert april(1) in other_model.order
    (again,) = [entry for entry in other_model.entries if entry.partition == april(1)]
    assert again.why == "missing; failed before the model changed"
    nights.found[april(1)] = make_found(april(1), size=7)
    assert april(1) in nights.pass_one().order


days = st.integers(1, 29).map(april)
catchups = st.fixed_dictionaries(
    {
        "max_partitions": st.none() | st.integers(1, 4),
        "order": st.sampled_from(["newest_first", "oldest_first"]),
        "give_up_after": st.none() | st.integers(1, 3),
    }
)


@given(
    lake=st.sets(days, min_size=1),
    poison=st.frozensets(days),
    catchup=catchups,
    max_failed=st.none() | st.integers(0, 2),
    retrained=st.booleans(),
)
def test_the_nights_until_everything_is_whole_are_bounded(
    lake: set[Partition],
    poison: frozenset[Partition],
    catchup: dict[str, Any],
    max_failed: int | None,
    retrained: bool,
) -> None:
    """Each night settles as many untried days as it may, or at least one when failures end it early.

    retrained: each night has a new model, so that no try counts the night after.
    """
    nights = Nights(schedule(**catchup), poison, max_failed)
    nights.arrive(*lake)
    a_night = (catchup["max_partitions"] or len(lake)) if max_failed is None else 1
    for night in range(-(-len(lake) // a_night)):
        nights.pass_one(model=8 + night if retrained else 7)
    assert nights.missing == set()
    if catchup["give_up_after"] and not retrained:
        assert all(nights.tries.count(each) <= catchup["give_up_after"] for each in poison)
    assert all(nights.tries.count(each) == 1 for each in lake - poison)


def _record(partition: Partition, kind: str) -> PartitionPast | None:
    found = make_found(partition)
    match kind:
        case "missing":
            return None
        case "fresh":
            return published(found)
        case "new input":
            return published(make_found(partition, size=7))
        case "old model":
            return published(found, **V6)
        case "failed":
            return tried(None, found, FAILED)
        case "failed often":
            return tried(None, found, BLOCKED, BLOCKED, FAILED)
        case "failed anew":
            return tried(published(found, suite_fingerprint="x"), found, BLOCKED)
        case _:
            return published(found, pinned=True)


KINDS = ["missing", "fresh", "new input", "old model", "failed", "failed often", "failed anew", "pinned"]
histories = st.dictionaries(days, st.sampled_from(KINDS), min_size=1)
jobs = st.builds(
    lambda catchup, lookback, expect: make_job(
        catchup={name: value for name, value in catchup.items() if value is not None},
        lookback=lookback,
        expect=expect,
    ),
    catchups,
    st.none() | st.sampled_from(["1d", "3d", "20d"]),
    st.none() | st.just("daily"),
)


def _lake(history: dict[Partition, str]) -> tuple[list[PartitionFiles], dict[Partition, PartitionPast]]:
    records = {partition: _record(partition, kind) for partition, kind in history.items()}
    return [make_found(partition) for partition in history], {p: r for p, r in records.items() if r}


@given(history=histories, job=jobs, data=st.data())
def test_the_order_in_which_facts_are_told_changes_no_plan(
    history: dict[Partition, str], job: Job, data: st.DataObject
) -> None:
    found, records = _lake(history)
    shuffled = data.draw(st.permutations(found))
    retold = dict(data.draw(st.permutations(list(records.items()))))
    one, other = plan_on(job, found, records), plan_on(job, shuffled, retold)
    assert replace(one, refreshed=()) == replace(other, refreshed=())


@given(history=histories, job=jobs)
def test_a_plan_needs_input_files_only_of_partitions_whose_stamps_moved(
    history: dict[Partition, str], job: Job
) -> None:
    found, records = _lake(history)
    light = {
        files.partition: _without_inputs(records[files.partition], files)
        for files in found
        if files.partition in records
    }
    assert plan_on(job, found, light) == plan_on(job, found, records)


def _without_inputs(record: PartitionPast, found: PartitionFiles) -> PartitionPast:
    if record.current is None or needs_inputs(record, found):
        return record
    return replace(record, current=replace(record.current, inputs=None))


@given(history=histories, job=jobs)
def test_a_day_that_has_just_ended_is_always_in_tonights_order(
    history: dict[Partition, str], job: Job
) -> None:
    """First, even: unless the job wants the oldest first, whose turn is told by catchup.order then."""
    yesterday = april(29)
    found, records = _lake({**history, yesterday: "missing"})
    plan = plan_on(job, found, records)
    if job.schedule.catchup.order == "newest_first":
        assert plan.order[0] == yesterday
    elif job.schedule.catchup.max_partitions is None:
        assert yesterday in plan.order


@given(history=histories, job=jobs)
def test_each_partition_has_one_line_and_what_is_in_order_is_to_be_scored(
    history: dict[Partition, str], job: Job
) -> None:
    found, records = _lake(history)
    plan = plan_on(job, found, records)
    told = [entry.partition for entry in plan.entries]
    assert len(set(told)) == len(told)
    assert set(history) <= set(told)
    assert len(set(plan.order)) == len(plan.order)
    assert set(plan.order) == {entry.partition for entry in plan.with_action(Action.SCORE)}
    at_most, limited = job.schedule.catchup.max_partitions, set(plan.with_action(Action.LATER))
    missing = [partition for partition in plan.order if history[partition] == "missing"]
    assert at_most is None or len(missing) <= at_most
    assert not limited or len(missing) == at_most
    assert {history[entry.partition] for entry in limited if entry.partition} <= {"missing"}


@given(history=histories, job=jobs)
def test_a_plan_that_was_carried_out_leaves_nothing_due_but_what_was_put_off(
    history: dict[Partition, str], job: Job
) -> None:
    found, records = _lake(history)
    plan = plan_on(job, found, records)
    done = {partition: published(make_found(partition)) for partition in plan.order}
    again = plan_on(job, found, {**records, **done})
    assert set(again.order) <= {entry.partition for entry in plan.with_action(Action.LATER)}
