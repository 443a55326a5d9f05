"""A partition whose day its model was trained on is marked, as far as the training table tells."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from batch_scorer.core.lakefiles import Inventory
from batch_scorer.core.models import ModelPin, TimeSpan
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Reprocess, Selection
from batch_scorer.planning.plan import build_plan
from batch_scorer.planning.training import trained_on, with_training_told
from tests.planning.conftest import NOW, PlanFor, april, make_found, make_job, make_model, published

JOB = make_job()
DAY = dt.date(2024, 4, 3)
CHICAGO = "America/Chicago"
naive = dt.datetime.fromisoformat


def span(first: dt.date, last: dt.date, column: str = "started_at") -> TimeSpan:
    return TimeSpan(column=column, first=first, last=last)


@pytest.mark.parametrize(
    ("first", "last", "is_in"),
    [
        (dt.date(2024, 4, 1), dt.date(2024, 4, 3), True),
        (dt.date(2024, 4, 3), dt.date(2024, 4, 9), True),
        (dt.date(2024, 4, 4), dt.date(2024, 4, 9), False),
        (dt.date(2024, 4, 1), dt.date(2024, 4, 2), False),
        (naive("2024-04-01T00:00"), naive("2024-04-03T00:00:01"), True),
        (naive("2024-04-01T00:00"), naive("2024-04-02T23:59"), False),
        # Half past three in the morning of the 4th in UTC is still the 3rd in Chicago; so is that of the 3rd.
        (dt.datetime(2024, 4, 4, 3, 30, tzinfo=dt.UTC), dt.datetime(2024, 5, 1, tzinfo=dt.UTC), True),
        (dt.datetime(2024, 3, 1, tzinfo=dt.UTC), dt.datetime(2024, 4, 3, 3, 30, tzinfo=dt.UTC), False),
    ],
)
def test_both_ends_are_included_by_the_job_s_calendar(first: dt.date, last: dt.date, is_in: bool) -> None:
    assert (trained_on([span(first, last)], DAY, key="ds", timezone=CHICAGO) is not None) is is_in


def test_the_column_of_the_partition_key_speaks_alone() -> None:
    born = span(dt.date(1920, 1, 1), dt.date(2030, 1, 1), column="born")
    ds = span(dt.date(2024, 1, 1), dt.date(2024, 2, 1), column="ds")
    assert trained_on([born, ds], DAY, key="ds", timezone=CHICAGO) is None
    assert trained_on([born, ds], dt.date(2024, 1, 9), key="ds", timezone=CHICAGO) == ds
    assert trained_on([born], DAY, key="ds", timezone=CHICAGO) == born


def test_each_partition_is_held_against_the_model_that_scores_it(plan_for: PlanFor) -> None:
    early = span(dt.date(2024, 4, 1), dt.date(2024, 4, 1))
    plan = plan_for(JOB, make_found(april(1)), make_found(april(2)))
    own = replace(make_model(3, "c3" * 32), trained_on=(early,))
    entries = tuple(replace(e, model=own) if e.partition == april(1) else e for e in plan.entries)
    told = with_training_told(replace(plan, entries=entries), JOB)
    assert [entry.warnings for entry in told.entries] == [
        ("tips@3 was trained on this day too (started_at 2024-04-01 to 2024-04-01)",),
        (),
    ]


def test_what_is_not_to_be_scored_is_not_marked(plan_for: PlanFor) -> None:
    found = make_found(april(1))
    plan = plan_for(JOB, found, records=[published(found)])
    everything = replace(make_model(), trained_on=(span(dt.date(2000, 1, 1), dt.date(2030, 1, 1)),))
    assert with_training_told(replace(plan, model=everything), JOB).entries[0].warnings == ()


def plan_with(models: dict[Partition, ModelPin]) -> list[tuple[str, str]]:
    found = [make_found(april(n)) for n in (1, 2, 3)]
    plan = build_plan(
        JOB,
        inventory=Inventory(partitions=tuple(found)),
        model=make_model(),
        models=models,
        suite_fingerprint="s",
        config_fingerprint="c",
        records={files.partition: published(files) for files in found},
        selection=Selection(reprocess=Reprocess.STALE),
        now=NOW,
    )
    assert [plan.model_of(entry) for entry in plan.to_score] == [models[p] for p in plan.order]
    return [(entry.action.value, entry.reasons[0].text.partition(",")[0]) for entry in plan.entries]


def test_a_partition_is_up_to_date_or_stale_by_its_own_model() -> None:
    other = make_model(3, "c3" * 32)
    as_it_was = ("SKIP", "up to date (v7")
    assert plan_with({}) == [as_it_was] * 3
    assert plan_with({april(2): other}) == [as_it_was, ("SCORE", "stale: scored with v7"), as_it_was]
