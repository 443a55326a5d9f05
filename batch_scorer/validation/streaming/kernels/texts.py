"""Rules about text: decided once for each distinct value where values repeat."""

from __future__ import annotations

import datetime as dt
import json
import re
import warnings
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs, Types
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, kind_of

_TEXTS = (Kind.TEXT, Kind.CATEGORY)


def _are_texts(types: Types) -> bool:
    return all(kind_of(type_) in _TEXTS for type_ in types)


def _decided(column: Column, decide: Callable[[pd.Series[str]], Mask]) -> Mask:
    """decide: on a pandas string series without nulls, as GX's own pandas code does."""
    if column.distinct is not None:
        _, values = column.distinct
        return column.spread(decide(_series(values)))
    if column.valid is None:
        return decide(_series(column.arrow))
    mask = np.zeros(len(column.arrow), dtype=bool)
    mask[column.valid] = decide(_series(column.arrow.drop_null()))
    return mask


def _series(values: pa.Array) -> pd.Series[str]:
    return pd.Series(pd.array(values, dtype="str"))


def _one_by_one(column: Column, holds: Callable[[str], bool]) -> Mask:
    return _decided(column, lambda texts: np.fromiter(map(holds, texts), dtype=bool, count=len(texts)))


# Regular expressions: pandas' own `str.contains`, so that its choice between RE2 and Python's re is GX's.


def _contains(column: Column, regex: str) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about groups in the pattern
        return _decided(column, lambda texts: texts.str.contains(regex).to_numpy(dtype=bool))


def _is_regex(pattern: object) -> bool:
    if not isinstance(pattern, str):
        return False
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _streams_regex(types: Types, kwargs: Kwargs) -> bool:
    return _are_texts(types) and _is_regex(kwargs.get("regex", "(?s).*"))


def _streams_regexes(types: Types, kwargs: Kwargs) -> bool:
    patterns = kwargs.get("regex_list")
    return (
        _are_texts(types)
        and isinstance(patterns, list)
        and bool(patterns)
        and all(_is_regex(pattern) for pattern in patterns)
        and kwargs.get("match_on", "any") in ("any", "all", None)
    )


def _matches(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    return _contains(columns[0], kwargs.get("regex", "(?s).*"))


def _matches_list(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    found = [_contains(columns[0], pattern) for pattern in kwargs["regex_list"]]
    joint = np.logical_and if kwargs.get("match_on") == "all" else np.logical_or
    return reduce(joint, found)


def _matches_none(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    found = [_contains(columns[0], pattern) for pattern in kwargs["regex_list"]]
    return ~reduce(np.logical_or, found)


MATCH_REGEX = Kernel(streams=_streams_regex, meets=_matches)
NOT_MATCH_REGEX = Kernel(streams=_streams_regex, meets=lambda columns, kwargs: ~_matches(columns, kwargs))
MATCH_REGEX_LIST = Kernel(streams=_streams_regexes, meets=_matches_list)
NOT_MATCH_REGEX_LIST = Kernel(streams=_streams_regexes, meets=_matches_none)


# Lengths


def _lengths(column: Column, decide: Callable[[Any], Mask]) -> Mask:
    return _decided(column, lambda texts: decide(texts.str.len().to_numpy()))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _streams_length(types: Types, kwargs: Kwargs) -> bool:
    return _are_texts(types) and _is_number(kwargs.get("value"))


def _streams_lengths(types: Types, kwargs: Kwargs) -> bool:
    given = [kwargs[name] for name in ("min_value", "max_value") if kwargs.get(name) is not None]
    whole = all(_is_number(bound) and float(bound).is_integer() for bound in given)
    return _are_texts(types) and bool(given) and whole


def _has_length_between(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")

    def decide(lengths: Any) -> Mask:
        mask = np.ones(len(lengths), dtype=bool)
        if low is not None:
            mask &= lengths > low if kwargs.get("strict_min") else lengths >= low
        if high is not None:
            mask &= lengths < high if kwargs.get("strict_max") else lengths <= high
        return mask

    return _lengths(columns[0], decide)


LENGTH_EQUALS = Kernel(
    streams=_streams_length,
    meets=lambda columns, kwargs: _lengths(columns[0], lambda lengths: lengths == float(kwargs["value"])),
)
LENGTH_BETWEEN = Kernel(streams=_streams_lengths, meets=_has_length_between)


# What Python's own parsers say of each value


def _are_plain_texts(types: Types, _: Kwargs) -> bool:
    return all(kind_of(type_) is Kind.TEXT for type_ in types)


def _streams_strftime(types: Types, kwargs: Kwargs) -> bool:
    return _are_plain_texts(types, kwargs) and isinstance(kwargs.get("strftime_format"), str)


def _has_format(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    format_ = kwargs["strftime_format"]

    def holds(text: str) -> bool:
        try:
            dt.datetime.strptime(text, format_)  # noqa: DTZ007 (as GX does)
        except ValueError:
            return False
        return True

    return _one_by_one(columns[0], holds)


def _is_dateutil(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    from dateutil.parser import parse

    def holds(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, OverflowError):
            return False
        return True

    return _one_by_one(columns[0], holds)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except Exception:
        return False
    return True


def _is_schema(types: Types, kwargs: Kwargs) -> bool:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    schema = kwargs.get("json_schema")
    if not isinstance(schema, dict) or not _are_plain_texts(types, kwargs):
        return False
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError:
        return False
    return True


def _has_schema(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    """Raises: ValueError, when a text is no JSON: so does GX."""
    import jsonschema

    def holds(text: str) -> bool:
        try:
            jsonschema.validate(json.loads(text), kwargs["json_schema"])
        except jsonschema.ValidationError:
            return False
        return True

    return _one_by_one(columns[0], holds)


STRFTIME = Kernel(streams=_streams_strftime, meets=_has_format)
DATEUTIL = Kernel(streams=_are_plain_texts, meets=_is_dateutil)
JSON = Kernel(streams=_are_plain_texts, meets=lambda columns, _: _one_by_one(columns[0], _is_json))
JSON_SCHEMA = Kernel(streams=_is_schema, meets=_has_schema, raises=True)
