"""The example's model: which rides end with a big tip, learned from rides older than the lake."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from batch_scorer.ops.scaffold.rides import FIRST_DAY, rides_of_day

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = [
    "trip_miles",
    "trip_seconds",
    "fare",
    "pickup_community_area",
    "dropoff_community_area",
    "pickup_latitude",
    "pickup_longitude",
    "trip_start_hour",
    "trip_start_day",
    "trip_start_month",
]
CATEGORIES = ["payment_type", "company"]

_DAYS = 28
_DAYS_UNTIL_TIPS_SETTLE = 14  # so the newest fortnight before the lake has no labels yet
_RIDES_PER_DAY = 1_072


def training_rides(seed: int) -> pa.Table:
    """About 30,000 rides of four weeks, all before the lake's first day, with keys and label."""
    newest = FIRST_DAY - dt.timedelta(days=_DAYS_UNTIL_TIPS_SETTLE + 1)
    days = [newest - dt.timedelta(days=back) for back in reversed(range(_DAYS))]
    return pa.concat_tables([rides_of_day(day, _RIDES_PER_DAY, seed=seed) for day in days])


def training_frame(seed: int) -> pd.DataFrame:
    """`training_rides` as pandas reads it from Parquet."""
    frame: pd.DataFrame = training_rides(seed).to_pandas()
    return frame


def train(frame: pd.DataFrame) -> Pipeline:
    """Fits P(tip > 20 % of the fare) on columns of `training_frame`; only skops-serialisable parts."""
    big_tip = (frame["tips"] > 0.2 * frame["fare"]).astype(int)
    preparation = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ]
    )
    model = Pipeline([("preparation", preparation), ("classifier", LogisticRegression(max_iter=500))])
    return model.fit(frame[NUMBERS + CATEGORIES], big_tip)
