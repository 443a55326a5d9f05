"""Every kind of estimator through a real job: what is published is what the estimator itself says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.mixture import GaussianMixture
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.expressions.parser import parse_output
from batch_scorer.core.expressions.result_layouts import layout_of
from batch_scorer.core.models import Method
from batch_scorer.execution.job_draft.outputs import draft_outputs
from batch_scorer.models import register
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import load_model
from batch_scorer.models.scoring.output_values import evaluate_outputs
from batch_scorer.models.signature.frames import arrow_features
from tests import taxi
from tests.conftest import TaxiProject

FEATURES = ["trip_miles", "trip_seconds", "fare"]
TRAINING = taxi.rides(300, seed=99)
PAYMENT = TRAINING["payment_type"].where(TRAINING["payment_type"].isin(["Cash", "Credit Card"]), "Other")
LENGTH = np.where(TRAINING["trip_miles"] > 4, "far", "near")


def fitted(estimator: BaseEstimator, target: Any = None) -> Any:
    return make_pipeline(StandardScaler(), estimator).fit(TRAINING[FEATURES], target)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """expected: of each output, from the fitted estimator and the rides."""

    fit: Callable[[], Any]
    method: Method
    outputs: Mapping[str, str]
    expected: Callable[[Any, pd.DataFrame], Mapping[str, Any]]


def _several_numbers() -> Any:
    return fitted(LinearRegression(), TRAINING[["tips", "pickup_community_area"]].fillna(0))


def _several_labels() -> Any:
    labels = pd.DataFrame({"paid": PAYMENT, "length": LENGTH}).astype(object)
    return fitted(MultiOutputClassifier(GaussianNB()), labels)


KINDS = {
    "a regression of two targets": Kind(
        fit=_several_numbers,
        method=Method.PREDICT,
        outputs={
            "tips": "float64 = prediction[0]",
            "rest": "float32 = max(prediction[1], 0) - min(prediction)",
        },
        expected=lambda model, x: {
            "tips": model.predict(x)[:, 0],
            "rest": (model.predict(x)[:, 1].clip(0) - model.predict(x).min(axis=1)).astype("float32"),
        },
    ),
    "a classifier of two targets": Kind(
        fit=_several_labels,
        method=Method.PREDICT_PROBA,
        outputs={
            "paid": "string = label(proba[0])",
            "length": "string = label(proba[1])",
            "p_cash": "float64 = proba[0]['Cash']",
            "p_far": "float64 = proba[1]['far']",
            "sure": "float64 = max(proba[0])",
        },
        expected=lambda model, x: {
            "paid": model.predict(x)[:, 0],
            "length": model.predict(x)[:, 1],
            "p_cash": model.predict_proba(x)[0][:, 0],
            "p_far": model.predict_proba(x)[1][:, 0],
            "sure": model.predict_proba(x)[0].max(axis=1),
        },
    ),
    "a classifier of three classes": Kind(
        fit=lambda: fitted(DecisionTreeClassifier(max_depth=4, random_state=0), PAYMENT),
        method=Method.PREDICT_PROBA,
        outputs={
            "paid": "string = label(proba)",
            "at": "int8 = argmax(proba)",
            "p_credit": "float64 = proba['Credit Card']",
            "p_other": "float64 = proba[2]",
            "known": "string = if(max(proba) < 0.7, '?', label(proba))",
        },
        expected=lambda model, x: {
            "paid": model.predict(x),
            "at": model.predict_proba(x).argmax(axis=1),
            "p_credit": model.predict_proba(x)[:, 1],
            "p_other": model.predict_proba(x)[:, 2],
            "known": np.where(model.predict_proba(x).max(axis=1) < 0.7, "?", model.predict(x)),
        },
    ),
    "labels": Kind(
        fit=lambda: fitted(LogisticRegression(), PAYMENT),
        method=Method.PREDICT,
        outputs={"paid": "string = prediction", "cash": "bool = prediction in ('Cash')"},
        expected=lambda model, x: {"paid": model.predict(x), "cash": model.predict(x) == "Cash"},
    ),
    "labels that are truths": Kind(
        fit=lambda: fitted(LogisticRegression(), TRAINING["tips"] > 2),
        method=Method.PREDICT,
        outputs={"big_tip": "bool = prediction"},
        expected=lambda model, x: {"big_tip": model.predict(x)},
    ),
    "decisions of two classes": Kind(
        fit=lambda: fitted(Perceptron(), LENGTH),
        method=Method.DECISION_FUNCTION,
        outputs={"length": "string = label(decision)", "distance": "float64 = abs(decision)"},
        expected=lambda model, x: {
            "length": model.predict(x),
            "distance": np.abs(model.decision_function(x)),
        },
    ),
    "components": Kind(
        fit=lambda: fitted(PCA(2)),
        method=Method.TRANSFORM,
        outputs={"x": "float64 = transformed['pca0']", "y": "float64 = transformed[1]"},
        expected=lambda model, x: {"x": model.transform(x)[:, 0], "y": model.transform(x)[:, 1]},
    ),
    "outliers": Kind(
        fit=lambda: fitted(IsolationForest(n_estimators=20, random_state=0)),
        method=Method.PREDICT,
        outputs={"anomaly": "bool = prediction == -1"},
        expected=lambda model, x: {"anomaly": model.predict(x) == -1},
    ),
    "usual and unusual": Kind(
        fit=lambda: fitted(KernelDensity()),
        method=Method.SCORE_SAMPLES,
        outputs={"density": "float64 = exp(score)"},
        expected=lambda model, x: {"density": np.exp(model.score_samples(x))},
    ),
    "clusters": Kind(
        fit=lambda: fitted(KMeans(4, n_init=1, random_state=0)),
        method=Method.PREDICT,
        outputs={"cluster": "int32 = prediction"},
        expected=lambda model, x: {"cluster": model.predict(x)},
    ),
    "distances from clusters": Kind(
        fit=lambda: fitted(KMeans(4, n_init=1, random_state=0)),
        method=Method.TRANSFORM,
        outputs={"nearest": "float64 = min(transformed)", "first": "float64 = transformed['kmeans0']"},
        expected=lambda model, x: {
            "nearest": model.transform(x).min(axis=1),
            "first": model.transform(x)[:, 0],
        },
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_published_is_what_the_estimator_says(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, project = KINDS[name], TaxiProject(tmp_path, capsys)
    project.lake.mkdir(parents=True)
    rides = project.add_day(0, n_rows=120)
    taxi.write_job(
        project.root, taxi.job_document(model={"method": kind.method.value, "output": kind.outputs})
    )
    model = kind.fit()
    register(
        model,
        name="taxi_tips",
        reference=TRAINING,
        registry=project.root / "data" / "models",
        alias="champion",
        git_commit="",
    )
    assert project.cli("validate-config").code == 0
    done = project.cli("run", "taxi_tips")
    assert (done.code, done.stderr) == (0, "")
    published = project.published(0).sort_values("ride_id").reset_index(drop=True)
    for column, expected in kind.expected(model, rides[FEATURES]).items():
        got = published[column].to_numpy()
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=1e-12 if got.dtype == "float64" else 1e-6)
        else:
            assert got.tolist() == np.asarray(expected).tolist()


DRAFTED: dict[str, tuple[Callable[[], Any], Method, dict[str, str]]] = {
    "two classes": (
        lambda: fitted(LogisticRegression(), LENGTH),
        Method.PREDICT_PROBA,
        {"score": "float64 = proba['near']"},
    ),
    "no and yes": (
        lambda: fitted(LogisticRegression(), TRAINING["tips"] > 2),
        Method.PREDICT_PROBA,
        {"score": "float64 = proba['True']"},
    ),
    "0 and 1": (
        lambda: fitted(LogisticRegression(), (TRAINING["tips"] > 2).astype(int)),
        Method.PREDICT_PROBA,
        {"score": "float64 = proba[1]"},
    ),
    "three classes": (
        lambda: fitted(LogisticRegression(), PAYMENT),
        Method.PREDICT_PROBA,
        {
            "label": "string = label(proba)",
            "score_cash": "float64 = proba['Cash']",
            "score_credit_card": "float64 = proba['Credit Card']",
            "score_other": "float64 = proba['Other']",
        },
    ),
    "two targets of classes": (
        _several_labels,
        Method.PREDICT_PROBA,
        {
            "label_0": "string = label(proba[0])",
            "score_0": "float64 = max(proba[0])",
            "label_1": "string = label(proba[1])",
            "score_1": "float64 = max(proba[1])",
        },
    ),
    "a chain": (
        lambda: fitted(ClassifierChain(GaussianNB()), np.stack([LENGTH == "far", PAYMENT == "Cash"], axis=1)),
        Method.PREDICT_PROBA,
        {"score_0": "float64 = proba[0]", "score_1": "float64 = proba[1]"},
    ),
    "two truths": (
        lambda: fitted(
            MLPClassifier((2,), solver="lbfgs", random_state=0, max_iter=20, tol=1),
            np.stack([LENGTH == "far", PAYMENT == "Cash"], axis=1).astype(int),
        ),
        Method.PREDICT_PROBA,
        {"score_0": "float64 = proba[0]", "score_1": "float64 = proba[1]"},
    ),
    "pairs of classes": (
        lambda: fitted(SVC(decision_function_shape="ovo"), PAYMENT),
        Method.DECISION_FUNCTION,
        {f"score_{at}": f"float64 = decision[{at}]" for at in range(3)},
    ),
    "decisions of two classes": (
        lambda: fitted(Perceptron(), LENGTH),
        Method.DECISION_FUNCTION,
        {"score": "float64 = decision"},
    ),
    "a mixture": (
        lambda: fitted(GaussianMixture(3, random_state=0)),
        Method.PREDICT_PROBA,
        {"cluster": "int32 = argmax(proba)", "score": "float64 = max(proba)"},
    ),
    "two numbers": (
        _several_numbers,
        Method.PREDICT,
        {"score_0": "float64 = prediction[0]", "score_1": "float64 = prediction[1]"},
    ),
    "components": (
        lambda: fitted(PCA(2)),
        Method.TRANSFORM,
        {"pca0": "float64 = transformed['pca0']", "pca1": "float64 = transformed['pca1']"},
    ),
    "outliers": (
        lambda: fitted(IsolationForest(n_estimators=5, random_state=0)),
        Method.DECISION_FUNCTION,
        {"score": "float64 = decision", "anomaly": "bool = decision < 0"},
    ),
    "clusters": (
        lambda: fitted(MiniBatchKMeans(3, n_init=1, random_state=0)),
        Method.PREDICT,
        {"cluster": "int32 = prediction"},
    ),
    "a density": (lambda: fitted(KernelDensity()), Method.SCORE_SAMPLES, {"score": "float64 = score"}),
}


@pytest.mark.parametrize("name", DRAFTED)
def test_init_drafts_outputs_that_the_model_gives(name: str, tmp_path: Path) -> None:
    fit, method, outputs = DRAFTED[name]
    register(fit(), name="m", reference=TRAINING, registry=tmp_path, git_commit="")
    registry = FileRegistry(tmp_path)
    manifest = registry.manifest("m", 1)
    assert draft_outputs(manifest) == (method, outputs)
    layout = layout_of(method, manifest.signature)
    parsed = [parse_output(column, source, layout) for column, source in outputs.items()]
    model = load_model(registry.resolve("m@1"))
    features = arrow_features(taxi.rides(20, seed=1)[FEATURES], manifest.signature.columns)
    published = evaluate_outputs(model.predict(features, method), method, parsed, manifest.signature)
    assert published.column_names == list(outputs)
