"""Rules about the table's columns: their names, number and types. No rows but for nulls that widen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pandas.core.dtypes.dtypes
import pyarrow as pa

from batch_scorer.validation.streaming.measures import Counted, Measure
from batch_scorer.validation.streaming.rows import Kind, kind_of
from batch_scorer.validation.streaming.rules.aggregates import lies_between
from batch_scorer.validation.streaming.rules.rule import (
    Found,
    Kwargs,
    NotStreamed,
    condition_of,
    types_of,
    widens,
)

_TYPED = (Kind.INT, Kind.FLOAT, Kind.FLOAT32, Kind.TEXT, Kind.CATEGORY, Kind.TIME)
_NATIVE: Mapping[str, type] = {
    "bool": bool,
    "int": int,
    "long": int,
    "float": float,
    "bytes": bytes,
    "complex": complex,
    "str": str,
    "string_types": str,
    "list": list,
    "dict": dict,
    "none": type(None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesRule:
    """decide: success, from the arguments and the table's column names. takes: arguments it decides for."""

    decide: Callable[[Kwargs, list[str]], bool]
    takes: Callable[[Kwargs], bool]

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        if not self.takes(kwargs):
            raise NotStreamed("arguments that only GX reads")
        if len(set(schema.names)) < len(schema.names):
            raise NotStreamed("two columns of one name")
        return ()

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return self.decide(kwargs, found.schema.names)

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        match metric:
            case "table.columns":
                return list(found.schema.names)
            case "table.column_count":
                return len(found.schema.names)
            case _:
                raise KeyError(metric)


def _exists(kwargs: Kwargs, names: list[str]) -> bool:
    index = kwargs.get("column_index")
    if not index:
        return kwargs["column"] in names
    return -len(names) <= index < len(names) and bool(names[index] == kwargs["column"])


def _matches_set(kwargs: Kwargs, names: list[str]) -> bool:
    expected, actual = set(kwargs.get("column_set") or ()), set(names)
    return expected == actual if kwargs.get("exact_match", True) else expected <= actual


def _matches_list(kwargs: Kwargs, names: list[str]) -> bool:
    expected: list[str] | None = kwargs.get("column_list")
    return expected is None or expected == names


def _are_names(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _whole_bounds(kwargs: Kwargs) -> bool:
    return all(type(kwargs.get(name)) in (int, type(None)) for name in ("min_value", "max_value"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRule:
    """A column's pandas type. decide: success, from the arguments and the type."""

    decide: Callable[[Kwargs, Any], bool]
    named: Callable[[Kwargs], bool]

    def measures(self, kwargs: Kwargs, schema: pa.Schema) -> tuple[Measure, ...]:
        name = kwargs["column"]
        (type_,) = types_of((name,), schema)
        if kind_of(type_) not in _TYPED or not self.named(kwargs):
            raise NotStreamed(f"the type of a column that is {type_}")
        condition_of(kwargs, schema)  # the rows do not matter, but GX filters them
        return (Counted(columns=(name,)),) if widens(type_) else ()

    def holds(self, kwargs: Kwargs, found: Found) -> bool:
        return self.decide(kwargs, dtype_of(kwargs["column"], found))

    def answer(self, metric: str, given: Kwargs, kwargs: Kwargs, found: Found) -> Any:  # noqa: ARG002
        if metric != "table.column_types":
            raise KeyError(metric)
        return [{"name": name, "type": dtype_of(name, found)} for name in found.schema.names]


def dtype_of(name: str, found: Found) -> Any:
    """pandas' type of the whole column; where nobody counted its nulls, as if it had none."""
    type_ = found.schema.field(name).type
    counted = Counted(columns=(name,)) in found.partials
    empty = pa.nulls(0, type_)
    return found.series(name, empty).dtype if counted or not widens(type_) else empty.to_pandas().dtype


def _types_named(name: str) -> list[Any]:
    """What GX takes a type's name for. Raises: nothing; an unknown name gives none."""
    found: list[Any] = []
    try:
        found.append(np.dtype(name).type)
    except TypeError:
        for module in (pd, pandas.core.dtypes.dtypes):
            candidate = getattr(module, name, None)
            if isinstance(candidate, type):
                found.append(candidate)
    native = _NATIVE.get(name.lower())
    return found if native is None else [*found, native]


def _dtypes_named(name: str) -> list[Any]:
    """What GX takes a name in a list for: there it looks for the column's dtype, not its scalar type."""
    found = _types_named(name)
    try:
        found.append(np.dtype(name))
    except TypeError:
        with contextlib.suppress(TypeError, AttributeError):
            dtype = getattr(pd, name)()
            found += [dtype] if isinstance(dtype, pandas.api.extensions.ExtensionDtype) else []
    return found


def _is_of_type(kwargs: Kwargs, dtype: Any) -> bool:
    return dtype.type in _types_named(kwargs["type_"])


def _is_in_types(kwargs: Kwargs, dtype: Any) -> bool:
    return any(dtype in _dtypes_named(name) for name in kwargs["type_list"])


def _knows_type(kwargs: Kwargs) -> bool:
    return isinstance(kwargs.get("type_"), str) and bool(_types_named(kwargs["type_"]))


def _knows_types(kwargs: Kwargs) -> bool:
    names = kwargs.get("type_list")
    return isinstance(names, list) and bool(names) and all(_knows_type({"type_": name}) for name in names)


def _is_type(kwargs: Kwargs, dtype: Any) -> bool:
    """GX compares types, not their scalars, and a unit-less datetime64 with any unit."""
    name = kwargs["type_"]
    parsed = pd.api.types.pandas_dtype(name)
    if isinstance(parsed, np.dtype) and parsed.kind in "mM" and parsed == np.dtype(parsed.kind + "8"):
        return isinstance(dtype, np.dtype) and dtype.kind == parsed.kind
    if isinstance(dtype, pd.StringDtype) and isinstance(parsed, pd.StringDtype):
        return str(dtype) == str(parsed)
    return dtype in (parsed, name)


def _parses(kwargs: Kwargs) -> bool:
    try:
        pd.api.types.pandas_dtype(kwargs.get("type_"))
    except Exception:
        return False
    return isinstance(kwargs.get("type_"), str)


SCHEMAS: Mapping[str, Any] = {
    "expect_column_to_exist": NamesRule(
        decide=_exists, takes=lambda kwargs: type(kwargs.get("column_index")) in (int, type(None))
    ),
    "expect_table_columns_to_match_set": NamesRule(
        decide=_matches_set, takes=lambda kwargs: _are_names(kwargs.get("column_set"))
    ),
    "expect_table_columns_to_match_ordered_list": NamesRule(
        decide=_matches_list, takes=lambda kwargs: _are_names(kwargs.get("column_list"))
    ),
    "expect_table_column_count_to_equal": NamesRule(
        decide=lambda kwargs, names: bool(len(names) == kwargs["value"]),
        takes=lambda kwargs: type(kwargs.get("value")) is int,
    ),
    "expect_table_column_count_to_be_between": NamesRule(
        decide=lambda kwargs, names: lies_between(len(names), kwargs), takes=_whole_bounds
    ),
    "expect_column_type_to_be": TypeRule(decide=_is_type, named=_parses),
    "expect_column_values_to_be_of_type": TypeRule(decide=_is_of_type, named=_knows_type),
    "expect_column_values_to_be_in_type_list": TypeRule(decide=_is_in_types, named=_knows_types),
}
