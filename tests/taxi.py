"""A small project shaped like the real thing: dirty rides, three kinds of model, a job by `ride_date`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests import jsonlines

NUMBERS = [
    "trip_miles", "trip_seconds", "fare", "pickup_community_area", "dropoff_community_area",
    "pickup_latitude", "pickup_longitude", "trip_start_hour", "trip_start_day", "trip_start_month",
]  # fmt: skip
CATEGORIES = ["payment_type", "company"]
FEATURES = NUMBERS + CATEGORIES
FIRST_DAY = dt.date(2024, 1, 1)


def rides(n: int, *, seed: int = 0, first_id: int = 0) -> pd.DataFrame:
    """n dirty rides: missing areas, coordinates and companies, zero fares, integer columns without nulls."""
    rng = np.random.default_rng(seed)
    miles = np.round(rng.lognormal(0.8, 0.9, n), 2)
    fare = np.round(3.25 + 2.2 * miles + rng.normal(0, 1, n).clip(-2, 4), 2)
    fare[rng.random(n) < 0.01] = 0.0
    payment = rng.choice(["Cash", "Credit Card", "No Charge", "Unknown"], n, p=[0.6, 0.36, 0.02, 0.02])
    company = rng.choice(["Flash Cab", "Blue Ribbon", "Dispatch", "Taxi Affiliation"], n).astype(object)
    company[rng.random(n) < 0.35] = np.nan
    return pd.DataFrame(
        {
            "ride_id": np.arange(first_id, first_id + n, dtype="int64"),
            "started_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 86_400, n), unit="s"),
            "trip_miles": miles,
            "trip_seconds": np.round(miles * 200 + rng.uniform(60, 600, n)),
            "fare": fare,
            "trip_start_hour": rng.integers(0, 24, n),
            "trip_start_day": rng.integers(1, 8, n),
            "trip_start_month": rng.integers(1, 13, n),
            "pickup_community_area": _with_gaps(rng, rng.integers(1, 78, n).astype("float64"), 0.1),
            "dropoff_community_area": _with_gaps(rng, rng.integers(1, 78, n).astype("float64"), 0.12),
            "pickup_latitude": _with_gaps(rng, rng.normal(41.9, 0.05, n), 0.1),
            "pickup_longitude": _with_gaps(rng, rng.normal(-87.65, 0.05, n), 0.1),
            "payment_type": payment.astype(object),
            "company": company,
            "tips": np.where(payment == "Credit Card", np.round(fare * rng.uniform(0, 0.45, n), 2), 0.0),
        }
    ).astype({"started_at": "datetime64[us]"})


def _with_gaps(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    values[rng.random(len(values)) < share] = np.nan
    return values


def write_day(
    lake: Path, day: dt.date, frame: pd.DataFrame, *, n_files: int = 2, row_group: int = 200
) -> Path:
    """One partition of `n_files` files, as `make_lake` of the benchmark writes it."""
    directory = lake / f"ride_date={day}"
    directory.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    step = -(-len(frame) // n_files) or 1
    for i in range(n_files):
        pq.write_table(
            table.slice(i * step, step),
            directory / f"part-{i}.parquet",
            row_group_size=row_group,
            write_page_checksum=True,
        )
    return directory


def estimators() -> dict[str, Any]:
    """The three pipelines of the benchmark, smaller: linear on one-hot, boosted trees, a forest."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    def ordinal() -> OrdinalEncoder:
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)

    def prepared(numbers: Any, categories: Any) -> ColumnTransformer:
        return ColumnTransformer([("num", numbers, NUMBERS), ("cat", categories, CATEGORIES)])

    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    return {
        "linear": Pipeline(
            [
                ("prep", prepared(scaled, OneHotEncoder(handle_unknown="ignore"))),
                ("clf", LogisticRegression(max_iter=500)),
            ]
        ),
        "boosted": Pipeline(
            [
                ("prep", prepared("passthrough", ordinal())),
                ("clf", HistGradientBoostingClassifier(max_iter=20, random_state=0)),
            ]
        ),
        "forest": Pipeline(
            [
                ("prep", prepared(SimpleImputer(), ordinal())),
                ("clf", RandomForestClassifier(20, max_depth=8, n_jobs=1, random_state=0)),
            ]
        ),
    }


def fitted(name: str) -> Any:
    """One of the three, fitted on object columns with NaN, as the benchmark's models are."""
    frame = rides(3_000, seed=99)
    return estimators()[name].fit(frame[FEATURES], (frame.tips > 0.2 * frame.fare).astype(int))


@dataclass(frozen=True)
class Result:
    """What a shell would see."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as JSON Lines, each as the published schema says."""
        return jsonlines.parsed(self.stdout)


def job_document(**changes: Any) -> dict[str, Any]:
    """The smallest useful job; changes are merged one level deep (`input={"where": …}`)."""
    document: dict[str, Any] = {
        "version": 1,
        "name": "taxi_tips",
        "schedule": {"timezone": "America/Chicago"},
        "input": {
            "path": "data/lake/rides",
            "partition_by": {"ride_date": "date"},
            "key": ["ride_id"],
        },
        "model": {
            "uri": "taxi_tips@champion",
            "method": "predict_proba",
            "output": {"score": "float64 = proba[1]", "big_tip": "bool = proba[1] > 0.5"},
        },
        "output": {"path": "data/predictions/taxi_tips", "state": "data/state"},
    }
    for key, value in changes.items():
        document[key] = {**document.get(key, {}), **value} if isinstance(value, dict) else value
    return document


def write_job(root: Path, document: dict[str, Any]) -> Path:
    path = root / "jobs" / f"{document['name']}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def days(n: int) -> Sequence[dt.date]:
    return [FIRST_DAY + dt.timedelta(days=i) for i in range(n)]


def read_published(directory: Path) -> pd.DataFrame:
    """All rows below a directory in file order, by pyarrow alone."""
    tables = [pq.read_table(path, partitioning=None) for path in sorted(directory.rglob("*.parquet"))]
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame
