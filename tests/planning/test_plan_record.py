"""A plan that is kept comes back as it was, and everything that moves is told."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.plans import ModelChoice, Plan, Reprocess, Selection
from batch_scorer.planning.plan_record import PlanRecord, from_document, moved, record_of, to_document
from tests.planning.conftest import (
    NOW,
    V6,
    PlanFor,
    april,
    make_found,
    make_job,
    make_model,
    published,
    tried,
)

JOB = make_job(lookback="3d")


def kept(plan: Plan, **changes: Any) -> PlanRecord:
    of: dict[str, Any] = {"target": None, "code_version": "0.1.0", "now": NOW}
    return record_of(plan, **{**of, **changes})


def document(record: PlanRecord) -> dict[str, Any]:
    """As it is read from a file."""
    loaded: dict[str, Any] = json.loads(json.dumps(to_document(record)))
    return loaded


@pytest.fixture
def record(plan_for: PlanFor) -> PlanRecord:
    found = [make_found(april(n)) for n in (7, 8, 9)]
    return kept(plan_for(JOB, *found, records=[published(found[0])], first_day=dt.date(2024, 4, 1)))


def test_a_plan_comes_back_from_its_document_as_it_was(record: PlanRecord) -> None:
    assert from_document(document(record)) == record


selections = st.builds(
    Selection,
    first_day=st.none() | st.dates(),
    last_day=st.none() | st.dates(),
    since_last_success=st.booleans(),
    partitions=st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple),
    reprocess=st.none() | st.sampled_from(Reprocess),
    limit=st.none() | st.integers(1, 10**9),
    newest_first=st.booleans(),
)


@given(selections)
def test_every_selection_comes_back(selection: Selection) -> None:
    record = PlanRecord(
        job="j", target="dev", made_at="", today="", timezone="UTC", selection=selection, model="m@1",
        choice=ModelChoice(version="m@1"), model_sha256="", suite_fingerprint="", config_fingerprint="",
        code_version="", entries=(),
    )  # fmt: skip
    assert from_document(document(record)) == record


def _without(name: str, plain: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plain.items() if key != name}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda plain: {}, "does not begin as a plan does"),
        (lambda plain: {"name": "package", "version": "1"}, "does not begin as a plan does"),
        (lambda plain: {**plain, "version": 2}, "version 2"),
        (lambda plain: {**plain, "today": "2024-04-11"}, "edited or damaged"),
        (lambda plain: {**plain, "entries": plain["entries"][1:]}, "edited or damaged"),
        (lambda plain: {**plain, "more": 1}, "edited or damaged"),
        (lambda plain: _without("sha256", plain), "edited or damaged"),
        (lambda plain: _without("job", plain), "edited or damaged"),
    ],
)
def test_what_was_edited_or_is_no_plan_is_refused(record: PlanRecord, spoil: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_document(spoil(document(record)))


@pytest.mark.parametrize("entries", [None, [None], [{"partition": "x"}], "x", [{"action": "FLY"}]])
def test_a_forged_document_with_a_good_hash_is_refused_too(record: PlanRecord, entries: Any) -> None:
    from batch_scorer.planning.plan_record import _digest

    forged = {**_without("sha256", document(record)), "entries": entries}
    with pytest.raises(ValueError, match="no plan of this batch-scorer"):
        from_document({**forged, "sha256": _digest(forged)})


def test_nothing_has_moved_in_the_same_plan(record: PlanRecord) -> None:
    assert list(moved(record, replace(record, made_at="later", today="2024-04-11"))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_sha256": "beef" * 16, "model": "tips@8"}, "model: was tips@7 (a91c…), is tips@8 (beef…)"),
        ({"suite_fingerprint": "t"}, "suites: changed (s… → t…)"),
        ({"config_fingerprint": "d"}, "config: changed (c… → d…)"),
        ({"code_version": "0.2.0"}, "batch-scorer: was 0.1.0, is 0.2.0"),
        ({"target": "dev"}, "target: was none, is dev"),
    ],
)
def test_what_moved_for_all_partitions_is_told_once(
    record: PlanRecord, change: dict[str, Any], says: str
) -> None:
    assert list(moved(record, replace(record, **change))) == [says]


def test_the_same_model_under_another_number_has_moved(plan_for: PlanFor, record: PlanRecord) -> None:
    assert list(moved(record, replace(record, model="tips@8")))
    assert make_model().label.startswith("tips@champion = v7")


def test_what_the_alias_means_now_moves_no_plan_that_takes_what_it_meant_then(record: PlanRecord) -> None:
    then = replace(record, choice=ModelChoice(of_its_day=True))
    assert list(moved(then, replace(then, model="tips@8", model_sha256="beef" * 16))) == []


def test_what_moved_of_a_partition_is_told_with_then_and_now(plan_for: PlanFor) -> None:
    then_found = [make_found(april(n)) for n in (4, 5, 6, 7, 8)]
    seven = published(make_found(april(7), size=9), number=2)
    then = kept(plan_for(JOB, *then_found, records=[published(then_found[0]), seven]))
    now_found = [then_found[0], then_found[1], make_found(april(6), size=200), then_found[3]]
    now = kept(
        plan_for(
            JOB,
            *now_found,
            make_found(april(9)),
            records=[
                published(then_found[0], **V6),
                published(then_found[1]),
                published(make_found(april(7), size=9), number=3),
            ],
        )
    )
    told = list(moved(then, now))
    assert [line.partition(":")[0] for line in told] == [f"ds=2024-04-0{n}" for n in (4, 5, 6, 7, 8, 9)]
    assert told[0].startswith("ds=2024-04-04: was SKIP (up to date (v7, input")
    assert "is OUTDATED ((v6), not due; stale: scored with v6" in told[0]
    assert told[1].startswith("ds=2024-04-05: was SCORE (missing), is SKIP (up to date")
    assert told[2].startswith("ds=2024-04-06: its input moved: was 1 file, 100 bytes (")
    assert ", is 1 file, 200 bytes (" in told[2]
    assert told[3] == "ds=2024-04-07: was generation 2, is generation 3"
    assert told[4] == "ds=2024-04-08: was SCORE (missing), is not there"
    assert told[5] == "ds=2024-04-09: was not there, is SCORE (missing)"


def test_what_is_not_scored_may_come_and_go(plan_for: PlanFor) -> None:
    """A new day that waits changes nothing of what a run of the plan would do."""
    found, waits = make_found(april(9)), make_found(april(10))
    then, now = kept(plan_for(JOB, found)), kept(plan_for(JOB, found, waits))
    assert list(moved(then, now)) == list(moved(now, then)) == []


def test_a_try_that_failed_since_is_no_move(plan_for: PlanFor) -> None:
    """The plan said SCORE, and it would be scored still; why it is due is no part of what is done."""
    from batch_scorer.core.records import AttemptState

    found = make_found(april(9))
    again = kept(plan_for(JOB, found, records=[tried(None, found, AttemptState.FAILED)]))
    assert list(moved(kept(plan_for(JOB, found)), again)) == []
