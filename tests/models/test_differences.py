from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from batch_scorer.core.models import (
    ColumnSpec,
    Method,
    ModelFormat,
    ModelManifest,
    ModelOrigin,
    TimeSpan,
    Tolerance,
    TrainingReference,
)
from batch_scorer.models.registry.differences import Aspect, differences
from tests.models.drafts import draft

OLD = draft()
SIGNATURE = OLD.signature
FARE = SIGNATURE.columns[0]
MILES = ColumnSpec(name="miles", type="int64", nullable=False, pandas_dtype="int64")
TRAINED = TrainingReference(path="train.parquet", sha256="ab", n_rows=5, columns=("fare",), spans=None)


def _told(new: ModelManifest, old: ModelManifest = OLD) -> list[tuple[str, str, Any, Any]]:
    return [(each.aspect.value, each.what, each.old, each.new) for each in differences(old, new)]


def _with(**changes: Any) -> ModelManifest:
    return replace(OLD, signature=replace(SIGNATURE, **changes))


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (_with(columns=(FARE, MILES)), ("signature", "column miles", None, "int64")),
        (_with(columns=()), ("signature", "column fare", "float64, nullable", None)),
        (
            _with(columns=(replace(FARE, type="float32"),)),
            ("signature", "column fare, type", "float64", "float32"),
        ),
        (
            _with(columns=(replace(FARE, nullable=False),)),
            ("signature", "column fare, nullable", True, False),
        ),
        (
            _with(columns=(replace(FARE, categories=("a", "b")),)),
            ("signature", "column fare, categories", None, ["a", "b"]),
        ),
        (_with(outputs={Method.PREDICT: ()}), ("signature", "output predict_proba", [2], None)),
        (_with(classes=("no", "yes")), ("signature", "classes", ["0", "1"], ["no", "yes"])),
        (_with(positive_class="1"), ("signature", "positive class", None, "1")),
        (replace(OLD, estimator="Ridge()"), ("estimator", "is", "", "Ridge()")),
        (replace(OLD, format=ModelFormat.JOBLIB), ("estimator", "format", "skops", "joblib")),
        (replace(OLD, reference=TRAINED), ("training data", "rows", None, 5)),
        (replace(OLD, metrics={"auc": 0.7}), ("metrics", "auc", None, 0.7)),
        (
            replace(OLD, environment={**OLD.environment, "scikit-learn": "1.9.1"}),
            ("environment", "scikit-learn", "1.7.2", "1.9.1"),
        ),
        (replace(OLD, n_golden_rows=120), ("golden rows", "rows", 0, 120)),
        (replace(OLD, tolerance=Tolerance(atol=1e-9)), ("golden rows", "atol", 0.0, 1e-9)),
        (replace(OLD, author="bob"), ("card", "author", None, "bob")),
        (replace(OLD, git_commit="1f127c2"), ("card", "git commit", None, "1f127c2")),
        (
            replace(
                OLD,
                origin=ModelOrigin(tracking_uri="t", uri="models:/m/3", name="m", version="3", run_id="r"),
            ),
            ("card", "imported from", None, "models:/m/3, run r"),
        ),
    ],
)
def test_whatever_differs_is_told(new: ModelManifest, told: tuple[str, str, Any, Any]) -> None:
    assert told in _told(new)
    assert (*told[:2], *told[:1:-1]) in _told(OLD, new)  # the other way round


def test_a_version_does_not_differ_from_itself_and_not_by_number_or_date() -> None:
    again = replace(OLD, version=7, registered_at="2026-01-01T00:00:00+00:00", registered_by="bob")
    assert differences(OLD, again) == ()


def test_columns_in_another_order_are_a_difference() -> None:
    old, new = _with(columns=(FARE, MILES)), _with(columns=(MILES, FARE))
    assert _told(new, old) == [("signature", "order of the columns", ["fare", "miles"], ["miles", "fare"])]


def test_metrics_have_their_difference_and_training_data_its_time() -> None:
    span = TimeSpan(column="started_at", first=dt.date(2024, 1, 1), last=dt.date(2024, 1, 31))
    old = replace(OLD, metrics={"auc": 0.75}, reference=replace(TRAINED, spans=(span,)))
    later = replace(span, last=dt.date(2024, 2, 29))
    new = replace(OLD, metrics={"auc": 0.5}, reference=replace(TRAINED, spans=(later,)))
    by_aspect = {each.aspect: each for each in differences(old, new)}
    assert by_aspect[Aspect.METRICS].delta == -0.25
    assert by_aspect[Aspect.TRAINING].what == "started_at"
    assert by_aspect[Aspect.TRAINING].new == "2024-01-01 to 2024-02-29"


def test_the_same_table_under_another_path_is_the_same_table() -> None:
    old = replace(OLD, reference=TRAINED)
    assert _told(replace(OLD, reference=replace(TRAINED, path="elsewhere.parquet")), old) == []
    moved = replace(TRAINED, path="elsewhere.parquet", sha256="cd")
    assert [each[1] for each in _told(replace(OLD, reference=moved), old)] == ["path", "sha256"]


def test_what_an_older_manifest_did_not_say_is_nothing_and_no_empty_value() -> None:
    new = draft()
    labelled = replace(new, signature=replace(new.signature, labels={Method.PREDICT_PROBA: ("0", "1")}))
    (told,) = differences(new, labelled)
    assert (told.what, told.old, told.new) == ("labels", None, {"predict_proba": ["0", "1"]})
