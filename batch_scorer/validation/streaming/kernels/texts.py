"""Rules about text: decided once for each distinct value where values repeat."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from batch_scorer.validation.streaming.bounds import plain_number
from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs, Types, decided
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, kind_of

_TEXTS = (Kind.TEXT, Kind.CATEGORY)


def _are_texts(types: Types) -> bool:
    return all(kind_of(type_) in _TEXTS for type_ in types)


def _decided(column: Column, decide: Callable[[pd.Series[str]], Mask]) -> Mask:
    """decide: on a pandas string series, as GX's own pandas code does."""
    return decided(column, lambda values: decide(pd.Series(pd.array(values, dtype="str"))))


# Regular expressions: pandas' own `str.contains`, so that its choice between RE2 and Python's re is GX's.


# pandas takes Python's re for a whole column where it holds one text beyond ASCII or a line break, else RE2.
# A chunk knows its own texts only, so a pattern must mean the same to both: a POSIX class and {,3} do not.
_READ_IN_TWO_WAYS = re.compile(r"\[:|\{,|\\0")


def _contains(column: Column, regex: str) -> Mask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about groups in the pattern, and sets in sets
        return _decided(column, lambda texts: texts.str.contains(regex).to_numpy(dtype=bool))


def _is_regex(pattern: object) -> bool:
    if not isinstance(pattern, str):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
            pd.Series(["a"], dtype="str").str.contains(pattern)
    except Exception:
        return False
    return not _READ_IN_TWO_WAYS.search(pattern)


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


def _streams_length(types: Types, kwargs: Kwargs) -> bool:
    return _are_texts(types) and plain_number(kwargs.get("value"))


def _streams_lengths(types: Types, kwargs: Kwargs) -> bool:
    given = [kwargs[name] for name in ("min_value", "max_value") if kwargs.get(name) is not None]
    whole = all(plain_number(bound) and float(bound).is_integer() for bound in given)
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
