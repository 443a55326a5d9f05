"""From a saved estimator to scores, equal to the estimator's own on what pandas reads, to the last bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.errors import (
    BatchScorerError,
    ModelRefused,
    ModelUnloadable,
    SignatureInvalid,
    UsageError,
)
from batch_scorer.core.models import Method, ModelFormat
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import LoadedModel, load_model
from tests.models.conftest import NUMBERS, TEXTS, Registered, make_rides
from tests.models.drafts import on_disk

Loaded = Callable[[str], LoadedModel]


def same_bits(got: np.ndarray, expected: np.ndarray) -> bool:
    return got.dtype == expected.dtype and got.shape == expected.shape and got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("shape", ["linear", "boosted", "forest"])
@pytest.mark.parametrize("ending", ["skops", "joblib"])
def test_a_registered_pipeline_scores_a_file_as_the_estimator_does(
    registered: Registered,
    loaded: Loaded,
    pipelines: dict[str, Any],
    fresh_rides: pd.DataFrame,
    tmp_path: Path,
    shape: str,
    ending: str,
) -> None:
    estimator = pipelines[shape]
    manifest = registered(estimator, ending=ending)
    path = tmp_path / "fresh.parquet"
    fresh_rides.to_parquet(path)
    own = clone(estimator)
    own.__dict__.update(estimator.__dict__)
    if shape == "forest":
        own[-1].n_jobs = 1
    expected = own.predict_proba(pd.read_parquet(path)[NUMBERS + TEXTS])
    model = loaded("taxi_tips@1")
    for table in (pq.read_table(path), pq.read_table(path, read_dictionary=TEXTS)):
        assert same_bits(model.predict(table, Method.PREDICT_PROBA), expected)
    assert manifest.format == (ModelFormat.SKOPS if ending == "skops" else ModelFormat.JOBLIB)
    assert model.warnings == ()


def test_the_artefact_is_stored_as_it_was_given(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any], tmp_path: Path
) -> None:
    manifest = registered(pipelines["linear"])
    given = (tmp_path / "model.skops").read_bytes()
    directory = on_disk(registry.root) / "taxi_tips" / "1"
    assert (directory / "model.skops").read_bytes() == given
    assert manifest.files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.iterdir()
        if path.name != "manifest.json"
    }


def test_the_signature_holds_only_what_the_estimator_reads(
    registered: Registered, pipelines: dict[str, Any], rides: pd.DataFrame, reference_file: Path
) -> None:
    manifest = registered(pipelines["boosted"])
    columns = {c.name: (c.type, c.nullable, c.pandas_dtype) for c in manifest.signature.columns}
    assert columns == {
        "trip_miles": ("float64", True, "float64"),
        "fare": ("float64", True, "float64"),
        "pickup_area": ("float64", True, "float64"),
        "hour": ("int64", False, "int64"),
        "payment_type": ("string", True, "str"),
        "company": ("string", True, "str"),
    }
    assert manifest.signature.outputs == {
        Method.PREDICT: (),
        Method.PREDICT_PROBA: (2,),
        Method.DECISION_FUNCTION: (),
    }
    assert manifest.signature.classes == ("0", "1")
    assert manifest.reference is not None
    assert manifest.reference.columns == tuple(rides.columns)
    assert manifest.reference.n_rows == len(rides)
    assert manifest.reference.sha256 == hashlib.sha256(reference_file.read_bytes()).hexdigest()
    assert manifest.estimator == "Pipeline(ColumnTransformer, HistGradientBoostingClassifier)"
    assert manifest.environment["scikit-learn"]


def test_golden_rows_hold_nulls_and_unseen_text(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any], rides: pd.DataFrame
) -> None:
    manifest = registered(pipelines["linear"])
    golden = pd.read_parquet(on_disk(registry.root) / "taxi_tips" / "1" / "golden_input.parquet")
    assert len(golden) == manifest.n_golden_rows >= 100
    assert golden[["trip_miles", "fare", "pickup_area", *TEXTS]].isna().any().all()
    for column in TEXTS:
        assert (~golden[column].dropna().isin(rides[column])).sum() == 1


def test_a_small_reference_is_remembered_whole(
    registry: FileRegistry, pipelines: dict[str, Any], rides: pd.DataFrame
) -> None:
    manifest = register(pipelines["linear"], registry=registry, name="m", reference=rides.head(10), who="ada")
    golden = pd.read_parquet(on_disk(registry.root) / "m" / "1" / "golden_input.parquet")
    assert golden["hour"].head(10).tolist() == rides["hour"].head(10).tolist()
    assert manifest.n_golden_rows == len(golden) == 100
    made = golden.iloc[10 + 5 + 2 :]  # after a null per nullable column and an unseen text per text column
    for column in golden:  # values of other rows, put together anew
        assert made[column].isin(rides[column].head(10)).all()


def test_registering_twice_gives_the_same_golden_rows(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any]
) -> None:
    first, second = registered(pipelines["forest"]), registered(pipelines["forest"])
    assert registry.versions("taxi_tips") == (1, 2)
    for name in ("golden_input.parquet", "golden_output.parquet"):
        assert first.files[name] == second.files[name]


def test_a_column_that_takes_no_null_is_found_out(registry: FileRegistry, rides: pd.DataFrame) -> None:
    complete = rides.dropna()
    model = make_pipeline(
        ColumnTransformer([("a", SimpleImputer(), ["fare"]), ("b", StandardScaler(), ["trip_miles"])]),
        LogisticRegression(),
    ).fit(complete, complete.big_tip)
    manifest = register(model, registry=registry, name="m", reference=complete, who="ada")
    nullable = {c.name: c.nullable for c in manifest.signature.columns}
    assert nullable["fare"]
    assert not nullable["trip_miles"]


def test_reference_rows_the_model_refuses_are_left_out_and_noted(
    registry: FileRegistry, rides: pd.DataFrame
) -> None:
    known = rides.dropna()
    model = LogisticRegression().fit(known[["fare", "trip_miles"]], known.big_tip)
    manifest = register(
        model, registry=registry, name="m", reference=rides, who="ada", about=About(notes="mine")
    )
    assert manifest.notes.startswith("mine; ")
    assert "reference rows are no golden rows: ValueError" in manifest.notes
    assert manifest.n_golden_rows > 100


def test_an_encoder_that_learned_none_is_given_none(registry: FileRegistry, tmp_path: Path) -> None:
    values = pd.Series(["a", None, "b", None, "c", "a"] * 5, dtype=object)
    frame = pd.DataFrame({"s": values, "y": [0, 1, 0, 1, 1, 0] * 5})
    model = make_pipeline(
        ColumnTransformer([("s", OneHotEncoder(handle_unknown="ignore"), ["s"])]), LogisticRegression()
    ).fit(frame[["s"]], frame.y)
    frame.to_parquet(tmp_path / "train.parquet")
    joblib.dump(model, tmp_path / "m.joblib")
    register_file(
        tmp_path / "m.joblib",
        registry=registry,
        name="m",
        reference_path=tmp_path / "train.parquet",
        who="ada",
        allow_pickle=True,
    )
    got = load_model(registry.resolve("m@1")).predict(
        pq.read_table(tmp_path / "train.parquet"), Method.PREDICT_PROBA
    )
    assert same_bits(got, model.predict_proba(frame[["s"]]))
    as_pandas_reads = pd.read_parquet(tmp_path / "train.parquet")[["s"]]
    assert not same_bits(got, model.predict_proba(as_pandas_reads))  # NaN is not what it learned


X = make_rides(200, seed=3).dropna()
FAMILIES: dict[str, Any] = {
    "kbins": make_pipeline(
        KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LogisticRegression()
    ),
    "poly": make_pipeline(StandardScaler(), PolynomialFeatures(), LogisticRegression(max_iter=2000)),
    "spline": make_pipeline(SplineTransformer(), Ridge()),
    "ufunc": make_pipeline(FunctionTransformer(np.log1p), RobustScaler(), LogisticRegression()),
    "power": make_pipeline(PowerTransformer(), LogisticRegression()),
    "tree": DecisionTreeClassifier(max_depth=4),
    "extra trees": ExtraTreesClassifier(5, n_jobs=2),
    "forest": RandomForestRegressor(5),
    "gradient": GradientBoostingClassifier(n_estimators=3),
    "hist": HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
    "ada": AdaBoostClassifier(n_estimators=3),
    "bagging": BaggingClassifier(n_estimators=3),
    "svc": make_pipeline(StandardScaler(), SVC()),
    "knn": KNeighborsClassifier(n_jobs=2),
    "bayes": GaussianNB(),
    "mlp": make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=2000, random_state=0)),
    "calibrated": CalibratedClassifierCV(DecisionTreeClassifier(max_depth=3), cv=2),
    "stacking": StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(max_depth=2))], cv=2),
    "voting": VotingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())], voting="soft"),
    "search": GridSearchCV(LogisticRegression(max_iter=2000), {"C": [0.1, 1.0]}, cv=2),
    "sgd": make_pipeline(StandardScaler(), SGDClassifier(loss="modified_huber", random_state=0)),
    "outliers": IsolationForest(n_estimators=5),
    "target": TransformedTargetRegressor(Ridge(), func=np.sinh, inverse_func=np.arcsinh),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_families_of_scikit_learn_pass_the_gate_and_score_the_same(
    registry: FileRegistry, family: str
) -> None:
    model = clone(FAMILIES[family]).fit(X[NUMBERS], X.big_tip)
    manifest = register(model, registry=registry, name="m", reference=X, who="ada")
    assert manifest.format is ModelFormat.SKOPS
    loaded = load_model(registry.resolve("m@1"))
    table = pa.Table.from_pandas(X[NUMBERS])
    assert Method.PREDICT in manifest.signature.outputs
    for method in manifest.signature.outputs:
        own = getattr(model, method.value)(X[NUMBERS].reset_index(drop=True))
        np.testing.assert_allclose(loaded.predict(table, method), own, rtol=1e-12, atol=1e-15)


def test_text_and_categories_pass_the_gate_and_score_the_same(registry: FileRegistry) -> None:
    y = X.big_tip.reset_index(drop=True)
    as_category = X[["fare"]].assign(company=X.company.astype("category")).reset_index(drop=True)
    as_text = X[["fare", "company"]].reset_index(drop=True)
    hashed = ColumnTransformer([("t", HashingVectorizer(n_features=8), "company")])
    targets = ColumnTransformer([("t", TargetEncoder(cv=2), ["company"])])
    cases = [
        (HistGradientBoostingClassifier(max_iter=3), as_category),
        (make_pipeline(hashed, LogisticRegression()), as_text),
        (make_pipeline(targets, LogisticRegression()), as_text),
    ]
    for version, (model, frame) in enumerate(cases, start=1):
        model.fit(frame, y)
        register(model, registry=registry, name="m", reference=frame, who="ada")
        loaded = load_model(registry.resolve(f"m@{version}"))
        got = loaded.predict(pa.Table.from_pandas(as_text), Method.PREDICT_PROBA)
        assert same_bits(got, model.predict_proba(frame))


def test_several_outputs_are_columns_and_their_classes_are_blocks_of_columns(registry: FileRegistry) -> None:
    targets = X[["fare", "trip_miles"]]
    register(
        MultiOutputRegressor(Ridge()).fit(X[["hour"]], targets),
        registry=registry,
        name="m",
        reference=X,
        who="ada",
    )
    classifier = MultiOutputClassifier(GaussianNB()).fit(X[["hour"]], (targets > 5).astype(int))
    register(classifier, registry=registry, name="m", reference=X, who="ada")
    assert registry.manifest("m", 1).signature.outputs == {Method.PREDICT: (2,)}
    signature = registry.manifest("m", 2).signature
    assert signature.outputs == {Method.PREDICT: (2,), Method.PREDICT_PROBA: (4,)}
    assert signature.output_classes == (("0", "1"), ("0", "1"))


def test_text_labels_are_repeated(registry: FileRegistry) -> None:
    model = GaussianNB().fit(X[["fare"]], X.payment_type)
    manifest = register(model, registry=registry, name="m", reference=X, who="ada")
    got = load_model(registry.resolve("m@1")).predict(pa.Table.from_pandas(X[["fare"]]), Method.PREDICT)
    assert got.tolist() == model.predict(X[["fare"]]).tolist()
    assert manifest.signature.classes == tuple(sorted(X.payment_type.unique()))


def test_without_golden_rows_types_are_guessed_and_said_so(
    registry: FileRegistry, pipelines: dict[str, Any], fresh_rides: pd.DataFrame
) -> None:
    model = pipelines["boosted"]
    manifest = register(model, registry=registry, name="m", reference=None, no_golden_rows=True, who="ada")
    assert manifest.n_golden_rows == 0
    assert "guessed" in manifest.notes
    kinds = {column.name: column.type for column in manifest.signature.columns}
    assert kinds == dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(TEXTS, "string")
    loaded = load_model(registry.resolve("m@1"))
    assert "without golden rows" in loaded.warnings[0]
    features = fresh_rides[NUMBERS + TEXTS].astype({"hour": "float64"})
    got = loaded.predict(pa.Table.from_pandas(features), Method.PREDICT_PROBA)
    assert same_bits(got, model.predict_proba(fresh_rides[NUMBERS + TEXTS]))


def test_golden_rows_are_left_out_only_when_that_is_said(
    registry: FileRegistry, pipelines: dict[str, Any], rides: pd.DataFrame
) -> None:
    model = pipelines["linear"]
    with pytest.raises(UsageError, match="together with the table") as caught:
        register(model, registry=registry, name="m", reference=None, who="ada")
    assert "--no-golden-rows" in str(caught.value.fix)
    with pytest.raises(UsageError, match="contradict"):
        register(model, registry=registry, name="m", reference=rides, no_golden_rows=True, who="ada")


def _refused(registry: FileRegistry, path: Path, reference: Path, **options: Any) -> BatchScorerError:
    with pytest.raises(BatchScorerError) as caught:
        register_file(path, registry=registry, name="m", reference_path=reference, who="ada", **options)
    assert registry.names() == ()
    return caught.value


def test_estimators_without_names_or_predictions_are_refused(
    registry: FileRegistry, reference_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m.skops"
    skops.io.dump(Ridge().fit([[1.0], [2.0]], [1, 2]), path)
    error = _refused(registry, path, reference_file)
    assert isinstance(error, SignatureInvalid)
    assert "pandas DataFrame" in str(error.fix)
    skops.io.dump(DBSCAN().fit(X[["fare"]].fillna(0)), path)
    error = _refused(registry, path, reference_file)
    assert "DBSCAN knows only the rows it was fitted on" in error.what
    assert "KMeans" in str(error.fix)


def test_a_reference_that_does_not_fit_is_refused(
    registry: FileRegistry, pipelines: dict[str, Any], rides: pd.DataFrame, tmp_path: Path
) -> None:
    path, reference = tmp_path / "m.skops", tmp_path / "train.parquet"
    skops.io.dump(pipelines["linear"], path)
    rides.rename(columns={"company": "companies"}).to_parquet(reference)
    assert '"company"; did you mean "companies"?' in _refused(registry, path, reference).what
    rides.head(0).to_parquet(reference)
    assert "no rows" in _refused(registry, path, reference).what
    reference.write_text("ride_id,fare\n1,2\n")
    assert isinstance(_refused(registry, path, reference), UsageError)
    assert isinstance(_refused(registry, path, tmp_path / "absent.parquet"), UsageError)


def test_files_that_are_no_models_are_refused(
    registry: FileRegistry, reference_file: Path, tmp_path: Path
) -> None:
    text = tmp_path / "m.txt"
    text.write_text("hello")
    assert "known endings" in str(_refused(registry, text, reference_file).fix)
    assert isinstance(_refused(registry, tmp_path / "absent.skops", reference_file), UsageError)
    for ending, kind in (("skops", ModelRefused), ("joblib", ModelUnloadable)):
        path = tmp_path / f"m.{ending}"
        path.write_bytes(b"hello")
        error = _refused(registry, path, reference_file, allow_pickle=True)
        assert isinstance(error, kind)


def test_a_name_is_checked_before_anything_is_read(registry: FileRegistry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        register_file(tmp_path / "absent", registry=registry, name="../m", reference_path=tmp_path, who="ada")


def test_the_callers_estimator_is_left_alone(registry: FileRegistry) -> None:
    model = ExtraTreesClassifier(3, n_jobs=2).fit(X[["fare"]], X.big_tip)
    register(model, registry=registry, name="m", reference=X, who="ada")
    assert model.n_jobs == 2
