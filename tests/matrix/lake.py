"""Rides with a column of every type, and the ways in which training may have read them.

The lake has two days. The first has nulls, companies and words that training never saw; the second has no
null at all, so that pandas reads its integers and booleans as other dtypes than training's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from batch_scorer.core.models import Takes

N_TRAINING, N_A_DAY, ROW_GROUP = 240, 300, 110  # three chunks a day, the last one shorter
DAYS = ("2024-01-01", "2024-01-02")
_COMPANIES = ("Blue Ribbon", "Flash Cab", "Top Cab")
_WORDS = ("airport", "night", "tip", "card", "rain", "late", "child", "dog")


def rides(n: int, *, seed: int, first_id: int = 0, nulls: float = 0.1, unseen: bool = False) -> pa.Table:
    """n rides. nulls: their share in the columns that have any. unseen: companies and words of their own."""
    rng = np.random.default_rng(seed)
    companies = (*_COMPANIES, "Founded Yesterday") if unseen else _COMPANIES
    words = (*_WORDS, "earthquake") if unseen else _WORDS

    def holes(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.array(values, type=kind, mask=rng.random(n) < nulls)

    started = np.datetime64("2024-01-01", "us") + rng.integers(0, 9999, n) * np.timedelta64(1, "m")
    return pa.table(
        {
            "ride_id": pa.array(np.arange(first_id, first_id + n)),
            "miles": pa.array(rng.lognormal(0.5, 0.6, n).round(2)),
            "minutes": pa.array(rng.gamma(2.0, 1.0, n)),
            "fare": holes(rng.gamma(3.0, 1.0, n).round(2), pa.float64()),
            "heat": pa.array(rng.normal(0, 1, n), pa.float32()),
            "load": pa.array(rng.gamma(2.0, 1.0, n).astype("float16")),
            "speed": pa.array(rng.gamma(2.0, 1.0, n), pa.float32()),
            "stops": pa.array(rng.integers(0, 6, n)),
            "hour": pa.array(rng.integers(0, 24, n)),
            "bags": holes(rng.integers(0, 5, n), pa.int64()),
            "seats": pa.array(rng.integers(1, 7, n), pa.uint8()),
            "floor": pa.array(rng.integers(-2, 9, n), pa.int16()),
            "prepaid": pa.array(rng.random(n) < 0.5),
            "pooled": pa.array(rng.random(n) < 0.3),
            "shared": holes(rng.random(n) < 0.4, pa.bool_()),
            "price": holes(
                [Decimal(int(cents)) / 100 for cents in rng.integers(0, 9_999, n)], pa.decimal128(9, 2)
            ),
            "payment": pa.array(rng.choice(["Cash", "Credit Card", "Unknown"], n).tolist()),
            "rating": holes(rng.choice(["good", "fair", "poor"], n).tolist(), pa.string()),
            "company": holes(rng.choice(companies, n).tolist(), pa.string()),
            "note": pa.array([" ".join(rng.choice(words, 4)) for _ in range(n)]),
            "started_at": pa.array(started),
            "booked_at": pa.array(started)
            .cast(pa.timestamp("ms"))
            .cast(pa.timestamp("ms", "America/Chicago")),
            "day": pa.array(started).cast(pa.date32()),
        }
    )


def write_lake(root: Path) -> Mapping[str, pa.Table]:
    """Two partitions below `root`, each a file of three row groups. Returns: their tables by day."""
    days = {
        DAYS[0]: rides(N_A_DAY, seed=1, first_id=1_000, unseen=True),
        DAYS[1]: rides(N_A_DAY, seed=2, first_id=2_000, nulls=0.0),
    }
    for day, table in days.items():
        directory = root / f"ride_date={day}"
        directory.mkdir(parents=True)
        pq.write_table(
            table, directory / "part-0.parquet", row_group_size=ROW_GROUP, write_page_checksum=True
        )
    return days


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How training read some columns, and what its pipeline began with to make numbers of them.

    read: from what pandas reads to what the estimator was given, in the form that `takes` says.
    prepare: None when it takes them as they are. single: the numbers have single precision.
    no_skops: why a pipeline that begins so is no skops file.
    """

    name: str
    columns: tuple[str, ...]
    read: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    prepare: Callable[[], Any] | None = None
    takes: Takes = Takes.FRAME
    single: bool = False
    no_skops: str = ""

    def of(self, frame: pd.DataFrame) -> Any:
        """What the estimator is handed. frame: all columns, as pandas reads them."""
        return handed(self.read(frame[list(self.columns)]), self.takes)


def handed(frame: pd.DataFrame, takes: Takes) -> Any:
    return {Takes.FRAME: frame, Takes.ARRAY: frame.to_numpy(), Takes.SERIES: frame.iloc[:, 0]}[takes]


