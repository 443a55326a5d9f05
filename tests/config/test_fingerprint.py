"""The config fingerprint moves when rows or values could, and never otherwise."""

from __future__ import annotations

import hashlib

import pytest

from batch_scorer.config.fingerprint import _canonical, config_fingerprint
from batch_scorer.core.expressions.parser import parse_expression
from tests.config.conftest import Jobs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("key: [ride_id]", "key: [other_id]"),
        ('where: "fare > 0"', 'where: "fare >= 0"'),
        ('where: "fare > 0"', 'where: "fare > 0.0"'),
        ('where: "fare > 0"', ""),
        ("columns: auto", "limit_rows: 10"),
        ("suite: rides_input", "suite: predictions"),
        ("on_fail: warn", "on_fail: block"),
        ("min_rows: 1000", "min_rows: 999"),
        ("against: 28d", "against: 14d"),
        ("tolerance: 40%", "tolerance: 30%"),
        ("tolerance: 40%", ""),
        (", against: 28d, tolerance: 40%", ""),
        ("float64 = proba[1]", "float32 = proba[1]"),
        ("float64 = proba[1]", "float64 = proba[0]"),
        ("big_tip_score:", "score:"),
        ("method: predict_proba\n  output: {", "method: predict\n  output: {p: int64 = prediction} #"),
        ("keep_columns: [ride_id, started_at]", "keep_columns: [company]"),
    ],
)
def test_a_key_that_changes_rows_or_values_changes_it(jobs: Jobs, old: str, new: str) -> None:
    before = config_fingerprint(jobs.load().job)
    jobs.change(old, new)
    assert config_fingerprint(jobs.load().job) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("description: Which", "description: What"),
        ("team: earnings", "team: other"),
        ("registry: data/models", "registry: /mnt/models"),
        ("code: [src]", "code: []"),
        ("lookback: 3d", "lookback: 4d"),
        ("timezone: America/Chicago", "timezone: Etc/UTC"),
        ("max_partitions: 7, ", ""),
        ("path: ${LAKE:-data/lake}/rides", "path: /elsewhere/rides"),
        ("path: ${LAKE:-data}/predictions", "path: /elsewhere/predictions"),
        ("state: ${LAKE:-data}/state", "state: /elsewhere/state"),
        ("marker: _SUCCESS, ", ""),
        ("uri: taxi_tips@champion", "uri: taxi_tips@7"),
        ("chunk: 64MB", "chunk: 1MB"),
        ("file_size: 128MB", "file_size: 1MB"),
        ("keep_generations: 3", "keep_generations: 9"),
        ("success_marker: false", "success_marker: true"),
        ("keep_columns: [ride_id, started_at]", "keep_columns: [started_at]"),
        ("max_error_rows: 0", ""),
        ("trust: pinned", ""),
        ('where: "fare > 0"', 'where: "(fare)>0"'),
        ("float64 = proba[1]", "float64=proba[ 1 ]"),
        ("on_fail: block}\n    - ", "}\n    - "),
        ("name: taxi_tips", "name: ${NAME:-taxi_tips}"),
    ],
)
def test_anything_else_leaves_it_alone(jobs: Jobs, old: str, new: str) -> None:
    before = config_fingerprint(jobs.load().job)
    jobs.change(old, new)
    assert config_fingerprint(jobs.load().job) == before


def test_a_tolerance_that_is_the_default_is_as_good_as_absent(jobs: Jobs) -> None:
    jobs.change("tolerance: 40%", "tolerance: 50%")
    written = config_fingerprint(jobs.load().job)
    jobs.change(", tolerance: 50%", "")
    assert config_fingerprint(jobs.load().job) == written


def test_it_is_the_same_in_every_version_of_batch_scorer(jobs: Jobs) -> None:
    """A change here makes every published partition of every user stale: do not let it happen."""
    jobs.change(", against: 28d, tolerance: 40%", "")  # keys of a later version
    jobs.change('where: "fare > 0"', "where: \"not (a in (1, 'x') or -b / 2 + 1 < c) and d is not null\"")
    where = (
        '["and",["not",["or",["in",["name","a"],[1,"x"]],["<",["+",["/",["-",["name","b"]],["literal",2]],'
        '["literal",1]],["name","c"]]]],["is not null",["name","d"]]]'
    )
    output = (
        '[["big_tip_score","float64",["item","proba",1]],'
        '["big_tip","bool",[">",["item","proba",1],["literal",0.5]]]]'
    )
    suites = (
        '{"input":[{"suite":"rides_schema"},{"on_fail":"warn","suite":"rides_input"}],'
        '"output":[{"suite":"predictions"}],"volume":{"min_rows":1000}}'
    )
    canonical = (
        f'{{"input.key":["ride_id"],"input.where":{where},"model.method":"predict_proba",'
        f'"model.output":{output},"output.format":"parquet","output.keep_columns":["started_at"],'
        f'"validate":{suites}}}'
    )
    assert config_fingerprint(jobs.load().job) == hashlib.sha256(canonical.encode()).hexdigest()


def test_labels_and_functions_count_by_what_they_mean(jobs: Jobs) -> None:
    """As above: their words are part of every stored fingerprint."""
    jobs.change('where: "fare > 0"', 'where: "coalesce(tips, 0) <= MAX( fare,10 )"')
    before = config_fingerprint(jobs.load().job)
    jobs.change("MAX( fare,10 )", "max(fare, 10)")
    assert config_fingerprint(jobs.load().job) == before
    assert _canonical(parse_expression("coalesce(tips, 0) <= max(fare, 10)")) == [
        "<=",
        ["call", "coalesce", ["name", "tips"], ["literal", 0]],
        ["call", "max", ["name", "fare"], ["literal", 10]],
    ]
    assert _canonical(parse_expression("proba[0]['red']")) == ["item", "proba", 0, "red"]
    assert _canonical(parse_expression("label(proba)")) == ["call", "label", ["name", "proba"]]
