"""Rules about what Python's own parsers say of a text.

They take microseconds for every value, so each distinct value is decided once, and Arrow decides the texts
whose shape leaves no doubt: only the odd ones are parsed.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.streaming.kernels.kernel import Kernel, Kwargs, Types, decided
from batch_scorer.validation.streaming.rows import Column, Kind, Mask, kind_of, to_numpy

Holds = Callable[[str], bool]

# Of the directives with two digits and such: what surely is one, and what may be. Days after the 28th depend
# on the month, and strptime takes " 1" and digits of any script.
_SURELY = {
    "Y": "[1-9][0-9]{3}",
    "m": "(0[1-9]|1[0-2])",
    "d": "(0[1-9]|1[0-9]|2[0-8])",
    "H": "([01][0-9]|2[0-3])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{6}",
}
_MAYBE = {"Y": "[0-9]{4}", "f": "[0-9]{1,6}"}
_MAYBE_OTHERS = "[ 0-9]{1,2}"
_DATE = "{Y}-{m}-{d}".format(**_SURELY)
_TIME = "{H}:{M}(:{S}([.][0-9]{{1,6}})?)?".format(**_SURELY)
_ISO = rf"\A{_DATE}([T ]{_TIME})?\z"
_JSON_STARTS = r'\A[ \t\n\r]*[\[{"\-0-9tfnNI]'


def _are_texts(types: Types, _: Kwargs) -> bool:
    return all(kind_of(type_) is Kind.TEXT for type_ in types)


def _matches(texts: pa.Array, pattern: str) -> Mask:
    return to_numpy(pc.match_substring_regex(texts, pattern))


def _parsed(texts: pa.Array, holds: Holds, *, known: Mask, doubtful: Mask) -> Mask:
    """known: the answer where it is not doubtful."""
    where = np.flatnonzero(doubtful)
    odd = texts if len(where) == len(texts) else texts.take(pa.array(where))
    known[where] = np.fromiter(map(holds, odd.to_pylist()), dtype=bool, count=len(where))
    return known


def _all_parsed(column: Column, holds: Holds) -> Mask:
    def decide(texts: pa.Array) -> Mask:
        every = np.ones(len(texts), dtype=bool)
        return _parsed(texts, holds, known=~every, doubtful=every)

    return decided(column, decide)


# strptime


def _streams_strftime(types: Types, kwargs: Kwargs) -> bool:
    format_ = kwargs.get("strftime_format")
    if not _are_texts(types, kwargs) or not isinstance(format_, str):
        return False
    try:
        dt.datetime.strptime(dt.datetime(2024, 1, 15).strftime(format_), format_)  # noqa: DTZ001, DTZ007
    except Exception:  # in GX some of these raise, others fail every row
        return False
    return True


def _has_format(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    format_ = kwargs["strftime_format"]

    def holds(text: str) -> bool:
        try:
            dt.datetime.strptime(text, format_)  # noqa: DTZ007 (as GX does)
        except ValueError:
            return False
        return True

    shapes = _shapes(format_)
    if shapes is None:
        return _all_parsed(columns[0], holds)
    surely, maybe = shapes

    def decide(texts: pa.Array) -> Mask:
        known = _matches(texts, surely)
        possible = _matches(texts, maybe) | ~to_numpy(pc.string_is_ascii(texts))
        return _parsed(texts, holds, known=known, doubtful=possible & ~known)

    return decided(columns[0], decide)


def _shapes(format_: str) -> tuple[str, str] | None:
    """Patterns of ASCII texts that surely have a format, and of those that may. None: of an unusual one."""
    parts = re.findall(r"%(.)|([^%])", format_, flags=re.DOTALL)
    directives = [directive for directive, _ in parts if directive]
    rebuilt = "".join(f"%{directive}" if directive else literal for directive, literal in parts)
    usual = set(directives) <= set(_SURELY) and len(set(directives)) == len(directives)
    if not usual or not directives or rebuilt != format_ or not format_.isascii():
        return None
    surely = "".join(_SURELY[name] if name else re.escape(literal) for name, literal in parts)
    maybe = "".join(_MAYBE.get(name, _MAYBE_OTHERS) if name else _literal(literal) for name, literal in parts)
    return rf"\A{surely}\z", rf"(?is)\A{maybe}\z"


def _literal(character: str) -> str:
    """strptime takes any white space for any other, and letters of either case."""
    return r"[\s\x0b\x1c-\x1f]+" if character.isspace() else re.escape(character)


# dateutil


def _is_dateutil(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    """Raises: ValueError, on the few texts on which dateutil itself breaks: GX raises, too."""
    from dateutil.parser import parse

    def holds(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, OverflowError):
            return False
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        return True

    def decide(texts: pa.Array) -> Mask:
        known = _matches(texts, _ISO)
        return _parsed(texts, holds, known=known, doubtful=~known)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of time zones it does not know
        return decided(columns[0], decide)


# JSON


def _is_json(columns: tuple[Column, ...], _: Kwargs) -> Mask:
    def holds(text: str) -> bool:
        try:
            json.loads(text)
        except Exception:
            return False
        return True

    def decide(texts: pa.Array) -> Mask:
        return _parsed(
            texts, holds, known=np.zeros(len(texts), dtype=bool), doubtful=_matches(texts, _JSON_STARTS)
        )

    return decided(columns[0], decide)


def _is_schema(types: Types, kwargs: Kwargs) -> bool:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    schema = kwargs.get("json_schema")
    if not isinstance(schema, dict) or not _are_texts(types, kwargs):
        return False
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError:
        return False
    return True


def _has_schema(columns: tuple[Column, ...], kwargs: Kwargs) -> Mask:
    """Raises: ValueError, when a text is no JSON, or the schema refers to nothing: GX raises, too."""
    validator = _validator(kwargs["json_schema"])

    def holds(text: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(text)))
        except ValueError:
            raise
        except Exception as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    return _all_parsed(columns[0], holds)


def _validator(schema: dict[str, Any]) -> Any:
    """As `jsonschema.validate` makes one for each value, the schema checked each time."""
    from jsonschema.validators import validator_for

    return validator_for(schema)(schema)


STRFTIME = Kernel(streams=_streams_strftime, meets=_has_format)
DATEUTIL = Kernel(streams=_are_texts, meets=_is_dateutil, raises=True)
JSON = Kernel(streams=_are_texts, meets=_is_json)
JSON_SCHEMA = Kernel(streams=_is_schema, meets=_has_schema, raises=True)
