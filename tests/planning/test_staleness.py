"""Every reason why a published partition is not what would be published now, by name."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer.core.lakefiles import PartitionFiles, content_fingerprint
from batch_scorer.core.plans import Cause
from batch_scorer.core.records import AttemptState, PartitionPast
from batch_scorer.planning.staleness import Assessment, Status, assess, needs_content, needs_inputs
from tests.planning.conftest import (
    LONG_AGO,
    V6,
    april,
    make_found,
    make_ingredients,
    published,
    released,
    tried,
)

FOUND = make_found(april(9))
TOUCHED = make_found(april(9), written=dt.datetime(2024, 4, 10, 1, tzinfo=dt.UTC))
FAILED, BLOCKED = AttemptState.FAILED, AttemptState.BLOCKED


def words(assessment: Assessment) -> str:
    return "; ".join(reason.text for reason in assessment.reasons)


def with_content(found: PartitionFiles, sha256: str) -> PartitionFiles:
    return replace(found, files=tuple(replace(file, sha256=sha256) for file in found.files))


def test_a_partition_nobody_scored_is_missing() -> None:
    assessment = assess(None, FOUND, make_ingredients(FOUND))
    assert (assessment.status, words(assessment)) == (Status.MISSING, "missing")


def test_the_same_ingredients_are_up_to_date() -> None:
    assessment = assess(published(FOUND), FOUND, make_ingredients(FOUND))
    assert assessment.status is Status.FRESH
    assert words(assessment).startswith("up to date (v7, input ")


@pytest.mark.parametrize(
    ("then", "cause", "text"),
    [
        (V6, Cause.MODEL_CHANGED, "stale: scored with v6"),
        ({**V6, "model_name": "old"}, Cause.MODEL_CHANGED, "stale: scored with old v6"),
        ({"model_sha256": "beef"}, Cause.MODEL_CHANGED, "stale: scored with other bytes of v7 (beef…)"),
        ({"suite_fingerprint": "x"}, Cause.SUITE_CHANGED, "stale: suite changed"),
        ({"config_fingerprint": "x"}, Cause.CONFIG_CHANGED, "stale: config changed"),
    ],
)
def test_a_changed_ingredient_is_named(then: dict[str, Any], cause: Cause, text: str) -> None:
    assessment = assess(published(FOUND, **then), FOUND, make_ingredients(FOUND))
    assert assessment.status is Status.STALE
    assert [reason.cause for reason in assessment.reasons] == [cause]
    assert words(assessment) == text


def test_the_same_bytes_registered_again_under_a_new_number_make_nothing_stale() -> None:
    assessment = assess(published(FOUND, model_version=6), FOUND, make_ingredients(FOUND))
    assert (assessment.status, words(assessment)[:19]) == (Status.FRESH, "up to date (v6, inp")


def test_all_changes_are_named_together() -> None:
    bigger = make_found(april(9), size=200)
    record = published(FOUND, **V6, suite_fingerprint="x")
    assessment = assess(record, bigger, make_ingredients(bigger))
    assert words(assessment) == "stale: input changed; scored with v6; suite changed"


def test_a_touched_file_with_the_same_content_is_up_to_date_and_refreshed() -> None:
    hashed = with_content(TOUCHED, "5f2e" * 16)
    assessment = assess(published(FOUND), hashed, make_ingredients(hashed))
    assert assessment.status is Status.FRESH
    assert assessment.refreshed == hashed.files


def test_a_touched_file_with_other_content_has_changed() -> None:
    hashed = with_content(TOUCHED, "beef" * 16)
    assessment = assess(published(FOUND), hashed, make_ingredients(hashed))
    assert words(assessment) == "stale: input changed"
    assert assessment.refreshed == ()


def test_a_touched_file_that_nobody_hashed_counts_as_changed() -> None:
    assessment = assess(published(FOUND), TOUCHED, make_ingredients(TOUCHED))
    assert words(assessment) == "stale: input changed"


def test_only_the_touched_file_of_several_must_be_hashed() -> None:
    before = make_found(april(9), n_files=3)
    after = replace(
        before,
        files=(
            before.files[0],
            *make_found(april(9), n_files=3, written=dt.datetime(2024, 4, 10, tzinfo=dt.UTC)).files[1:2],
            before.files[2],
        ),
    )
    assert needs_content(published(before), after) == (after.files[1],)
    files = (after.files[0], replace(after.files[1], sha256="5f2e" * 16), after.files[2])
    assessment = assess(published(before), replace(after, files=files), make_ingredients(after))
    assert assessment.status is Status.FRESH
    assert [file.sha256 for file in assessment.refreshed] == ["5f2e" * 16] * 3


def test_untouched_files_need_no_hashing() -> None:
    assert needs_content(published(FOUND), FOUND) == ()


@pytest.mark.parametrize("changed", [make_found(april(9), size=101), make_found(april(9), n_files=2)])
def test_another_size_or_another_file_is_a_change_without_hashing(changed: PartitionFiles) -> None:
    assert needs_content(published(FOUND), changed) == ()
    assert assess(published(FOUND), changed, make_ingredients(changed)).has(Cause.INPUT_CHANGED)


def test_on_object_stores_the_etag_decides_without_hashing() -> None:
    def stored(etag: str) -> PartitionFiles:
        file = FOUND.files[0]
        return replace(FOUND, files=(replace(file, stamp=replace(file.stamp, etag=etag)),))

    record = published(stored("one"))
    assert record.current is not None
    files = stored("one").files
    current = replace(record.current, inputs=files, input_fingerprint=content_fingerprint(files))
    record = replace(record, current=current)
    assert needs_content(record, stored("two")) == ()
    assert assess(record, stored("two"), make_ingredients(stored("two"))).has(Cause.INPUT_CHANGED)


@pytest.mark.parametrize(
    ("states", "cause", "text"),
    [
        ((FAILED,), Cause.FAILED_BEFORE, "failed: fare is negative"),
        ((FAILED, FAILED), Cause.FAILED_BEFORE, "failed 2 times: fare is negative"),
        ((BLOCKED, FAILED), Cause.BLOCKED_BEFORE, "blocked: fare is negative"),
    ],
)
def test_earlier_failures_are_told_with_their_headline(
    states: tuple[AttemptState, ...], cause: Cause, text: str
) -> None:
    assessment = assess(tried(None, FOUND, *states), FOUND, make_ingredients(FOUND))
    assert (assessment.status, assessment.tries) == (Status.FAILED, len(states))
    assert assessment.reasons[0].cause is cause
    assert words(assessment) == text


def test_failures_with_other_ingredients_do_not_count_as_tries() -> None:
    record = tried(None, FOUND, FAILED, FAILED, model_version=6)
    assert assess(record, FOUND, make_ingredients(FOUND)).status is Status.MISSING


def test_a_stale_partition_that_failed_tells_both() -> None:
    record = tried(published(FOUND, **V6), FOUND, FAILED)
    assessment = assess(record, FOUND, make_ingredients(FOUND))
    assert assessment.status is Status.FAILED
    assert words(assessment) == "failed: fare is negative; stale: scored with v6"


def test_a_pinned_generation_stays_whatever_the_model_but_tells_of_new_input() -> None:
    bigger = make_found(april(9), size=200)
    record = published(FOUND, pinned=True, **V6, suite_fingerprint="x")
    assert words(assess(record, FOUND, make_ingredients(FOUND))) == "pinned (v6), by ana: v6 is good"
    assessment = assess(record, bigger, make_ingredients(bigger))
    assert assessment.status is Status.PINNED
    assert words(assessment) == "pinned (v6), by ana: v6 is good; input changed, not scored"


def test_a_release_makes_what_was_up_to_date_due_and_says_why() -> None:
    assessment = assess(released(published(FOUND), FOUND), FOUND, make_ingredients(FOUND))
    assert assessment.status is Status.RELEASED
    assert [reason.cause for reason in assessment.reasons] == [Cause.RELEASED]
    assert words(assessment) == "released from quarantine: fares are right"


def test_a_release_names_what_else_changed() -> None:
    record = released(published(FOUND, **V6), FOUND)
    assert words(assess(record, FOUND, make_ingredients(FOUND))) == (
        "released from quarantine: fares are right; scored with v6"
    )


def test_a_release_counts_until_a_generation_was_published_with_it() -> None:
    record = released(published(FOUND, number=2), FOUND, after_generation=1)
    assert assess(record, FOUND, make_ingredients(FOUND)).status is Status.FRESH


def test_a_release_is_for_the_content_it_was_given_for() -> None:
    record = released(published(FOUND), FOUND)
    touched = with_content(TOUCHED, "5f2e" * 16)
    assert assess(record, touched, make_ingredients(touched)).status is Status.RELEASED
    other = with_content(TOUCHED, "beef" * 16)
    assert words(assess(record, other, make_ingredients(other))) == "stale: input changed"


def test_a_pinned_generation_is_kept_whatever_was_released() -> None:
    record = released(published(FOUND, pinned=True), FOUND)
    assert assess(record, FOUND, make_ingredients(FOUND)).status is Status.PINNED


@pytest.mark.parametrize("base", [None, published(FOUND)])
def test_only_tries_since_the_release_count(base: PartitionPast | None) -> None:
    record = released(tried(base, FOUND, BLOCKED, BLOCKED), FOUND, at=LONG_AGO + dt.timedelta(hours=1))
    before = assess(record, FOUND, make_ingredients(FOUND))
    assert (before.status, before.tries) == (Status.RELEASED, 0)
    record = released(tried(base, FOUND, BLOCKED), FOUND, at=LONG_AGO - dt.timedelta(hours=1))
    since = assess(record, FOUND, make_ingredients(FOUND))
    assert (since.status, since.tries) == (Status.FAILED, 1)
    assert since.reasons[0].cause is Cause.BLOCKED_BEFORE


def test_input_that_moved_is_never_judged_without_knowing_what_it_was() -> None:
    record = published(FOUND)
    assert record.current is not None
    light = replace(record, current=replace(record.current, inputs=None))
    assert assess(light, FOUND, make_ingredients(FOUND)).status is Status.FRESH
    asked = (needs_inputs(light, FOUND), needs_inputs(light, TOUCHED), needs_inputs(None, TOUCHED))
    assert asked == (False, True, False)
    with pytest.raises(ValueError, match="stamps of ds=2024-04-09 moved"):
        assess(light, TOUCHED, make_ingredients(TOUCHED))
