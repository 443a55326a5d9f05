"""Result pages: what is on them, in which order, and that no data gets out of its place."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.pages.text import shortened
from batch_scorer.core.records import AttemptState, RunRecord
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.validation.pages.render import run_page
from tests.memory import traced_memory
from tests.page_checks import HOSTILE
from tests.validation.pages import (
    Page,
    attempt,
    between,
    entry,
    hostile_page,
    html_of,
    raised,
    run_record,
    verdict,
)

BAD = verdict(between("miles"), between("fare", -5.0, 812.5, mostly=0.999), raised("tips", "no such column"))
GOOD = verdict(between("miles"), between("fare", mostly=0.999), between("tips"))


def page_of(*attempts: Any, run: RunRecord | None = None, **results: SuiteVerdict) -> Page:
    return Page(html_of(run or run_record(), attempts, {"good": GOOD, "bad": BAD} | results))


def test_the_head_tells_job_run_time_model_exit_code_and_the_rows_of_all_partitions() -> None:
    text = page_of(attempt(0, "good"), attempt(1, "good")).text["top"]
    for part in ("taxi_tips", "01JQ8Z0000000000000000RUN1", "2024-04-01 04:30:12 UTC by cron on night-1"):
        assert part in text
    assert "Exit code 4 Model taxi_tips@7 a91ca91ca91c…" in text
    assert "2,000 read = 1,900 scored + 80 quarantined + 20 dropped" in text


def test_partitions_that_failed_come_first_then_blocked_then_warned_then_good_ones() -> None:
    page = page_of(
        attempt(0, "good"),
        attempt(1, "good", warnings=("late",)),
        attempt(2, "bad", state=AttemptState.BLOCKED),
        attempt(3, state=AttemptState.FAILED, error={"what": "unreadable"}, rows=None),
        attempt(4, "bad"),
    )
    table = [link for link in page.links if re.fullmatch("#p[0-9]+", link)][:5]
    assert table == ["#p3", "#p2", "#p1", "#p4", "#p0"]


def test_a_broken_rule_is_told_with_share_limit_rows_and_sample_keys_and_values() -> None:
    text = page_of(attempt(0, "bad")).text["p0"]
    assert "failed fare between 0 and 500" in text
    assert "Found 0.2 % of rows break it Limit 0.1 % may" in text
    assert "2 of 1,000, 20 null not tested" in text
    assert "ride_id fare 88000 -5 88001 812.5" in text
    assert "jobs/suites/rides.json · fingerprint 5f2e5f2e5f2e…" in text


def test_failures_come_before_what_was_not_evaluated_and_both_before_what_passed() -> None:
    text = page_of(attempt(0, "bad")).text["p0"]
    places = [text.index(part) for part in ("failed fare", "not evaluated tips", "1 expectation passed")]
    assert places == sorted(places)
    assert "No answer no such column" in text


def test_a_suite_without_any_answer_is_not_evaluated_and_nothing_of_it_passed() -> None:
    page = page_of(attempt(0, "none"), none=verdict(not_evaluated="out of memory at 4 GB"))
    text = page.text["p0"]
    assert "input suite rides not evaluated" in text
    assert "Not evaluated: out of memory at 4 GB" in text
    assert "passed" not in text
    assert "published with warnings" in text


def test_a_suite_whose_expectations_partly_lack_an_answer_is_never_passed() -> None:
    page = page_of(attempt(0, "some"), some=verdict(between("fare"), raised("tips", "it broke")))
    assert "input suite rides not evaluated" in page.text["p0"]


def test_every_suite_of_a_partition_is_shown_and_those_that_did_not_pass_come_first() -> None:
    other = replace(GOOD, suite="predictions", stage="output")
    text = page_of(attempt(0, "other", "none", "bad"), other=other, none=verdict(not_evaluated="x")).text[
        "p0"
    ]
    parts = ("input suite rides failed", "input suite rides not evaluated", "output suite predictions passed")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"batch_scorer": {"path": "streamed"}}, "Evaluated by streamed"),
        ({"evaluation": "Great Expectations"}, "Evaluated by Great Expectations"),
        ({"batch_scorer": {"path": 7}}, None),
        ({}, None),
    ],
)
def test_what_evaluated_an_expectation_is_told_where_the_result_says_so(
    meta: dict[str, Any], told: str | None
) -> None:
    page = page_of(attempt(0, "x"), x=verdict(between("fare", -1) | {"meta": meta}))
    text = page.text["p0"]
    assert (told in text) if told else ("Evaluated by" not in text)


def test_samples_without_keys_are_told_by_row_number_or_by_value_alone() -> None:
    answer = between("fare", -1.0, -2.5)
    del answer["result"]["unexpected_index_column_names"]
    by_row = answer | {"result": answer["result"] | {"partial_unexpected_index_list": [17, 4000]}}
    alone = answer | {"result": answer["result"] | {"partial_unexpected_index_list": None}}
    complete = alone | {"result": alone["result"] | {"unexpected_index_list": [17, 4000]}}
    for one in (by_row, complete):
        assert "row, from 0 value 17 -1 4,000 -2.5" in page_of(attempt(0, "x"), x=verdict(one)).text["p0"]
    assert "critical value -1 -2.5" in page_of(attempt(0, "x"), x=verdict(alone)).text["p0"]


def test_a_missing_result_file_is_told_with_what_the_ledger_remembers() -> None:
    told = entry("gone", success=False, failed=["fare between 0 and 500 fails for 8 %"])
    text = page_of(attempt(0, verdicts=(told,), state=AttemptState.BLOCKED)).text["p0"]
    assert "No details: the result file is missing. The ledger remembers what failed:" in text
    assert "fare between 0 and 500 fails for 8 %" in text


def test_a_passed_suite_whose_result_is_gone_is_no_partition_without_questions() -> None:
    text = page_of(attempt(0, "gone")).text["p0"]
    assert "The ledger remembers that the suite passed." in text
    assert "published with warnings" in text


@pytest.mark.parametrize(
    "results",
    [[1], [{"success": True}], [{"success": True, "expectation_config": {"type": "x", "kwargs": []}}]],
)
def test_a_result_of_another_shape_is_told_and_the_page_goes_on(results: list[Any]) -> None:
    strange = replace(GOOD, result={"results": results, "meta": {}})
    page = page_of(attempt(0, "strange"), attempt(1, "good"), strange=strange)
    assert "the result file is not what was written" in page.text["p0"]
    assert "3 expectations passed" in page.text["p1"]


def test_partitions_link_to_the_days_around_them_and_to_the_top() -> None:
    page = page_of(attempt(2, "good"), attempt(0, "good"), attempt(1, "good"))
    assert "← 2024-03-01 2024-03-03 → ↑ top" in page.text["p1"]
    assert "2024-03-02 → ↑ top" in page.text["p0"]
    assert "← 2024-03-02 ↑ top" in page.text["p2"]


def test_a_rule_links_to_the_nearest_other_partitions_that_break_it_and_to_all() -> None:
    days = [attempt(number, "bad" if number in (0, 2, 5, 6) else "good") for number in range(8)]
    page = page_of(*days)
    assert "Also in ← 2024-03-03 · 2024-03-07 → · all 4" in page.text["p5"]
    assert "Also in 2024-03-03 → · all 4" in page.text["p0"]
    assert "fare between 0 and 500 input suite rides, in 4 partitions" in page.text["r0"]
    alone = page_of(attempt(0, "good"), attempt(1, "bad"))
    assert "Also in" not in alone.text["p1"]


def test_the_same_rule_of_another_suite_or_stage_is_another_rule() -> None:
    other = replace(BAD, stage="output")
    page = page_of(attempt(0, "bad"), attempt(1, "other"), other=other)
    assert "Also in" not in page.text["p0"]


def test_every_link_leads_somewhere_on_the_page_and_every_id_is_there_once() -> None:
    page = page_of(*(attempt(number, "bad", "good") for number in range(30)))
    assert len(page.links) > 100
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_directories_that_are_no_partition_and_several_keys_have_their_place() -> None:
    stray = attempt(0, partition=None, partition_label="scratch", state=AttemptState.FAILED)
    page = page_of(stray, attempt(1, "good"))
    assert page.text["h0"].startswith("2024-03-02")
    assert page.text["h1"].startswith("scratch")


def test_a_run_that_finished_nothing_has_a_page() -> None:
    run = run_record(exit_code=None, finished_at=None, error={"what": "the ledger is away"})
    page = page_of(run=run)
    assert "not yet, or it died" in page.text["top"]
    assert "The run was stopped: the ledger is away" in page.text["top"]


def test_hostile_data_makes_no_element_no_attribute_and_no_link_of_its_own() -> None:
    html = hostile_page()
    page = Page(html)
    tame = Page(html_of(run_record(), [attempt(0, "bad", "gone", warnings=("w",))], {"bad": BAD}))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in tame.tags}
    names = {name for _, attributes in page.tags for name in attributes}
    assert names <= {name for _, attributes in tame.tags for name in attributes}
    assert all(re.fullmatch("#(top|p[0-9]+|r[0-9]+)", link) for link in page.links)
    assert sum(tag == "style" for tag, _ in page.tags) == 1
    assert html.count("<style>") == html.count("</style>") == 1
    assert "49" not in page.text["top"].split()


def test_what_cannot_be_seen_is_written_out_and_what_is_endless_is_cut() -> None:
    html = hostile_page()
    style_gone = html.partition("</style>")[2]
    assert not [char for char in style_gone if not char.isprintable() and char != "\n"]
    assert "\\x1b[31m" in html
    assert "\\u202egnp.exe\\u2066\\u200f" in html
    assert "\\ud800 alone" in html
    assert "W" * 1000 not in html
    assert "… (10,000 characters)" in html


def test_a_page_names_nothing_outside_itself() -> None:
    page = Page(html := hostile_page())
    loading = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping", "style"}
    assert not [attributes for _, attributes in page.tags if loading & attributes.keys()]
    css = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in css
    assert "@import" not in css
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "base"})


@given(st.text(st.characters(), max_size=50), st.integers(1, 60))
def test_shortened_text_is_printable_encodes_and_is_the_text_itself_where_that_is_so(
    text: str, max_chars: int
) -> None:
    told = shortened(text, max_chars)
    assert told.isprintable()
    told.encode()
    if text.isprintable() and len(text) <= max_chars:
        assert told == text


def test_a_thousand_partitions_make_a_page_of_a_few_megabytes_in_little_memory() -> None:
    size, peak = _written(lambda number: number % 100 == 0)
    assert size < 6_000_000
    assert peak < 6_000_000


def test_a_run_that_went_wrong_everywhere_has_a_page_that_can_be_opened() -> None:
    size, peak = _written(lambda number: True)
    assert size < 10_000_000
    assert peak < 6_000_000


def _written(is_bad: Any) -> tuple[int, int]:
    """(bytes of the page, most memory it took) of 1,000 partitions with 15 expectations."""
    bad = verdict(
        *(between(f"column_{i}", *HOSTILE[:1], *range(-20, 0), severity="warning") for i in range(15))
    )
    good = verdict(*(between(f"column_{i}") for i in range(15)))
    attempts = [attempt(number, "bad" if is_bad(number) else "good") for number in range(1000)]
    with traced_memory() as memory:
        page = run_page(run_record(), attempts, {"bad": bad, "good": good}.__getitem__)
        size = sum(len(piece) for piece in page)
        return size, memory.peak_bytes
