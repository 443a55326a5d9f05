"""Taxi rides that look real: marginals as in Chicago's published trips, every value from a seed.

A day's rides depend on the seed and on that day alone, so a longer lake begins with the shorter one.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FIRST_DAY = dt.date(2024, 3, 18)  # a Monday, with no clock change in its fortnight
SCHEMA = pa.schema(
    {
        "ride_id": pa.int64(),  # unique over all days: the date, then a count
        "started_at": pa.timestamp("us"),  # Chicago's wall clock
        "trip_miles": pa.float64(),
        "trip_seconds": pa.float64(),
        "fare": pa.float64(),  # dollars, as tips
        "trip_start_hour": pa.int64(),
        "trip_start_day": pa.int64(),  # Sunday is 1
        "trip_start_month": pa.int64(),
        "pickup_community_area": pa.float64(),
        "dropoff_community_area": pa.float64(),
        "pickup_latitude": pa.float64(),
        "pickup_longitude": pa.float64(),
        "payment_type": pa.string(),
        "company": pa.string(),
        "tips": pa.float64(),
    }
)

_IDS_PER_DAY = 1_000_000
# Community area: share of pickups, latitude, longitude of its middle.
_AREAS = {
    8: (0.33, 41.8996, -87.6333),  # Near North Side
    32: (0.22, 41.8809, -87.6326),  # Loop
    28: (0.09, 41.8742, -87.6635),  # Near West Side
    6: (0.09, 41.9440, -87.6560),  # Lake View
    76: (0.06, 41.9803, -87.9131),  # O'Hare
    7: (0.06, 41.9222, -87.6494),  # Lincoln Park
    24: (0.05, 41.9012, -87.6764),  # West Town
    33: (0.03, 41.8571, -87.6202),  # Near South Side
    3: (0.02, 41.9658, -87.6559),  # Uptown
    56: (0.02, 41.7925, -87.7697),  # Garfield Ridge, with Midway
    77: (0.02, 41.9865, -87.6632),  # Edgewater
    41: (0.01, 41.7941, -87.5924),  # Hyde Park
}
_AIRPORT_MILES = {76: 16.5, 56: 10.0}
_COMPANIES = {
    "Taxi Affiliation Services": 0.345,
    "Dispatch Taxi Affiliation": 0.11,
    "Blue Ribbon Taxi Association Inc.": 0.07,
    "Choice Taxi Association": 0.06,
    "Northwest Management LLC": 0.04,
    "KOAM Taxi Association": 0.015,
    "Top Cab Affiliation": 0.01,
    None: 0.35,
}
_PAYMENTS = {"Cash": 0.56, "Credit Card": 0.42, "No Charge": 0.01, "Unknown": 0.006, "Dispute": 0.004}
# Rides per hour of the day, from midnight: quiet before dawn, full in the evening.
_HOURS = (40, 36, 28, 19, 13, 10, 13, 20, 35, 44, 46, 41, 50, 47, 49, 48, 51, 55, 63, 67, 64, 56, 56, 48)


def rides_of_day(day: dt.date, n_rows: int, *, seed: int) -> pa.Table:
    """One day's rides in the order they started: n_rows rows of SCHEMA."""
    if not 0 <= n_rows < _IDS_PER_DAY:
        raise ValueError(f"{n_rows} rides do not fit one day; at most {_IDS_PER_DAY - 1}")
    rng = np.random.default_rng([seed, day.toordinal()])
    seconds_of_day = np.sort(_pick(rng, range(24), _HOURS, n_rows) * 3600 + rng.integers(0, 3600, n_rows))
    hour = seconds_of_day // 3600
    trip = _trips(rng, hour)
    payment = _pick(rng, tuple(_PAYMENTS), tuple(_PAYMENTS.values()), n_rows)
    columns = {
        "ride_id": np.arange(n_rows) + int(f"{day:%Y%m%d}") * _IDS_PER_DAY,
        "started_at": np.datetime64(day, "us") + seconds_of_day.astype("timedelta64[s]"),
        **trip,
        "trip_start_hour": hour,
        "trip_start_day": np.full(n_rows, day.isoweekday() % 7 + 1),
        "trip_start_month": np.full(n_rows, day.month),
        "payment_type": payment,
        "company": _pick(rng, tuple(_COMPANIES), tuple(_COMPANIES.values()), n_rows),
        "tips": _tips(rng, trip, hour, payment),
    }
    arrays = [pa.array(columns[field.name], type=field.type, from_pandas=True) for field in SCHEMA]
    return pa.table(arrays, schema=SCHEMA)


