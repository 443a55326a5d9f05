"""Days with rows that break rules, and what pandas says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tests import taxi
from tests.conftest import TaxiProject

FARE = "rides_input: fare between 0 and 500"
MILES = "rides_input: trip_miles not null"
PAID = "rides_input: payment_type in [Cash, Credit Card, No Charge, Unknown]"
RULES = (FARE, MILES, PAID)
KINDS = ("Cash", "Credit Card", "No Charge", "Unknown")


def expectation(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": kwargs}


FARE_RULE = expectation("expect_column_values_to_be_between", column="fare", min_value=0, max_value=500)
ROW_RULES = [
    FARE_RULE,
    expectation("expect_column_values_to_not_be_null", column="trip_miles"),
    expectation("expect_column_values_to_be_in_set", column="payment_type", value_set=list(KINDS)),
]


def write_suite(project: TaxiProject, *expectations: dict[str, Any], name: str = "rides_input") -> None:
    directory = project.root / "jobs" / "suites"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps({"name": name, "expectations": list(expectations)}))


def soil(frame: pd.DataFrame, seed: int = 0, share: float = 0.05) -> pd.DataFrame:
    """Fares of nobody, miles missing, ways to pay that do not exist; some rows with all three."""
    rng = np.random.default_rng(seed)
    dirty = frame.copy()
    for column, value in (("fare", -7.5), ("trip_miles", np.nan), ("payment_type", "Shells")):
        dirty.loc[rng.random(len(frame)) < share, column] = value
    return dirty


def broken(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """The oracle: by rule, the rows that break it, told by pandas."""
    return {
        FARE: ~frame.fare.between(0, 500) & frame.fare.notna(),
        MILES: frame.trip_miles.isna(),
        PAID: ~frame.payment_type.isin(KINDS) & frame.payment_type.notna(),
    }


def rules_by_ride(frame: pd.DataFrame) -> dict[int, list[str]]:
    """Of each ride that breaks a rule, the rules."""
    table = pd.DataFrame(broken(frame))
    bad = table.any(axis=1)
    rides = frame.ride_id[bad].astype(int)
    return {
        ride: [rule for rule in RULES if row[rule]]
        for ride, (_, row) in zip(rides, table[bad].iterrows(), strict=True)
    }


def quarantined(project: TaxiProject, index: int = 0, generation: int = 1) -> pd.DataFrame:
    """By pandas alone."""
    directory = project.state / "quarantine" / "taxi_tips" / project.day(index).name / str(generation)
    files = sorted(directory.glob("*.parquet")) if directory.exists() else []
    frames = [pq.ParquetFile(file, page_checksum_verification=True).read().to_pandas() for file in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"ride_id": [], "_rules": []})


def manifest(project: TaxiProject, index: int = 0, generation: int = 1) -> dict[str, Any]:
    path = project.state / "manifests" / "taxi_tips" / project.day(index).name / f"{generation}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def add_dirty(project: TaxiProject, index: int = 0, n_rows: int = 600, **how: Any) -> pd.DataFrame:
    frame = soil(taxi.rides(n_rows, seed=index, first_id=index * 1_000_000), seed=index, **how)
    taxi.write_day(project.lake, taxi.days(index + 1)[index], frame)
    return frame


def read_day(project: TaxiProject, index: int = 0) -> pd.DataFrame:
    """With the file and the place in it of each row."""
    frames = []
    for path in sorted(project.day(index).glob("*.parquet")):
        frame = pq.ParquetFile(path).read().to_pandas()
        frames.append(frame.assign(_file=f"{path.parent.name}/{path.name}", _row=range(len(frame))))
    whole: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return whole


def aside_file(project: TaxiProject, generation: int = 1) -> Path:
    directory = project.state / "quarantine" / "taxi_tips" / "ride_date=2024-01-01" / str(generation)
    return sorted(directory.iterdir())[0]
