"""Small tables of every column type, with every pattern of nulls."""

from __future__ import annotations

import datetime as dt
import decimal
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

NULLS = ("none", "some", "all")
_INF, _NAN = float("inf"), float("nan")
_FLOATS = (-1.5, 0.0, -0.0, 0.1, 0.1 + 0.2, 1.0, 2.0, 2.5, 3.0, 10.0, 1e9)
_TEXTS = (
    "", "a", "A", "ab", "abc", "é", "日本", "a\n", "x1", "12", "3.5", "true", "null",
    '{"a": 1}', '{"a": "b"}', "[1, 2]",
    "2024-01-02", "2024-01-02 03:04:05", "2024-13-40", "01/02/2024", "foo@bar.org", "a b", "٣", "nan", "None",
)  # fmt: skip
_TIMES = tuple(
    dt.datetime(2024, 1, day, hour, minute, second)  # noqa: DTZ001 (that is what the columns hold)
    for day, hour, minute, second in [
        (1, 0, 0, 0),
        (1, 12, 30, 5),
        (2, 0, 0, 0),
        (3, 23, 59, 59),
        (9, 1, 2, 3),
    ]
)
_DATES = ("2024-01-02", "2024-1-2", "2023-02-29", "01/02/2024", "2024-01-02 ", "", "2024-01-02 03:04:05")
_NEW_YEAR = dt.date(2024, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """pool: what occurs in such a column. in_json: the same as a suite would write it."""

    name: str
    type: pa.DataType
    pool: tuple[Any, ...]
    in_json: tuple[Any, ...]

    def values(self, rng: random.Random, n: int, nulls: str) -> pa.Array:
        if self.name == "int64, large":
            nulls = "none"  # pandas would round them: a difference that is documented
        drawn = [rng.choice(self.pool) for _ in range(n)]
        if nulls == "all":
            drawn = [None] * n
        if nulls == "some":
            drawn = [None if rng.random() < 0.3 else value for value in drawn]
        return _array(drawn, self.type)


def _array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(type_):
        return pa.array(values, type_.value_type).dictionary_encode().cast(type_)
    return pa.array(values, type_)


def _plain(name: str, type_: pa.DataType, pool: Sequence[Any]) -> ColumnType:
    return ColumnType(name=name, type=type_, pool=tuple(pool), in_json=tuple(pool))


def _texts(name: str, type_: pa.DataType, pool: Sequence[Any] = _TEXTS) -> ColumnType:
    return _plain(name, type_, pool)


def _times(unit: str, tz: str | None = None) -> ColumnType:
    zone = "+00:00" if tz else ""
    pool = tuple(time.replace(tzinfo=dt.UTC) for time in _TIMES) if tz else _TIMES
    return ColumnType(
        name=f"timestamp[{unit}{', ' + tz if tz else ''}]",
        type=pa.timestamp(unit, tz),
        pool=pool,
        in_json=tuple(f"{time:%Y-%m-%dT%H:%M:%S}{zone}" for time in _TIMES),
    )


COLUMN_TYPES: Mapping[str, ColumnType] = {
    one.name: one
    for one in (
        _plain("int64", pa.int64(), [-3, 0, 1, 2, 3, 4, 5, 7, 10, 100, -(2**40)]),
        _plain("int64, few", pa.int64(), [1, 2, 3]),
        _plain("int64, large", pa.int64(), [2**53, 2**53 + 1, -(2**62), 2**62 + 1, 5]),
        _plain("int32", pa.int32(), [-3, 0, 1, 2, 3, 2**30]),
        _plain("int8", pa.int8(), [-128, 0, 1, 2, 3, 127]),
        _plain("uint8", pa.uint8(), [0, 1, 2, 3, 200, 255]),
        _plain("uint64", pa.uint64(), [0, 1, 2, 3, 2**63 + 5]),
        _plain("float64", pa.float64(), _FLOATS),
        _plain("float64, odd", pa.float64(), [*_FLOATS, _NAN, _INF, -_INF]),
        _plain("float64, infinite", pa.float64(), [1.0, 2.0, _INF]),
        _plain("float32", pa.float32(), [*_FLOATS, _NAN]),
        _plain("float32, odd", pa.float32(), [1.0, 0.1, _NAN, _INF, -_INF]),
        _plain("float16", pa.float16(), [0.5, 1.0, 2.0]),
        _plain("bool", pa.bool_(), [True, False]),
        _texts("string", pa.string()),
        _texts("string, few", pa.string(), ["a", "b", "abc"]),
        _texts("large_string", pa.large_string()),
        _texts("json", pa.string(), ['{"a": 1}', '{"a": "b"}', "[1, 2]", "12", "null", '"x"']),
        _texts("dates as text", pa.string(), _DATES),
        _texts("dictionary<string>", pa.dictionary(pa.int32(), pa.string()), ["a", "b", "abc", "12", "a\n"]),
        _plain("dictionary<int64>", pa.dictionary(pa.int32(), pa.int64()), [1, 2, 3]),
        *(_times(unit) for unit in ("ns", "us", "ms", "s")),
        _times("ns", "UTC"),
        _times("us", "Europe/Berlin"),
        ColumnType(
            name="date32",
            type=pa.date32(),
            pool=tuple(_NEW_YEAR + dt.timedelta(days=days) for days in (0, 1, 2, 40, -7)),
            in_json=tuple(str(_NEW_YEAR + dt.timedelta(days=days)) for days in (0, 1, 2, 40, -7)),
        ),
        ColumnType(
            name="decimal",
            type=pa.decimal128(8, 2),
            pool=tuple(map(decimal.Decimal, ("0.10", "1.00", "2.50", "-3.00"))),
            in_json=(0.1, 1.0, 2.5, -3.0),
        ),
        ColumnType(name="binary", type=pa.binary(), pool=(b"", b"a", b"abc"), in_json=("", "a", "abc")),
        ColumnType(name="list", type=pa.list_(pa.int64()), pool=([1], [1, 2], []), in_json=(1, 2, 3)),
        ColumnType(
            name="time64",
            type=pa.time64("us"),
            pool=(dt.time(1), dt.time(2, 3), dt.time(23, 59, 59)),
            in_json=("01:00:00", "02:03:00", "23:59:59"),
        ),
        _plain("null", pa.null(), [None]),
    )
}  # fmt: skip


def table_of(rng: random.Random, of: ColumnType, n: int, nulls: str) -> pa.Table:
    """v, w, u: of the type; n: a number; c: a text, both with nulls; id: neither null nor repeated."""
    others = rng.choice(NULLS[:2])
    return pa.table(
        {
            "v": of.values(rng, n, nulls),
            "w": of.values(rng, n, rng.choice((nulls, others))),
            "u": of.values(rng, n, others),
            "n": COLUMN_TYPES["int64, few"].values(rng, n, "some"),
            "f": COLUMN_TYPES["float64"].values(rng, n, "some"),
            "c": COLUMN_TYPES["string, few"].values(rng, n, "some"),
            "id": pa.array(range(100, 100 + n), pa.int64()),
        }
    )
