"""The dtypes a training table may have, and what a signature says of each: written down here by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from batch_scorer.models.signature.arrow_types import arrow_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """dtype: in the training table. type, remembered: of the signature, `remembered` is its pandas_dtype.

    example: a value. values: others. missing: what stands for a missing one, () where there can be none.
    """

    dtype: Any
    type: str
    remembered: str
    example: Any
    values: st.SearchStrategy[Any]
    missing: tuple[Any, ...] = (None,)

    def series(self, values: list[Any]) -> pd.Series[Any]:
        series: pd.Series[Any] = pd.Series(values, dtype=self.dtype)
        return series

    @property
    def frame(self) -> pd.DataFrame:
        """A value and, where there can be one, a missing one."""
        return pd.DataFrame({"c": self.series([self.example, *(self.missing or (self.example,))])})


_TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
_MONEY = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents).scaleb(-2))
_MOMENTS = st.integers(-(2**31), 2**32).map(lambda seconds: pd.Timestamp(seconds, unit="s"))
_INSTANTS = _MOMENTS.map(lambda moment: moment.tz_localize("UTC"))
_A_MOMENT = pd.Timestamp("2024-03-31T02:30:00")  # an hour that Berlin did not have
_WHOLE: Mapping[str, st.SearchStrategy[Any]] = {
    **{f"int{bits}": st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS: Mapping[str, st.SearchStrategy[Any]] = {
    "float16": st.floats(width=16, allow_nan=False),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(width=64, allow_nan=False),
}
_OBJECTS = (
    ("text", "string", "a", _TEXT),
    ("booleans", "bool", True, st.booleans()),
    ("dates", "date32", dt.date(2024, 2, 29), st.dates()),
    ("decimals", "decimal128(38, 2)", Decimal("0.01"), _MONEY),
)
_TEXTS = {
    "str": "str",
    "str[python]": pd.StringDtype("python", na_value=np.nan),
    "string": pd.StringDtype("pyarrow"),
    "string[python]": pd.StringDtype("python"),
    "string[pyarrow]": pd.ArrowDtype(pa.string()),
    "large_string[pyarrow]": pd.ArrowDtype(pa.large_string()),
    **{
        f"{kind}[pyarrow]": pd.ArrowDtype(kind)
        for kind in (
            pa.dictionary(pa.int8(), pa.string()),
            pa.dictionary(pa.uint16(), pa.large_string(), ordered=True),
        )
    },
}
_CATEGORIES = {
    "text": (pd.Index(["b", "a", "z"]), "string"),
    "text in objects": (pd.Index(["b", "a", "z"], dtype=object), "string"),
    "text with NA": (pd.Index(["b", "a", "z"], dtype="string"), "string"),
    "text in Arrow": (pd.Index(["b", "a"], dtype=pd.ArrowDtype(pa.large_string())), "string"),
    "small numbers": (pd.Index([3, 1, 2], dtype="int8"), "int8"),
    "huge numbers": (pd.Index([2**64 - 1, 1], dtype="uint64"), "uint64"),
    "masked numbers": (pd.Index([3, 1], dtype="Int64"), "int64"),
    "Arrow's numbers": (pd.Index([3, 1], dtype="int32[pyarrow]"), "int32"),
    "floats": (pd.Index([0.1, 1.0], dtype="float32"), "float32"),
    "booleans": (pd.Index([True, False]), "bool"),
}


def _numbers() -> Iterator[tuple[str, Kind]]:
    for name, values in _WHOLE.items():
        yield name, Kind(dtype=name, type=name, remembered=name, example=3, values=values, missing=())
        masked = name.replace("int", "Int").replace("uI", "UI")
        yield masked, Kind(dtype=masked, type=name, remembered=masked, example=3, values=values)
        arrow = f"{name}[pyarrow]"
        yield arrow, Kind(dtype=arrow, type=name, remembered=arrow, example=3, values=values)
    for name, values in _FLOATS.items():
        yield (
            name,
            Kind(dtype=name, type=name, remembered=name, example=1.5, values=values, missing=(np.nan,)),
        )
        arrow = {16: "halffloat", 32: "float", 64: "double"}[int(name[-2:])] + "[pyarrow]"
        kind = pd.ArrowDtype(arrow_type(name))
        yield arrow, Kind(dtype=kind, type=name, remembered=arrow, example=1.5, values=values)
    for name in ("Float32", "Float64"):
        values = _FLOATS[name.lower()]
        yield name, Kind(dtype=name, type=name.lower(), remembered=name, example=1.5, values=values)
    for name in ("bool", "boolean", "bool[pyarrow]"):
        missing = () if name == "bool" else (None,)
        yield (
            name,
            Kind(
                dtype=name, type="bool", remembered=name, example=True, values=st.booleans(), missing=missing
            ),
        )


def _objects() -> Iterator[tuple[str, Kind]]:
    for label, kind, example, values in _OBJECTS:
        for missing in (None, np.nan, pd.NA):
            yield (
                f"object of {label}, {missing} where missing",
                Kind(
                    dtype=object,
                    type=kind,
                    remembered="object",
                    example=example,
                    values=values,
                    missing=(missing,),
                ),
            )


def _times() -> Iterator[tuple[str, Kind]]:
    for unit in ("s", "ms", "us", "ns"):
        for zone, named in ((None, ""), ("UTC", ", UTC"), ("Europe/Berlin", ", Europe/Berlin")):
            example = _A_MOMENT if zone is None else _A_MOMENT.tz_localize("UTC")
            values = _MOMENTS if zone is None else _INSTANTS
            kind, dtype = f"timestamp[{unit}{named}]", f"datetime64[{unit}{named}]"
            missing = (pd.NaT,)
            yield (
                dtype,
                Kind(
                    dtype=dtype, type=kind, remembered=dtype, example=example, values=values, missing=missing
                ),
            )
            arrow = pd.ArrowDtype(pa.timestamp(unit, zone))
            yield (
                str(arrow),
                Kind(dtype=arrow, type=kind, remembered=str(arrow), example=example, values=values),
            )
    name = "datetime64[us, UTC+02:00]"
    yield (
        name,
        Kind(
            dtype=name, type="timestamp[us, +02:00]", remembered=name,
            example=_A_MOMENT.tz_localize("UTC"), values=_INSTANTS, missing=(pd.NaT,),
        ),
    )  # fmt: skip


def _others() -> Iterator[tuple[str, Kind]]:
    for name, dtype in _TEXTS.items():
        yield name, Kind(dtype=dtype, type="string", remembered=name, example="a", values=_TEXT)
    for kind, remembered, example, values in (
        ("decimal128(12, 2)", "decimal128(12, 2)[pyarrow]", Decimal("1.50"), _MONEY),
        ("date32", "date32[day][pyarrow]", dt.date(2024, 2, 29), st.dates()),
    ):
        dtype = pd.ArrowDtype(arrow_type(kind))
        yield remembered, Kind(dtype=dtype, type=kind, remembered=remembered, example=example, values=values)
    for label, (categories, kind) in _CATEGORIES.items():
        for ordered in (False, True):
            known = categories.tolist()
            yield (
                f"{'ordered ' * ordered}category of {label}",
                Kind(
                    dtype=pd.CategoricalDtype(categories, ordered=ordered), type=kind, remembered="category",
                    example=known[0], values=st.sampled_from(known),
                ),
            )  # fmt: skip


KINDS: Mapping[str, Kind] = dict([*_numbers(), *_objects(), *_times(), *_others()])