def with_meter_fault(rides: pa.Table, *, seed: int, share: float = 0.12) -> pa.Table:
    """The same rides after a broken meter update: faulty fares are negative, or one in four in cents.

    share: of the rides, 0..1.
    """
    rng = np.random.default_rng([seed, len(rides)])
    fare = rides["fare"].to_numpy()
    faulty = rng.random(len(fare)) < share
    factor = np.where(rng.random(len(fare)) < 0.75, -1.0, 100.0)
    broken = np.where(faulty, fare * factor, fare)
    return rides.set_column(rides.schema.get_field_index("fare"), "fare", pa.array(broken))


def _trips(rng: np.random.Generator, hour: NDArray[np.int64]) -> dict[str, Numbers]:
    n_rows = len(hour)
    shares = [share for share, _, _ in _AREAS.values()]
    pickup, dropoff = (_pick(rng, tuple(_AREAS), shares, n_rows) for _ in range(2))
    miles = _miles(rng, pickup, dropoff)
    rush = np.isin(hour, (7, 8, 16, 17, 18))
    minutes = 2.5 + miles * np.where(rush, 4.6, 3.4) * rng.lognormal(0.0, 0.25, n_rows)
    waiting = rng.gamma(1.5, 0.7, n_rows)
    fare = np.round((3.25 + 2.2 * miles + waiting) * 4) / 4  # meters step in quarters
    unlocated = rng.random(n_rows) < 0.004
    return {
        "trip_miles": _zeroed(rng, np.round(miles, 2), share=0.01),
        "trip_seconds": _with_gaps(rng, np.round(minutes * 60), share=0.001),
        "fare": _zeroed(rng, fare, share=0.01),
        "pickup_community_area": _blanked(pickup, unlocated),
        "dropoff_community_area": _with_gaps(rng, dropoff, share=0.034),
        "pickup_latitude": _blanked(_position(rng, pickup, axis=1), unlocated),
        "pickup_longitude": _blanked(_position(rng, pickup, axis=2), unlocated),
    }


def _miles(rng: np.random.Generator, pickup: NDArray[Any], dropoff: NDArray[Any]) -> Numbers:
    city = rng.lognormal(0.55, 0.75, len(pickup))
    airport = np.zeros(len(pickup))
    for area, typical in _AIRPORT_MILES.items():
        airport = np.where((pickup == area) != (dropoff == area), typical, airport)
    return np.where(airport > 0, airport * rng.lognormal(0.0, 0.12, len(pickup)), np.clip(city, 0.1, 25.0))


def _tips(
    rng: np.random.Generator, trip: dict[str, Numbers], hour: NDArray[np.int64], payment: NDArray[Any]
) -> Numbers:
    """Only cards leave a trace of a tip; short and late rides tip a larger share of the fare."""
    n_rows = len(payment)
    share = 0.22 + 0.05 * (trip["fare"] < 9) - 0.03 * (trip["fare"] > 30) + 0.02 * (hour >= 20)
    share = np.clip(share + rng.normal(0.0, 0.07, n_rows), 0.0, None)
    tipped = (payment == "Credit Card") & (rng.random(n_rows) > 0.06)
    return np.where(tipped, np.round(trip["fare"] * share, 2), 0.0)


def _position(rng: np.random.Generator, areas: NDArray[Any], *, axis: int) -> Numbers:
    middles = {area: row[axis] for area, row in _AREAS.items()}
    centre = np.array([middles[area] for area in areas.tolist()])
    return np.round(centre + rng.normal(0.0, 0.004, len(areas)), 6)


def _pick(rng: np.random.Generator, values: Any, weights: Any, n_rows: int) -> NDArray[Any]:
    shares = np.asarray(weights, dtype=np.float64)
    choices = np.array(values, dtype=object if None in values or isinstance(values[0], str) else np.int64)
    return choices[rng.choice(len(choices), n_rows, p=shares / shares.sum())]


def _zeroed(rng: np.random.Generator, values: Numbers, *, share: float) -> Numbers:
    return np.where(rng.random(len(values)) < share, 0.0, values)


def _with_gaps(rng: np.random.Generator, values: NDArray[Any], *, share: float) -> Numbers:
    return _blanked(values, rng.random(len(values)) < share)


def _blanked(values: NDArray[Any], where: NDArray[np.bool_]) -> Numbers:
    return np.where(where, np.nan, values.astype(np.float64))
