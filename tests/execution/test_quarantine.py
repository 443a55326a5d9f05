"""on_fail: quarantine: rows that break a rule are set aside with their rules; all rows are accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_scorer.core.comparison import contradictions
from batch_scorer.ledger.manifests import from_bytes
from tests import taxi
from tests.conftest import TaxiProject
from tests.execution.dirty import (
    FARE,
    FARE_RULE,
    PAID,
    ROW_RULES,
    add_dirty,
    aside_file,
    broken,
    expectation,
    manifest,
    quarantined,
    read_day,
    rules_by_ride,
    soil,
    write_suite,
)

pytestmark = pytest.mark.usefixtures("shared_judge")


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_rows_that_break_a_rule_are_set_aside_with_their_rules_and_the_others_scored(
    make_dirty: Callable[..., TaxiProject], cluster: str
) -> None:
    project = make_dirty()
    rides = read_day(project)
    expected = rules_by_ride(rides)
    assert {len(rules) for rules in expected.values()} >= {1, 2}

    result = project.cli("run", "taxi_tips", "-v", "--cluster", cluster)

    assert result.code == 0, result.stderr
    n = len(expected)
    assert f"2024-01-01 OK       600 read = {600 - n} scored + {n} quarantined + 0 dropped" in result.stderr
    assert "warning" not in result.stderr
    aside, published = quarantined(project), project.published(0)
    assert {
        int(ride): list(rules) for ride, rules in zip(aside.ride_id, aside._rules, strict=True)
    } == expected
    assert sorted([*aside.ride_id, *published.ride_id]) == rides.ride_id.tolist()
    there = rides.set_index("ride_id").loc[aside.ride_id]
    assert aside._file.tolist() == there._file.tolist()
    assert aside._row.tolist() == there._row.tolist()
    clean = rides.set_index("ride_id").loc[published.ride_id]
    scores = taxi.fitted("linear").predict_proba(clean[taxi.FEATURES])[:, 1]
    assert np.allclose(published.score, scores, 1e-12, 0)
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    assert set(aside._run_id) == {run_id}


def test_quarantined_rows_keep_the_columns_that_were_read_as_they_are_for_any_reader(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    aside = quarantined(project).drop(columns=["_rules"])
    rides = read_day(project)
    same = [name for name in aside.columns if name != "_run_id"]
    assert {*taxi.FEATURES, "ride_id", "_file", "_row"} == set(same)
    expected = rides.set_index("ride_id", drop=False).loc[aside.ride_id, same].reset_index(drop=True)
    pd.testing.assert_frame_equal(aside[same], expected)
    files = str(project.state / "quarantine" / "taxi_tips" / "*" / "*" / "*.parquet")
    rules = f"SELECT unnest(_rules) AS rule FROM read_parquet('{files}')"
    with duckdb.connect() as reader:
        found = reader.execute(f"SELECT rule, count(*) FROM ({rules}) GROUP BY rule").fetchall()
    assert dict(found) == {rule: int(mask.sum()) for rule, mask in broken(rides).items()}


def test_the_manifest_lists_the_quarantine_and_how_many_rows_each_rule_set_aside(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    written, rides = manifest(project), read_day(project)
    masks = broken(rides)
    n_aside = int(np.logical_or.reduce([mask.to_numpy() for mask in masks.values()]).sum())
    assert written["rows"] == {
        "n_read": 600, "n_scored": 600 - n_aside, "n_quarantined": n_aside, "n_dropped": 0,
    }  # fmt: skip
    assert sum(file["n_rows"] for file in written["quarantine"]) == n_aside
    (verdict,) = written["verdicts"]
    assert (verdict["success"], verdict["on_fail"]) == (False, "quarantine")
    assert verdict["set_aside"] == {
        "n_rows": n_aside,
        "by_rule": {rule.removeprefix("rides_input: "): int(mask.sum()) for rule, mask in masks.items()},
    }
    assert written["waivers"] == []


def test_a_clean_partition_has_no_quarantine(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0)
    result = project.cli("run", "taxi_tips", "-v", "--error-on", "quarantine")
    assert result.code == 0, result.stderr
    assert "OK       600 scored" in result.stderr
    assert manifest(project)["quarantine"] == []
    assert not (project.state / "quarantine").exists()


def test_a_row_that_where_or_the_limit_drops_is_dropped_and_never_quarantined(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(input={"where": "fare >= 0", "limit_rows": 450})
    rides = read_day(project)
    result = project.cli("run", "taxi_tips", "-v")
    assert result.code == 0, result.stderr
    first = rides[:450]
    kept = first[first.fare >= 0]
    expected = rules_by_ride(kept)
    assert expected
    n = len(expected)
    assert f"600 read = {len(kept) - n} scored + {n} quarantined + {600 - len(kept)} dropped" in result.stderr
    aside = quarantined(project)
    assert {
        int(ride): list(rules) for ride, rules in zip(aside.ride_id, aside._rules, strict=True)
    } == expected
    assert project.cli("verify", "taxi_tips", "--deep", "--rescore", "600").code == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1_000),
    share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    where=st.sampled_from([None, "fare >= 0", "trip_miles > 2 and company is not null", "fare > 1000"]),
    limit=st.sampled_from([None, 1, 199, 200, 201, 400, 10_000]),
    chunk=st.sampled_from(["1kB", "20kB", "64MB"]),
)
def test_rows_read_are_scored_quarantined_or_dropped_whatever_the_dirt_and_the_cut(
    promised: TaxiProject, seed: int, share: float, where: str | None, limit: int | None, chunk: str
) -> None:
    changes = {"where": where, "limit_rows": limit}
    use = {"suite": "rides_input", "on_fail": "quarantine"}
    document = taxi.job_document(
        input={name: value for name, value in changes.items() if value is not None},
        validate={"input": [use]},
        compute={"chunk": chunk},
    )
    taxi.write_job(promised.root, document)
    frame = soil(taxi.rides(450, seed=seed), seed=seed, share=share)
    taxi.write_day(promised.lake, taxi.days(1)[0], frame)
    result = promised.cli("--json", "run", "taxi_tips", "--reprocess", "all", "--cluster", "inline")
    assert result.code == 0, result.stderr
    done = next(line for line in result.lines if line["message_type"] == "partition_done")

    within = frame[: limit or len(frame)]
    kept = within if where is None else within.query(where.replace("company is not null", "company.notna()"))
    bad = set(rules_by_ride(kept))
    assert done["rows"] == {
        "read": 450, "scored": len(kept) - len(bad), "quarantined": len(bad), "dropped": 450 - len(kept),
    }  # fmt: skip
    number = done["generation"]
    assert set(quarantined(promised, generation=number).ride_id) == bad
    assert set(promised.published(0).ride_id) == set(kept.ride_id) - bad


@pytest.fixture
def promised(make_dirty: Callable[..., TaxiProject]) -> TaxiProject:
    return make_dirty(n_days=0)


def test_a_day_of_which_every_row_is_set_aside_is_published_empty_with_a_warning(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(n_days=0)
    add_dirty(project, share=1.0)
    result = project.cli("run", "taxi_tips", "-v")
    assert result.code == 0, result.stderr
    assert "600 read = 0 scored + 600 quarantined + 0 dropped" in result.stderr
    assert "all 600 rows were quarantined or dropped by input.where: an empty partition" in result.stderr
    assert len(quarantined(project)) == 600
    assert len(project.published(0)) == 0


def test_too_many_rows_set_aside_block_the_partition_and_the_old_predictions_stay(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty("1%", n_days=0)
    project.add_day(0)
    assert project.cli("run", "taxi_tips").code == 0
    before = project.snapshot()
    frame = taxi.rides(600, seed=0)
    frame.loc[[88, 140, *range(200, 246)], "fare"] = -1.0
    taxi.write_day(project.lake, taxi.days(1)[0], frame)
    result = project.cli("run", "taxi_tips")
    assert result.code == 4, result.stderr
    assert (
        "BLOCKED  rides_input: fare between 0 and 500 fails for 8 % (limit 1 %), "
        "e.g. ride_id 88, 140; old predictions untouched" in result.stderr
    )
    assert project.snapshot() == before
    assert not list((project.state / "quarantine").rglob("*.parquet"))
    assert not list((project.state / "staging").rglob("*.parquet"))


@pytest.mark.parametrize(("n_dirty", "code"), [(6, 0), (7, 4)])
def test_a_rate_that_is_just_reached_does_not_block(
    make_dirty: Callable[..., TaxiProject], n_dirty: int, code: int
) -> None:
    project = make_dirty("1%", n_days=0)
    frame = taxi.rides(600, seed=0)
    frame.loc[range(n_dirty), "fare"] = -1.0
    taxi.write_day(project.lake, taxi.days(1)[0], frame)
    assert project.cli("run", "taxi_tips").code == code


def test_what_sets_no_row_aside_blocks_a_quarantine_suite_when_it_fails_critically(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    mostly = expectation("expect_column_values_to_not_be_null", column="company", mostly=0.99)
    write_suite(project, *ROW_RULES, mostly)
    result = project.cli("run", "taxi_tips")
    assert result.code == 4, result.stderr
    assert "rides_input: company not null fails for" in result.stderr
    write_suite(project, *ROW_RULES, {**mostly, "severity": "warning"})
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    assert "warning: 2024-01-01: rides_input: company not null fails for" in result.stderr


def test_the_same_rule_with_mostly_and_without_are_two_rules(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty()
    write_suite(project, FARE_RULE, {**FARE_RULE, "kwargs": {**FARE_RULE["kwargs"], "mostly": 0.999}})
    result = project.cli("run", "taxi_tips")
    assert result.code == 4, result.stderr
    assert "(limit 0.1 %)" in result.stderr


def test_a_uniqueness_rule_of_a_quarantine_suite_blocks(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty()
    write_suite(project, expectation("expect_column_values_to_be_unique", column="trip_start_hour"))
    result = project.cli("run", "taxi_tips")
    assert result.code == 4, result.stderr
    assert "trip_start_hour unique fails" in result.stderr


def test_a_row_rule_that_only_gx_can_evaluate_sets_nothing_aside_and_blocks(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0, odd=[[1, 2]] * 600)  # a list column: GX's own reading only
    write_suite(
        project, FARE_RULE, expectation("expect_column_values_to_be_in_set", column="odd", value_set=[1])
    )
    result = project.cli("run", "taxi_tips")
    assert result.code == 4, result.stderr
    assert not quarantined(project).size


def test_a_row_without_its_key_or_with_a_number_the_model_cannot_take_can_be_set_aside(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(n_days=0)
    frame = taxi.rides(600, seed=0).astype({"ride_id": "Int64", "trip_start_hour": "float64"})
    frame.loc[7, "ride_id"] = pd.NA
    frame.loc[9, "trip_start_hour"] = 12.5
    taxi.write_day(project.lake, taxi.days(1)[0], frame)
    assert project.cli("run", "taxi_tips").code == 1
    hours = expectation(
        "expect_column_values_to_be_in_set", column="trip_start_hour", value_set=list(range(24))
    )
    write_suite(project, expectation("expect_column_values_to_not_be_null", column="ride_id"), hours)
    result = project.cli("run", "taxi_tips", "-v")
    assert result.code == 0, result.stderr
    assert "600 read = 598 scored + 2 quarantined + 0 dropped" in result.stderr
    assert quarantined(project)["_row"].tolist() == [7, 9]
    assert project.cli("verify", "taxi_tips", "--deep", "--rescore", "600").code == 0


def test_error_on_quarantine_is_exit_1_and_publishes_all_the_same(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips", "--error-on", "quarantine").code == 1
    assert len(project.published(0)) + len(quarantined(project)) == 600
    assert project.cli("run", "taxi_tips", "--error-on", "quarantine").code == 0


def test_two_suites_name_all_the_rules_that_a_row_breaks_and_have_a_rate_each(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    uses = [
        {"suite": "rides_input", "on_fail": "quarantine", "max_quarantined_rate": "50%"},
        {"suite": "payments", "on_fail": "quarantine"},
    ]
    project = make_dirty(validate={"input": uses})
    write_suite(project, FARE_RULE)
    write_suite(project, ROW_RULES[2], name="payments")
    assert project.cli("run", "taxi_tips").code == 0
    masks = broken(read_day(project))
    both = int((masks[FARE] & masks[PAID]).sum())
    assert both
    aside = quarantined(project)
    assert (
        sum(list(rules) == [FARE, PAID.replace("rides_input", "payments")] for rules in aside._rules) == both
    )
    first, second = (verdict["set_aside"]["n_rows"] for verdict in manifest(project)["verdicts"])
    assert (first, second) == (masks[FARE].sum(), masks[PAID].sum())
    assert manifest(project)["rows"]["n_quarantined"] == first + second - both


def test_input_columns_that_are_called_like_ours_are_renamed(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0, _row=7.0, fare=-1.0)
    write_suite(
        project, FARE_RULE, expectation("expect_column_values_to_be_between", column="_row", min_value=1)
    )
    assert project.cli("run", "taxi_tips").code == 0
    aside = quarantined(project)
    assert set(aside["_row_"]) == {7.0}
    assert aside["_row"].tolist()[:2] == [0, 1]


def test_verify_finds_quarantined_rows_that_are_gone_cut_or_edited(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    assert project.cli("verify", "taxi_tips", "--deep").code == 0
    path = aside_file(project)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1 :])
    assert project.cli("verify", "taxi_tips").code == 0
    deep = project.cli("verify", "taxi_tips", "--deep")
    assert (deep.code, "HASH DIFFERS" in deep.stdout) == (6, True)
    path.write_bytes(good[:-1])
    cut = project.cli("verify", "taxi_tips")
    assert (cut.code, "SIZE DIFFERS" in cut.stdout) == (6, True)
    path.unlink()
    gone = project.cli("verify", "taxi_tips")
    assert (gone.code, "a file with quarantined rows is gone" in gone.stdout) == (6, True)


def test_a_manifest_from_before_there_was_a_quarantine_still_reads(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0)
    assert project.cli("run", "taxi_tips").code == 0
    document = manifest(project)
    del document["quarantine"], document["waivers"]
    old = from_bytes(json.dumps(document).encode())
    assert (old.quarantine, old.waivers, contradictions(old)) == ((), (), ())
    document["rows"] |= {"n_quarantined": 1, "n_read": 601}
    assert contradictions(from_bytes(json.dumps(document).encode())) == (
        "the rows of its quarantine are not the rows it set aside",
    )


def test_kept_generations_keep_their_quarantine_and_others_lose_it(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(output={"keep_generations": 1})
    root = project.state / "quarantine" / "taxi_tips" / "ride_date=2024-01-01"
    for seed in range(3):
        add_dirty(project, n_rows=600 + seed)
        assert project.cli("run", "taxi_tips").code == 0
    assert sorted(path.name for path in root.iterdir()) == ["2", "3"]
    assert project.cli("gc", "--older-than", "0s").code == 0
    assert sorted(path.name for path in root.iterdir()) == ["3"]


def test_a_rollback_brings_the_quarantine_of_the_generation_along(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty(output={"keep_generations": 2})
    assert project.cli("run", "taxi_tips").code == 0
    first = quarantined(project)
    add_dirty(project, n_rows=700)
    assert project.cli("run", "taxi_tips").code == 0
    assert project.cli("rollback", "taxi_tips", "--partition", "2024-01-01").code == 0
    pd.testing.assert_frame_equal(quarantined(project, generation=3), first)
    assert project.cli("verify", "taxi_tips", "--deep").code == 0
    assert manifest(project, generation=3)["restores"] == 1


def test_gc_removes_rows_of_generations_that_were_never_published(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    kept = aside_file(project)
    for name in ("ride_date=2024-01-01/2", "ride_date=2024-02-02/1"):
        left = project.state / "quarantine" / "taxi_tips" / name
        left.mkdir(parents=True)
        (left / "rows-00000-x.parquet").write_bytes(b"junk")
    told = project.cli("--json", "gc", "--older-than", "0s", "--dry-run")
    assert [(g["kind"], g["name"]) for g in told.lines[:-1] if g["kind"] != "log"] == [
        ("quarantine", "generation 2"), ("quarantine", "generation 1"),
    ]  # fmt: skip
    assert project.cli("gc", "--older-than", "0s").code == 0
    assert [
        path for path in (project.state / "quarantine").rglob("*.parquet") if path.parent != kept.parent
    ] == []
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_a_table_column_of_dictionaries_is_plain_in_the_quarantine(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    schema = pq.read_schema(aside_file(project))
    assert schema.field("payment_type").type == pa.string()
    assert schema.field("_rules").type == pa.list_(pa.field("element", pa.string()))


EVERY_ROW_RULE = [
    expectation("expect_column_values_to_not_be_null", column="company"),
    expectation("expect_column_values_to_be_null", column="company"),
    expectation("expect_column_values_to_be_between", column="fare", min_value=5.5, strict_min=True),
    expectation("expect_column_values_to_be_between", column="started_at", min_value="2024-01-01T12:00:00"),
    expectation("expect_column_values_to_be_in_set", column="trip_start_hour", value_set=[1, 2, 3.0]),
    expectation("expect_column_values_to_not_be_in_set", column="payment_type", value_set=["Cash"]),
    expectation("expect_column_value_lengths_to_equal", column="payment_type", value=4),
    expectation("expect_column_value_lengths_to_be_between", column="payment_type", max_value=4),
    expectation("expect_column_values_to_match_regex", column="payment_type", regex="^C"),
    expectation("expect_column_values_to_not_match_regex", column="payment_type", regex="d$"),
    expectation("expect_column_values_to_match_regex_list", column="company", regex_list=["^B", "b$"]),
    expectation("expect_column_values_to_not_match_regex_list", column="company", regex_list=["^B"]),
    expectation(
        "expect_column_values_to_match_strftime_format", column="company", strftime_format="%Y"
    ),
    expectation("expect_column_values_to_be_dateutil_parseable", column="company"),
    expectation("expect_column_values_to_be_json_parseable", column="company"),
    expectation("expect_column_pair_values_to_be_equal", column_A="fare", column_B="trip_miles"),
    expectation(
        "expect_column_pair_values_a_to_be_greater_than_b", column_A="trip_miles", column_B="fare",
        or_equal=True,
    ),
    expectation(
        "expect_column_pair_values_to_be_in_set",
        column_A="trip_start_hour",
        column_B="trip_start_day",
        value_pairs_set=[[1, 2], [3, 4]],
    ),
    expectation("expect_multicolumn_sum_to_equal", column_list=["fare", "trip_miles"], sum_total=20),
    expectation(
        "expect_select_column_values_to_be_unique_within_record",
        column_list=["trip_start_hour", "trip_start_day"],
    ),
    expectation(
        "expect_column_values_to_be_between", column="fare", max_value=10.0,
        row_condition={
            "type": "comparison", "column": {"name": "trip_miles"}, "operator": "<", "parameter": 3,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("rule", EVERY_ROW_RULE, ids=[str(i) for i in range(len(EVERY_ROW_RULE))])
def test_every_kind_of_row_rule_sets_aside_exactly_the_rows_that_gx_finds(
    make_dirty: Callable[..., TaxiProject], rule: dict[str, Any]
) -> None:
    project = make_dirty(n_days=0)
    project.add_day(0)
    write_suite(project, rule)
    result = project.cli("run", "taxi_tips")
    assert result.code == 0, result.stderr
    (verdict,) = manifest(project)["verdicts"]
    stored = json.loads((project.state / verdict["file"]).read_text())
    (answer,) = stored["results"]
    assert not answer["success"]
    assert verdict["set_aside"]["n_rows"] == answer["result"]["unexpected_count"] > 0
    assert list(verdict["set_aside"]["by_rule"].values()) == [verdict["set_aside"]["n_rows"]]
    assert manifest(project)["rows"]["n_quarantined"] == verdict["set_aside"]["n_rows"]


def test_a_job_on_a_delta_table_has_the_same_quarantine(make_dirty: Callable[..., TaxiProject]) -> None:
    project = make_dirty(output={"format": "delta", "keep_generations": 0})
    for n_rows in (600, 640):
        frame = add_dirty(project, n_rows=n_rows)
        result = project.cli("run", "taxi_tips")
        assert result.code == 0, result.stderr
    assert set(quarantined(project, generation=2).ride_id) == set(rules_by_ride(frame))
    assert quarantined(project, generation=1).empty
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


def test_the_page_of_a_run_with_quarantined_rows_can_be_written(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    project = make_dirty()
    assert project.cli("run", "taxi_tips").code == 0
    n_aside = len(quarantined(project))
    page = project.cli("suites", "docs", "last", "-o", "-")
    assert page.code == 0, page.stderr
    assert f"{600 - n_aside} scored + {n_aside} quarantined + 0 dropped" in page.stdout


def test_a_partition_that_another_suite_blocks_early_tells_no_count_of_half_its_rows(
    make_dirty: Callable[..., TaxiProject],
) -> None:
    uses = [{"suite": "rides_input", "on_fail": "quarantine"}, {"suite": "whole", "on_fail": "block"}]
    project = make_dirty(validate={"input": uses})
    write_suite(project, expectation("expect_column_values_to_not_be_null", column="company"), name="whole")
    assert project.cli("run", "taxi_tips", "--cluster", "inline").code == 4
    (attempt,) = [
        line for line in project.cli("--json", "show", "last").lines if line["message_type"] == "attempt"
    ]
    assert attempt["rows"] is None
    assert all("set_aside" not in verdict for verdict in attempt["verdicts"])
    assert project.cli("quarantine", "list", "taxi_tips").stdout == ""
