"""quarantine list, show, release: who let which rows through, for which input, and what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.conftest import TaxiProject
from tests.execution.dirty import (
    FARE,
    MILES,
    PAID,
    RULES,
    add_dirty,
    broken,
    manifest,
    quarantined,
    read_day,
    rules_by_ride,
)

DAY = "taxi_tips/2024-01-01"

pytestmark = pytest.mark.usefixtures("shared_judge")


@pytest.fixture
def ran(make_dirty: Callable[..., TaxiProject]) -> TaxiProject:
    """A dirty day that was scored without the rows that break a rule."""
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    return project


def counts(project: TaxiProject) -> dict[str, int]:
    return {rule: int(mask.sum()) for rule, mask in broken(read_day(project)).items()}


def plan(project: TaxiProject) -> tuple[str, str]:
    """(action, why) of the first day."""
    line = project.cli("--json", "plan", "taxi_tips").lines[0]
    return line["action"], "; ".join(reason["text"] for reason in line["reasons"])


def test_the_list_tells_rows_and_rules_of_each_partition(ran: TaxiProject) -> None:
    told = ran.cli("--json", "quarantine", "list")
    assert told.code == 0, told.stderr
    first, summary = told.lines
    assert first["by_rule"] == counts(ran)
    n_rows = len(rules_by_ride(read_day(ran)))
    assert (first["partition"], first["generation"], first["n_rows"]) == ("ride_date=2024-01-01", 1, n_rows)
    assert (summary["n_generations"], summary["n_rows"]) == (1, n_rows)
    text = ran.cli("quarantine", "list", "taxi_tips").stdout
    assert f"taxi_tips/ride_date=2024-01-01: {n_rows} of 600 rows (generation 1)" in text
    assert FARE in text


def test_shown_rows_have_their_key_rules_file_and_place(ran: TaxiProject) -> None:
    expected = rules_by_ride(read_day(ran))
    *rows, summary = ran.cli("--json", "quarantine", "show", DAY, "--limit", "1000").lines
    assert {row["key"]["ride_id"]: row["rules"] for row in rows} == expected
    assert (summary["n_rows"], summary["n_shown"]) == (len(expected), len(expected))
    there = read_day(ran).set_index("ride_id")
    for row in rows:
        ride = there.loc[row["key"]["ride_id"]]
        assert (row["file"], row["row"], row["values"]["fare"]) == (ride._file, ride._row, ride.fare)
    by_run = ran.cli("--json", "quarantine", "show", "last", "--limit", "1000").lines
    assert by_run[:-1] == rows


def test_rows_are_shown_by_rule_and_no_more_than_asked_for(ran: TaxiProject) -> None:
    n_fares = counts(ran)[FARE]
    shown = ran.cli("quarantine", "show", DAY, "--rule", "fare between 0 and 500", "--limit", "3")
    assert shown.code == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == 3
    assert all(FARE in line for line in shown.stdout.splitlines())
    assert f"3 of {n_fares} rows" in shown.stderr
    wrong = ran.cli("quarantine", "show", DAY, "--rule", "fare between 0 and 50")
    assert wrong.code == 2
    assert 'did you mean "fare between 0 and 500"?' in wrong.stderr


def test_a_release_scores_the_whole_partition_anew_and_says_who_and_why(ran: TaxiProject) -> None:
    done = ran.cli("quarantine", "release", DAY, "--reason", "shells are money now")
    assert done.code == 0, done.stderr
    assert plan(ran) == ("SCORE", "released from quarantine: shells are money now")
    again = ran.cli("run", "taxi_tips", "-v")
    assert again.code == 0, again.stderr
    assert "WARN     600 scored" in again.stderr
    assert "payment_type in [Cash, Credit Card, No Charge, Unknown] fails for" in again.stderr
    assert "; waived: shells are money now" in again.stderr
    assert len(ran.published(0)) == 600
    written = manifest(ran, generation=2)
    assert written["rows"]["n_quarantined"] == 0
    assert written["quarantine"] == []
    (waiver,) = written["waivers"]
    assert (waiver["why"], set(waiver["rules"])) == ("shells are money now", set(RULES))
    assert not written["verdicts"][0]["success"]
    for told in (ran.cli("show", DAY), ran.cli("audit", "taxi_tips", "--partition", "2024-01-01")):
        assert "waived     " in told.stdout
        assert "shells are money now" in told.stdout
    (audit, _) = ran.cli("--json", "audit", "taxi_tips", "--partition", "2024-01-01").lines
    assert audit["waivers"][0]["why"] == "shells are money now"
    assert plan(ran)[0] == "SKIP"
    assert ran.cli("verify", "taxi_tips", "--deep", "--rescore", "600").code == 0


def test_one_rule_can_be_released_and_the_others_still_set_rows_aside(ran: TaxiProject) -> None:
    done = ran.cli("quarantine", "release", DAY, "--rule", PAID, "--reason", "shells")
    assert done.code == 0, done.stderr
    assert ran.cli("run", "taxi_tips").code == 0
    aside, masks = quarantined(ran, generation=2), broken(read_day(ran))
    assert len(aside) == int((masks[FARE] | masks[MILES]).sum())
    assert PAID not in {rule for rules in aside._rules for rule in rules}
    assert (
        ran.cli("quarantine", "release", DAY, "--rule", "fare between 0 and 500", "--reason", "too").code == 0
    )
    assert ran.cli("run", "taxi_tips").code == 0
    assert len(quarantined(ran, generation=3)) == int(masks[MILES].sum())
    assert [waiver["why"] for waiver in manifest(ran, generation=3)["waivers"]] == ["shells", "too"]


def test_releasing_twice_is_told_and_changes_nothing(ran: TaxiProject) -> None:
    release = ("quarantine", "release", DAY, "--reason")
    assert ran.cli(*release, "first").code == 0
    twice = ran.cli(*release, "second")
    assert twice.code == 0
    assert "released before by" in twice.stdout
    assert "first" in twice.stdout
    assert ran.cli("run", "taxi_tips").code == 0
    third = ran.cli("--json", *release, "third")
    assert third.lines[-1]["n_released"] == 0
    assert third.lines[0]["before"][0]["why"] == "first"
    assert ran.cli("run", "taxi_tips", "-v").stderr.strip() == "nothing to do"


def test_a_dry_run_says_what_and_changes_nothing(ran: TaxiProject) -> None:
    told = ran.cli("quarantine", "release", DAY, "--reason", "x", "--dry-run")
    assert told.code == 0, told.stderr
    assert f"would be released, {counts(ran)[FARE]} rows that break {FARE}" in told.stdout
    assert plan(ran)[0] == "SKIP"


def test_a_rule_that_set_nothing_aside_is_refused_with_the_nearest(ran: TaxiProject) -> None:
    wrong = ran.cli("quarantine", "release", DAY, "--rule", "trip_mile not null", "--reason", "x")
    assert wrong.code == 2
    assert 'did you mean "trip_miles not null"?' in wrong.stderr


def test_what_is_not_in_quarantine_cannot_be_released(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0)
    assert project.cli("run", "taxi_tips").code == 0
    refused = project.cli("quarantine", "release", DAY, "--reason", "x")
    assert (refused.code, "no row of ride_date=2024-01-01 is in quarantine" in refused.stderr) == (2, True)
    refused = project.cli("quarantine", "release", "last", "--reason", "x")
    assert (refused.code, "has no rows in quarantine" in refused.stderr) == (2, True)
    assert project.cli("quarantine", "release", "taxi_tips/1999-01-01", "--reason", "x").code == 2
    assert project.cli("quarantine", "list", "taxi_tips").stdout == ""


def test_other_input_is_judged_by_every_rule_again(ran: TaxiProject) -> None:
    assert ran.cli("quarantine", "release", DAY, "--reason", "x").code == 0
    assert ran.cli("run", "taxi_tips").code == 0
    frame = add_dirty(ran, n_rows=640)
    result = ran.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert set(quarantined(ran, generation=3).ride_id) == set(rules_by_ride(frame))
    assert manifest(ran, generation=3)["waivers"] == []


def test_input_that_changed_before_the_release_is_refused_and_after_it_not_waived(ran: TaxiProject) -> None:
    kept = ran.root / "kept"
    shutil.copytree(ran.day(0), kept)
    add_dirty(ran, n_rows=640)
    refused = ran.cli("quarantine", "release", DAY, "--reason", "x")
    assert (refused.code, "has changed since its rows were set aside" in refused.stderr) == (2, True)
    shutil.rmtree(ran.day(0))
    shutil.copytree(kept, ran.day(0))  # other inodes and times, the same content
    assert ran.cli("quarantine", "release", DAY, "--reason", "same content").code == 0
    assert plan(ran) == ("SCORE", "released from quarantine: same content")
    add_dirty(ran, n_rows=640)
    assert plan(ran) == ("SCORE", "stale: input changed")


def test_a_waiver_outlives_a_new_score_of_the_same_input(ran: TaxiProject) -> None:
    assert ran.cli("quarantine", "release", DAY, "--reason", "x").code == 0
    assert ran.cli("run", "taxi_tips").code == 0
    assert ran.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    written = manifest(ran, generation=3)
    assert (written["rows"]["n_quarantined"], len(written["waivers"])) == (0, 1)


def test_a_release_lifts_the_block_by_the_rate_and_nothing_else(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty("1%", schedule={"catchup": {"give_up_after": 1}})
    assert project.cli("run", "taxi_tips").code == 4
    assert plan(project)[0] == "GAVE_UP"
    (listed, _) = project.cli("--json", "quarantine", "list").lines
    assert (listed["generation"], listed["by_rule"]) == (None, counts(project))
    done = project.cli("quarantine", "release", "last", "--rule", MILES, "--reason", "gauge was broken")
    assert done.code == 0, done.stderr
    assert plan(project) == ("SCORE", "released from quarantine: gauge was broken")
    assert project.cli("run", "taxi_tips").code == 4  # fares and payments are still too many
    assert plan(project)[0] == "GAVE_UP"
    done = project.cli("quarantine", "release", DAY, "--reason", "all of it")
    assert done.code == 0, done.stderr
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert len(project.published(0)) == 600
    assert len(manifest(project)["waivers"]) == 2


def test_a_run_is_released_where_nothing_was_scored_since(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty(n_days=2)
    assert project.cli("run", "taxi_tips").code == 0
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    add_dirty(project, index=1, n_rows=610)
    assert project.cli("run", "taxi_tips").code == 0
    done = project.cli("--json", "quarantine", "release", run_id, "--reason", "x")
    assert done.code == 0, done.stderr
    assert [line["partition"] for line in done.lines if line["message_type"] == "released"] == [
        "ride_date=2024-01-01"
    ]
    assert "ride_date=2024-01-02 was scored again since, and was left out" in done.stderr


def test_a_pinned_partition_is_not_released(ran: TaxiProject) -> None:
    assert ran.cli("run", "taxi_tips", "--reprocess", "all", "--model", "taxi_tips@1").code == 0
    refused = ran.cli("quarantine", "release", DAY, "--reason", "x")
    assert (refused.code, "is pinned" in refused.stderr) == (2, True)


def test_chunks_staged_before_a_release_are_not_gone_on_with(
    make_dirty: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    from batch_scorer.core.errors import StoreUnavailable
    from batch_scorer.execution.publishing import publish

    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the ledger is away")

    with monkeypatch.context() as broken_off:
        broken_off.setattr(publish, "check_input_unmoved", away)
        assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 69
    assert list((project.state / "staging").rglob("quarantine/*.parquet"))
    assert project.cli("quarantine", "release", DAY, "--reason", "x").code == 0
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert len(project.published(0)) == 600


def test_a_run_goes_on_with_chunks_and_their_quarantined_rows(
    make_dirty: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    from batch_scorer.core.errors import StoreUnavailable
    from batch_scorer.execution.publishing import publish

    project = make_dirty()

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the ledger is away")

    with monkeypatch.context() as broken_off:
        broken_off.setattr(publish, "check_input_unmoved", away)
        assert project.cli("run", "taxi_tips").code == 69
    staged = sorted((project.state / "staging").rglob("quarantine/*.parquet"))
    names = [path.name for path in staged]
    damaged = staged[0].read_bytes()
    staged[0].write_bytes(damaged[:100] + b"?" + damaged[101:])
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    kept = {file["name"] for file in manifest(project)["quarantine"]}
    assert kept & set(names) == set(names[1:])
    assert len(kept) == len(names)
    assert set(quarantined(project).ride_id) == set(rules_by_ride(read_day(project)))
    assert project.cli("verify", "taxi_tips", "--deep").code == 0
    (attempt,) = [
        line for line in project.cli("--json", "show", "last").lines if line["message_type"] == "attempt"
    ]
    assert any("went on where an earlier run stopped" in reason for reason in attempt["reasons"])


def test_a_rebuilt_ledger_knows_the_waivers_that_something_was_scored_with(ran: TaxiProject) -> None:
    assert ran.cli("quarantine", "release", DAY, "--reason", "x").code == 0
    assert ran.cli("run", "taxi_tips").code == 0
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (ran.state / name).unlink(missing_ok=True)
    rebuilt = ran.cli("ledger", "rebuild", "taxi_tips")
    assert rebuilt.code == 0, rebuilt.stderr
    assert plan(ran)[0] == "SKIP"
    assert ran.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    assert manifest(ran, generation=3)["rows"]["n_quarantined"] == 0


def test_validate_config_lists_what_sets_rows_aside_and_what_blocks(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    from tests.execution.dirty import FARE_RULE, expectation, write_suite

    project = make_dirty()
    some = expectation("expect_column_values_to_not_be_null", column="company", mostly=0.5)
    whole = {**expectation("expect_table_row_count_to_be_between", min_value=1), "severity": "warning"}
    write_suite(project, FARE_RULE, some, whole)
    told = project.cli("--json", "validate-config")
    assert told.code == 0, told.stderr
    assert [
        (line["rule"], line["does"]) for line in told.lines if line["message_type"] == "quarantine_rule"
    ] == [
        ("fare between 0 and 500", "sets rows aside"),
        ("company not null", "blocks"),
        ("row count at least 1", "warns"),
    ]
    assert "rides_input: fare between 0 and 500: sets rows aside" in project.cli("validate-config").stderr
