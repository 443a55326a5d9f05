from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  makes HalvingGridSearchCV importable
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import ModelFormat
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.trust.allow_list import refused_types
from batch_scorer.models.trust.artefacts import load_artefact


def test_the_refusal_of_a_pickle_says_what_to_do() -> None:
    with pytest.raises(ModelRefused, match="can run any code") as caught:
        load_artefact(b"", ModelFormat.JOBLIB, allow_pickle=False, label="m.joblib")
    assert "--allow-pickle" in str(caught.value.fix)
    assert "skops" in str(caught.value.fix)


@pytest.mark.parametrize("function", [os.system, eval, np.load])
def test_a_skops_file_with_a_type_off_the_list_is_refused_by_name(
    registry: FileRegistry, reference_file: Path, tmp_path: Path, function: Any
) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(FunctionTransformer(function), LogisticRegression()), path)
    with pytest.raises(ModelRefused, match=rf"\.{function.__name__}\b") as caught:
        register_file(
            path,
            registry=registry,
            name="m",
            reference_path=reference_file,
            who="eve",
            allow_pickle=True,  # says nothing about skops
        )
    assert caught.value.fix


def test_an_estimator_of_ones_own_needs_a_pickle_that_somebody_allowed(
    registry: FileRegistry, rides: Any
) -> None:
    known = rides.dropna()
    model = Stubborn().fit(known[["fare"]], known.big_tip)
    with pytest.raises(ModelRefused, match="Stubborn"):
        register(model, registry=registry, name="m", reference=known, who="ada")
    manifest = register(model, registry=registry, name="m", reference=known, who="ada", allow_pickle=True)
    assert manifest.format is ModelFormat.JOBLIB
    assert manifest.allow_pickle


class Stubborn(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """Not on any list."""


def test_what_skops_trusts_needs_no_list() -> None:
    assert refused_types(skops.io.dumps(LogisticRegression())) == ()


@pytest.mark.parametrize("search", [HalvingGridSearchCV, TunedThresholdClassifierCV])
def test_what_was_searched_or_tuned_by_a_metric_loads_and_predicts(search: Any) -> None:
    frame = pd.DataFrame({"fare": np.arange(80.0)})
    tuned = (
        {"param_grid": {"max_depth": [1, 2]}, "min_resources": 20} if search is HalvingGridSearchCV else {}
    )
    model = search(DecisionTreeClassifier(), scoring="roc_auc" if tuned else "f1", cv=2, **tuned)
    model.fit(frame, np.arange(80) > 40)
    data = skops.io.dumps(model)
    loaded = load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m.skops").estimator
    assert loaded.predict(frame).tolist() == model.predict(frame).tolist()