def _as(dtype: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.astype(dtype)


def _none(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(object).where(frame.notna(), None)


def _one_hot() -> Any:
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def _ordinal() -> Any:
    return make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    )


def moments(frame: pd.DataFrame) -> np.ndarray:
    """Hour, weekday and day of the month of every column of times; a function of no library."""
    columns = [frame[name].dt for name in frame]
    parts = [part for column in columns for part in (column.hour, column.day_of_week, column.day)]
    return np.column_stack([part.to_numpy(dtype="float64") for part in parts])


def weekdays(frame: pd.DataFrame) -> np.ndarray:
    return np.column_stack([[float(day.weekday()) for day in frame[name]] for name in frame])


_OURS = "a function of the project's own, which only a pickle can name"
_CATEGORIES = {
    "payment": pd.CategoricalDtype(["Cash", "Credit Card", "Unknown"]),
    "rating": pd.CategoricalDtype(["poor", "fair", "good"], ordered=True),
}

NUMERIC = (
    Reading(name="float64", columns=("miles", "minutes")),
    Reading(name="float64, an array", columns=("miles", "minutes"), takes=Takes.ARRAY),
    Reading(name="float64 with nulls", columns=("fare", "miles"), prepare=SimpleImputer),
    Reading(name="float32", columns=("speed", "heat"), single=True),
    Reading(name="float16", columns=("load", "miles")),
    Reading(
        name="decimals, as float64",
        columns=("price", "miles"),
        read=_as("float64"),
        prepare=SimpleImputer,
    ),
    Reading(name="decimals", columns=("price", "miles"), prepare=SimpleImputer),
    Reading(name="int64", columns=("stops", "hour")),
    Reading(name="uint8 and int16", columns=("seats", "floor")),
    Reading(
        name="integers with nulls", columns=("bags", "stops"), read=_as("float64"), prepare=SimpleImputer
    ),
    Reading(name="Int64", columns=("bags", "stops"), read=_as("Int64"), prepare=SimpleImputer),
    Reading(name="Float64", columns=("fare", "miles"), read=_as("Float64"), prepare=SimpleImputer),
    Reading(
        name="Arrow's double and int64",
        columns=("fare", "bags"),
        read=_as({"fare": pd.ArrowDtype(pa.float64()), "bags": pd.ArrowDtype(pa.int64())}),
        prepare=SimpleImputer,
    ),
    Reading(
        name="Arrow's string", columns=("payment",), read=_as(pd.ArrowDtype(pa.string())), prepare=_one_hot
    ),
    Reading(name="bool", columns=("prepaid", "pooled")),
    Reading(name="boolean", columns=("shared", "prepaid"), read=_as("boolean"), prepare=SimpleImputer),
    Reading(name="booleans with None", columns=("shared", "prepaid"), read=_none, prepare=_one_hot),
    Reading(name="category", columns=("payment", "rating"), read=_as(_CATEGORIES), prepare=_one_hot),
    Reading(name="str", columns=("payment", "company"), read=_as("str"), prepare=_one_hot),
    Reading(name="object", columns=("payment", "company"), read=_as(object), prepare=_ordinal),
    Reading(name="object with None", columns=("company", "rating"), read=_none, prepare=_one_hot),
    Reading(name="string", columns=("payment",), read=_as("string"), prepare=_one_hot),
    Reading(
        name="string with NA",
        columns=("company", "payment"),
        read=_as("string"),
        prepare=lambda: make_pipeline(
            SimpleImputer(missing_values=pd.NA, strategy="most_frequent"), _ordinal()
        ),
        no_skops="skops 0.16 writes pandas' NA and cannot read it back",
    ),
    Reading(
        name="timestamps",
        columns=("started_at", "booked_at"),
        prepare=lambda: FunctionTransformer(moments),
        no_skops=_OURS,
    ),
    Reading(name="dates", columns=("day",), prepare=lambda: FunctionTransformer(weekdays), no_skops=_OURS),
)
_WHOLE = (
    Reading(name="float64 with nulls, as it is", columns=("fare", "miles", "minutes")),
    Reading(name="category, as it is", columns=("payment", "rating"), read=_as(_CATEGORIES)),
    Reading(name="str, as it is", columns=("payment", "company"), read=_as("str")),
    Reading(name="free text", columns=("note",)),
    Reading(name="free text, a series", columns=("note",), takes=Takes.SERIES),
    Reading(
        name="numbers, flags and text", columns=("miles", "fare", "bags", "prepaid", "payment", "company")
    ),
)
READINGS = {reading.name: reading for reading in (*NUMERIC, *_WHOLE)}
