"""Every type on the list is there because a fitted estimator holds it; what was left out, and why."""

from __future__ import annotations

import functools
import importlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import BisectingKMeans
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  makes HalvingGridSearchCV importable
from sklearn.feature_selection import (
    SelectKBest,
    chi2,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process import kernels as k
from sklearn.linear_model import LogisticRegression, TweedieRegressor
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import ModelFormat
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.trust.allow_list import TRUSTED_TYPES, refused_types
from batch_scorer.models.trust.artefacts import load_artefact

_ROWS = np.random.default_rng(0).normal(size=(60, 2))
FRAME = pd.DataFrame({"a": _ROWS[:, 0], "b": _ROWS[:, 1]})
POSITIVE = FRAME.abs()
LABELS = (FRAME.a > 0).astype(int)
_GROUPS = [0, 1] * 30


def _grid(cv: Any = 2) -> Any:
    return GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=cv).fit(FRAME, LABELS, groups=_GROUPS)


def _knn(algorithm: str, metric: str, **options: Any) -> Any:
    return KNeighborsClassifier(algorithm=algorithm, metric=metric, **options).fit(FRAME, LABELS)


def fitted() -> Iterator[Any]:
    """Estimators that need something of the list."""
    for function in (functools.partial(np.clip, a_min=0, a_max=1), np.nan_to_num, np.round):
        yield FunctionTransformer(function).fit(FRAME)
    yield SplineTransformer().fit(FRAME)
    yield KBinsDiscretizer(3).fit(FRAME)
    for power in (0, 1.5):
        yield TweedieRegressor(power=power).fit(FRAME, POSITIVE.a)
    for method in ("sigmoid", "temperature"):
        yield CalibratedClassifierCV(GaussianNB(), method=method, cv=2).fit(FRAME, LABELS)
    yield BisectingKMeans(2).fit(FRAME)
    yield make_column_transformer((StandardScaler(), make_column_selector(dtype_include=float))).fit(FRAME)
    yield StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], cv=2).fit(FRAME, LABELS)
    kinds = FRAME.assign(kind=pd.Categorical(np.where(LABELS, "x", "y")))
    boosted = HistGradientBoostingClassifier(max_iter=1, categorical_features="from_dtype")
    yield boosted.fit(kinds, LABELS)
    yield DecisionTreeClassifier(max_depth=1).fit(FRAME, LABELS)
    scores = (chi2, None, f_regression, mutual_info_classif, mutual_info_regression)
    for score in scores:
        yield SelectKBest(score, k=1).fit(POSITIVE, LABELS) if score else SelectKBest(k=1).fit(FRAME, LABELS)
    yield GaussianProcessClassifier(k.ConstantKernel() * k.RBF() + k.WhiteKernel()).fit(FRAME, LABELS)
    yield k.Matern() + k.DotProduct() + k.ExpSineSquared() + k.RationalQuadratic() + k.RBF() ** 2
    for metric, options in (("minkowski", {"p": 3}), ("chebyshev", {}), ("haversine", {}), ("euclidean", {})):
        yield _knn("ball_tree", metric, **options)
    yield _knn("kd_tree", "manhattan")
    for cv in (
        GroupKFold(2), KFold(2), RepeatedKFold(n_splits=2, n_repeats=1), ShuffleSplit(2), StratifiedKFold(2),
        RepeatedStratifiedKFold(n_splits=2, n_repeats=1), StratifiedGroupKFold(2), StratifiedShuffleSplit(2),
        TimeSeriesSplit(2),
    ):  # fmt: skip
        yield _grid(cv)
    for search in (HalvingGridSearchCV, HalvingRandomSearchCV):
        tried = {"var_smoothing": [1e-9, 1e-8]}
        yield search(GaussianNB(), tried, cv=2, min_resources=30, random_state=0).fit(FRAME, LABELS)
    yield TunedThresholdClassifierCV(GaussianNB(), scoring="f1", cv=2).fit(FRAME, LABELS)
    for solver in ("adam", "sgd"):
        yield MLPClassifier((2,), solver=solver, max_iter=1).fit(FRAME, LABELS)
    yield from map(get_scorer, get_scorer_names())


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    with np.errstate(all="ignore"), pytest.warns():
        return [skops.io.dumps(estimator) for estimator in fitted()]


def test_every_type_on_the_list_is_needed_by_an_estimator_and_loads(files: list[bytes]) -> None:
    needed = {name for data in files for name in skops.io.get_untrusted_types(data=data)}
    assert needed == set(TRUSTED_TYPES)
    for data in files:
        load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m")


@pytest.mark.parametrize("name", TRUSTED_TYPES)
def test_every_type_on_the_list_has_a_reason_and_is_where_it_says(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))
    assert len(TRUSTED_TYPES[name].split()) >= 2, "that is no reason"


def _with_text_in_its_state(text: str) -> bytes:
    """A distribution whose state has another text, which scipy executes when the state is set."""
    good = io.BytesIO(skops.io.dumps(_with_distribution()))
    out = io.BytesIO()
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                before, key, after = data.decode().partition('"_parse_arg_template": {')
                head, content, rest = after.partition('"content": "')
                evil = text.replace("'", "\\\\u0027")
                data = f'{before}{key}{head}{content}\\"{evil}\\\\n{rest[2:]}'.encode()
            target.writestr(name, data)
    return out.getvalue()


def _with_distribution() -> Any:
    search = RandomizedSearchCV(
        LogisticRegression(), {"C": loguniform(0.1, 1)}, n_iter=1, cv=2, random_state=0
    )
    return search.fit(FRAME, LABELS)


def test_distributions_of_scipy_are_not_on_the_list_because_their_state_is_executed(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "mark"
    data = _with_text_in_its_state(f"import os; os.mkdir('{mark}')")
    with pytest.raises(ModelRefused, match=r"scipy\.stats") as caught:
        load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m")
    assert "best_estimator_" in str(caught.value.fix)
    assert not mark.exists()
    skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))  # the payload is live
    assert mark.exists()


def test_the_best_estimator_of_such_a_search_is_registered_as_the_refusal_says(
    registry: FileRegistry,
) -> None:
    search = _with_distribution()
    assert refused_types(skops.io.dumps(search)) != ()
    manifest = register(search.best_estimator_, registry=registry, name="m", reference=FRAME, who="ada")
    assert manifest.format is ModelFormat.SKOPS
