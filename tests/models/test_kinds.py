"""Kinds of estimators, registered from a skops file, a pickle and Python: each gives what it gave."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from scipy.sparse import issparse
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, OneClassSVM

from batch_scorer.core.errors import SignatureInvalid, UsageError
from batch_scorer.core.models import Method, ModelManifest, Signature, Takes
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import load_model
from tests.models.conftest import make_rides

RIDES = make_rides(150, seed=3).dropna().reset_index(drop=True)
NUMBERS = ["trip_miles", "fare", "hour"]
BIG, FAR = RIDES.big_tip, (RIDES.trip_miles > 3).astype(int)
WORDS = (RIDES.company + " " + RIDES.payment_type).astype(object)
LABELS = np.array(["far" if far else "near" for far in FAR], dtype=object)
SEVERAL = pd.DataFrame({"kind": RIDES.payment_type, "far": LABELS}).astype(object)
P, PP, DF, SS, T = Method


def two_columns(frame: pd.DataFrame) -> Any:
    return np.log1p(frame[["trip_miles", "fare"]])


def on_numbers(estimator: Any, target: Any = None) -> tuple[Any, Any]:
    return estimator.fit(RIDES[NUMBERS], target), RIDES[NUMBERS]


def on_array(estimator: Any, target: Any = None) -> tuple[Any, Any]:
    return estimator.fit(RIDES[NUMBERS].to_numpy(), target), RIDES[NUMBERS].to_numpy()


def on_texts(estimator: Any, target: Any = None) -> tuple[Any, Any]:
    return estimator.fit(WORDS, target), WORDS


KINDS: dict[str, tuple[Callable[[], tuple[Any, Any]], dict[Method, tuple[int, ...]]]] = {
    "regression": (lambda: on_numbers(LinearRegression(), RIDES.fare), {P: ()}),
    "several numbers": (
        lambda: on_numbers(MultiOutputRegressor(LinearRegression()), RIDES[["fare", "trip_miles"]]),
        {P: (2,)},
    ),
    "a forest of several numbers": (
        lambda: on_numbers(RandomForestRegressor(3, random_state=0), RIDES[["fare", "trip_miles"]]),
        {P: (2,)},
    ),
    "three classes": (
        lambda: on_numbers(make_pipeline(StandardScaler(), SVC()), RIDES.payment_type),
        {P: (), DF: (3,)},
    ),
    "pairs of three classes": (
        lambda: on_numbers(SVC(decision_function_shape="ovo"), RIDES.payment_type),
        {P: (), DF: (3,)},
    ),
    "several classes": (
        lambda: on_numbers(MultiOutputClassifier(GaussianNB()), SEVERAL),
        {P: (2,), PP: (5,)},
    ),
    "a forest of several classes": (
        lambda: on_numbers(RandomForestClassifier(3, random_state=0), SEVERAL),
        {P: (2,), PP: (5,)},
    ),
    "a chain": (
        lambda: on_numbers(ClassifierChain(GaussianNB()), pd.DataFrame({"big": BIG, "far": FAR})),
        {P: (2,), PP: (2,)},
    ),
    "several labels": (
        lambda: on_numbers(MLPClassifier((2,), solver="lbfgs", random_state=0), np.stack([BIG, FAR], axis=1)),
        {P: (2,), PP: (2,)},
    ),
    "a scaler": (lambda: on_numbers(StandardScaler()), {T: (3,)}),
    "a scaler that gives frames": (
        lambda: on_numbers(StandardScaler().set_output(transform="pandas")),
        {T: (3,)},
    ),
    "components": (lambda: on_numbers(PCA(2)), {SS: (), T: (2,)}),
    "one-hot, sparse": (
        lambda: (
            OneHotEncoder(handle_unknown="ignore").fit(RIDES[["company"]].astype(object)),
            RIDES[["company"]].astype(object),
        ),
        {T: (3,)},
    ),
    "a function": (lambda: on_numbers(FunctionTransformer(np.log1p)), {T: (3,)}),
    "a function that gives one column": (
        lambda: on_numbers(make_pipeline(FunctionTransformer(np.log1p), KMeans(2, n_init=1, random_state=0))),
        {P: (), T: (2,)},
    ),
    "outliers by trees": (
        lambda: on_numbers(IsolationForest(n_estimators=5, random_state=0)),
        {P: (), DF: (), SS: ()},
    ),
    "outliers by neighbours": (
        lambda: on_numbers(LocalOutlierFactor(5, novelty=True)),
        {P: (), DF: (), SS: ()},
    ),
    "outliers by a margin": (
        lambda: on_numbers(make_pipeline(StandardScaler(), OneClassSVM())),
        {P: (), DF: (), SS: ()},
    ),
    "clusters": (lambda: on_numbers(KMeans(4, n_init=1, random_state=0)), {P: (), T: (4,)}),
    "a mixture": (lambda: on_numbers(GaussianMixture(2, random_state=0)), {P: (), PP: (2,), SS: ()}),
    "a density": (lambda: on_numbers(KernelDensity()), {SS: ()}),
    "a search": (
        lambda: on_numbers(
            GridSearchCV(Pipeline([("p", "passthrough"), ("c", GaussianNB())]), {"c__priors": [None]}, cv=2),
            LABELS,
        ),
        {P: (), PP: (2,)},
    ),
    "fitted on an array": (lambda: on_array(GaussianNB(), BIG), {P: (), PP: (2,)}),
    "texts": (
        lambda: on_texts(make_pipeline(TfidfVectorizer(), LogisticRegression()), LABELS),
        {P: (), PP: (2,), DF: ()},
    ),
    "texts searched": (
        lambda: on_texts(
            GridSearchCV(make_pipeline(HashingVectorizer(n_features=16), LogisticRegression()), {}, cv=2), BIG
        ),
        {P: (), PP: (2,), DF: ()},
    ),
    "counted words": (
        lambda: on_texts(FeatureUnion([("a", CountVectorizer()), ("b", TfidfVectorizer())])),
        {T: (18,)},
    ),
    "texts of a table": (
        lambda: (
            ColumnTransformer([("t", TfidfVectorizer(), "company"), ("n", "passthrough", ["fare"])]).fit(
                RIDES[["company", "fare"]]
            ),
            RIDES[["company", "fare"]],
        ),
        {T: (6,)},
    ),
}  # fmt: skip


def named_columns(given: Any) -> tuple[str, ...]:
    if isinstance(given, pd.DataFrame):
        return ()
    return ("words",) if isinstance(given, pd.Series) else tuple(NUMBERS)


def own_answer(estimator: Any, method: Method, given: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = getattr(estimator, method.value)(given)
    if isinstance(answer, list):
        answer = np.hstack(answer)
    return np.asarray(answer.toarray() if issparse(answer) else answer)


@pytest.mark.parametrize("way", ["skops", "joblib", "python"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_what_the_estimator_gives(
    registry: FileRegistry, tmp_path: Path, kind: str, way: str
) -> None:
    make, outputs = KINDS[kind]
    estimator, given = make()
    reference = RIDES.assign(words=WORDS)
    about = About(columns=named_columns(given))
    if way == "python":
        manifest = register(
            estimator, registry=registry, name="m", reference=reference, who="ada", about=about
        )
    else:
        path = tmp_path / f"m.{way}"
        (skops.io.dump if way == "skops" else joblib.dump)(estimator, path)
        reference.to_parquet(tmp_path / "train.parquet")
        manifest = register_file(
            path, registry=registry, name="m", reference_path=tmp_path / "train.parquet", who="ada",
            allow_pickle=way == "joblib", about=about,
        )  # fmt: skip
    assert dict(manifest.signature.outputs) == outputs
    assert 100 <= manifest.n_golden_rows <= 400
    loaded = load_model(registry.resolve("m@1"))
    features = pa.Table.from_pandas(reference)
    for method in outputs:
        own = own_answer(estimator, method, given)
        got = loaded.predict(features, method)
        assert got.shape == own.shape
        if own.dtype.kind not in "fiu":
            assert got.tolist() == own.tolist()
        else:  # a copy may add numbers in another order than the frame it was copied from
            np.testing.assert_allclose(got, own, rtol=1e-12, atol=1e-12)


def signature_of(registry: FileRegistry, kind: str, **said: Any) -> Signature:
    estimator, given = KINDS[kind][0]()
    about = About(columns=named_columns(given), **said)
    reference = RIDES.assign(words=WORDS)
    return register(
        estimator, registry=registry, name="m", reference=reference, who="ada", about=about
    ).signature


def test_columns_of_a_result_have_the_names_that_the_estimator_has_for_them(registry: FileRegistry) -> None:
    payments = ("Cash", "Credit Card", "Unknown")
    several = signature_of(registry, "several classes")
    assert (several.classes, several.output_classes) == (None, (payments, ("far", "near")))
    assert several.labels == {}
    assert signature_of(registry, "a search").labels == {PP: ("far", "near")}
    assert signature_of(registry, "three classes").labels == {DF: payments}
    assert signature_of(registry, "pairs of three classes").labels == {}
    assert signature_of(registry, "a chain").output_classes is None  # two columns for two times two classes
    assert signature_of(registry, "clusters").labels == {T: ("kmeans0", "kmeans1", "kmeans2", "kmeans3")}
    assert signature_of(registry, "a scaler that gives frames").labels == {T: tuple(NUMBERS)}
    assert signature_of(registry, "texts of a table").labels[T][0] == "t__blue"
    assert signature_of(registry, "regression").labels == {}


def test_a_function_that_gives_a_frame_names_its_columns(registry: FileRegistry) -> None:
    model = FunctionTransformer(two_columns).fit(RIDES[NUMBERS])
    manifest = register(model, registry=registry, name="m", reference=RIDES, who="ada", allow_pickle=True)
    assert manifest.signature.labels == {T: ("trip_miles", "fare")}
    assert manifest.allow_pickle


def test_what_an_estimator_is_handed_is_what_it_was_fitted_on(registry: FileRegistry) -> None:
    assert signature_of(registry, "regression").takes is Takes.FRAME
    assert signature_of(registry, "fitted on an array").takes is Takes.ARRAY
    assert signature_of(registry, "texts searched").takes is Takes.SERIES
    assert signature_of(registry, "texts of a table").takes is Takes.FRAME


def test_columns_that_do_not_fit_are_refused(registry: FileRegistry) -> None:
    model, _ = KINDS["regression"][0]()
    with pytest.raises(UsageError, match="fitted on other columns than are named: trip_miles, fare, hour"):
        _register(model, registry, columns=("fare", "hour", "trip_miles"))
    model, _ = KINDS["fitted on an array"][0]()
    with pytest.raises(UsageError, match="an array of 3 columns, but 2 are named: fare, hour"):
        _register(model, registry, columns=("fare", "hour"))
    with pytest.raises(SignatureInvalid, match="does not know the names") as caught:
        _register(model, registry)
    assert "--column" in str(caught.value.fix)
    with pytest.raises(UsageError, match="named twice: fare"):
        _register(model, registry, columns=("fare", "hour", "fare"))
    model, _ = KINDS["texts"][0]()
    with pytest.raises(UsageError, match="takes one column of texts, but 2 are named"):
        _register(model, registry, columns=("words", "company"))


def test_the_positive_class_is_one_of_the_classes(registry: FileRegistry) -> None:
    assert signature_of(registry, "a search", positive_class="far").positive_class == "far"
    assert signature_of(registry, "a search").positive_class is None
    with pytest.raises(UsageError, match='"fars" is no class of the model; did you mean "far"') as caught:
        signature_of(registry, "a search", positive_class="fars")
    assert "far, near" in str(caught.value.fix)
    with pytest.raises(UsageError, match="does not tell classes apart"):
        signature_of(registry, "regression", positive_class="1")


@pytest.mark.parametrize(
    ("estimator", "words", "fix"),
    [
        (DBSCAN(), "DBSCAN knows only the rows it was fitted on", "KMeans"),
        (make_pipeline(StandardScaler(), AgglomerativeClustering()), "AgglomerativeClustering", "KMeans"),
        (LocalOutlierFactor(), "LocalOutlierFactor judges only the rows it was fitted on", "novelty=True"),
        (TSNE(perplexity=5, max_iter=250), "TSNE places only the rows it was fitted on", "PCA"),
    ],
)
def test_estimators_without_an_answer_for_new_rows_are_refused_with_a_way_out(
    registry: FileRegistry, estimator: Any, words: str, fix: str
) -> None:
    model = estimator.fit(RIDES[NUMBERS])
    with pytest.raises(SignatureInvalid) as caught:
        _register(model, registry)
    assert words in caught.value.what
    assert fix in str(caught.value.fix)
    assert registry.names() == ()


def test_an_estimator_that_was_never_fitted_is_told_so(registry: FileRegistry) -> None:
    model = Pipeline([("columns", FunctionTransformer(feature_names_out="one-to-one")), ("c", GaussianNB())])
    model[0].fit(RIDES[NUMBERS])
    with pytest.raises(SignatureInvalid, match="Pipeline instance is not fitted yet") as caught:
        _register(model, registry)
    assert "fit it" in str(caught.value.fix)


def test_results_of_very_many_columns_are_refused_before_they_fill_the_memory(registry: FileRegistry) -> None:
    hashed = HashingVectorizer(n_features=2**14).fit(WORDS)
    with pytest.raises(SignatureInvalid, match="transform gives 16,384 columns, at most 10,000") as caught:
        _register(hashed, registry, columns=("words",))
    assert "n_features" in str(caught.value.fix)
    wide = make_pipeline(hashed, LogisticRegression(C=0.1)).fit(WORDS, BIG)
    manifest = _register(wide, registry, columns=("words",))  # only its last step's result counts
    assert manifest.signature.outputs[PP] == (2,)


def test_a_method_that_answers_nothing_is_left_out_and_noted(registry: FileRegistry) -> None:
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(RIDES[NUMBERS], LABELS)
    manifest = _register(model, registry)
    assert dict(manifest.signature.outputs) == {P: (), PP: (2,), DF: ()}
    assert manifest.notes.startswith("transform is left out: NotImplementedError")


def _register(model: Any, registry: FileRegistry, columns: tuple[str, ...] = ()) -> ModelManifest:
    reference = RIDES.assign(words=WORDS)
    return register(
        model, registry=registry, name="m", reference=reference, who="ada", about=About(columns=columns)
    )
