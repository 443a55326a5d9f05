from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from batch_scorer.core.models import ModelManifest
from batch_scorer.models.registering.register import register_file
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import LoadedModel, load_model

NUMBERS = ["trip_miles", "fare", "pickup_area", "hour"]
TEXTS = ["payment_type", "company"]

Registered = Callable[..., ModelManifest]


@pytest.fixture(scope="session")
def rides() -> pd.DataFrame:
    """Features, a key and a label; text columns are `object` with NaN, as the benchmark trains on them."""
    return make_rides(600, seed=7)


@pytest.fixture(scope="session")
def fresh_rides() -> pd.DataFrame:
    """Rides to score: other rows, companies never seen in training, more nulls."""
    rides = make_rides(900, seed=8)
    rides.loc[::50, "company"] = "Founded Yesterday"
    rides.loc[5:9, NUMBERS[:3]] = np.nan
    return rides


@pytest.fixture(scope="session")
def pipelines(rides: pd.DataFrame) -> dict[str, Any]:
    """The three shapes of the benchmark, fitted."""
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    one_hot = OneHotEncoder(handle_unknown="ignore")
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    shapes = {
        "linear": (scaled, one_hot, LogisticRegression(max_iter=500)),
        "boosted": ("passthrough", ordinal, HistGradientBoostingClassifier(max_iter=10, random_state=0)),
        "forest": (
            SimpleImputer(),
            ordinal,
            RandomForestClassifier(20, max_depth=6, n_jobs=2, random_state=0),
        ),
    }
    return {
        name: Pipeline(
            [
                ("prep", ColumnTransformer([("num", numbers, NUMBERS), ("cat", texts, TEXTS)])),
                ("clf", classifier),
            ]
        ).fit(rides[NUMBERS + TEXTS], rides.big_tip)
        for name, (numbers, texts, classifier) in shapes.items()
    }


@pytest.fixture
def registry(tmp_path: Path) -> FileRegistry:
    return FileRegistry(tmp_path / "models")


@pytest.fixture
def reference_file(rides: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "train.parquet"
    rides.to_parquet(path)
    return path


@pytest.fixture
def registered(registry: FileRegistry, reference_file: Path, tmp_path: Path) -> Registered:
    """Save an estimator and register the file: registered(estimator, ending="skops")."""

    def add(estimator: Any, *, ending: str = "skops", name: str = "taxi_tips") -> ModelManifest:
        path = tmp_path / f"model.{ending}"
        (skops.io.dump if ending == "skops" else joblib.dump)(estimator, path)
        return register_file(
            path,
            registry=registry,
            name=name,
            reference_path=reference_file,
            who="ada",
            allow_pickle=ending != "skops",
        )

    return add


@pytest.fixture
def loaded(registry: FileRegistry) -> Callable[[str], LoadedModel]:
    return lambda reference: load_model(registry.resolve(reference))


def make_rides(n_rows: int, *, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    miles = rng.lognormal(1, 1, n_rows).round(2)
    fare = (3.25 + 2.2 * miles + rng.normal(0, 1, n_rows)).round(2)
    area = np.where(rng.random(n_rows) < 0.2, np.nan, rng.integers(1, 78, n_rows).astype(float))
    payment = rng.choice(np.array(["Cash", "Credit Card", "Unknown"], dtype=object), n_rows)
    company = rng.choice(np.array(["Blue Ribbon", "Flash Cab", "Top Cab", np.nan], dtype=object), n_rows)
    return pd.DataFrame(
        {
            "ride_id": np.arange(n_rows),
            "trip_miles": miles,
            "fare": np.where(rng.random(n_rows) < 0.05, np.nan, fare),
            "pickup_area": area,
            "hour": rng.integers(0, 24, n_rows),
            "payment_type": pd.Series(payment, dtype=object),
            "company": pd.Series(company, dtype=object),
            "big_tip": ((payment == "Credit Card") & (rng.random(n_rows) < 0.7)).astype(int),
        }
    )
