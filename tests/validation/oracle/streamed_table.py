"""The table in docs/validation.md: which expectation is streamed on which column types.

usage: python -m tests.validation.oracle.streamed_table   (prints it)
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pyarrow as pa

from batch_scorer.validation.streaming.rules.table import NO_RULE
from batch_scorer.validation.suites.catalogue import CATALOGUE
from tests.validation.oracle.arguments import ARGUMENTS
from tests.validation.oracle.columns import COLUMN_TYPES
from tests.validation.oracle.generated import streamed
from tests.validation.oracle.oracle import Json, expectation

_DRAWS = 40
_GROUPS = {
    "int8 … int64": ("int64", "int32", "int8"),
    "uint8 … uint32": ("uint8",),
    "uint64": ("uint64",),
    "float64": ("float64",),
    "float32": ("float32",),
    "bool": ("bool",),
    "string": ("string", "large_string"),
    "dictionary of string": ("dictionary<string>",),
    "timestamp": ("timestamp[ns]", "timestamp[us]", "timestamp[ms]", "timestamp[s]"),
    "timestamp with zone": ("timestamp[ns, UTC]", "timestamp[us, Europe/Berlin]"),
    "date32": ("date32",),
    "others": ("decimal", "binary", "list", "time64"),
}


def table() -> str:
    """Markdown."""
    rows = [f"| `{type_}` | {_cell(type_)} |" for type_ in CATALOGUE]
    return "\n".join(["| expectation | streamed on |", "|---|---|", *rows])


def _cell(type_: str) -> str:
    if type_ in NO_RULE:
        return f"no: {NO_RULE[type_]}"
    if not _names_columns(type_):
        return "every table"
    groups = [group for group, names in _GROUPS.items() if _streams_on(type_, names)]
    return "every type" if len(groups) == len(_GROUPS) else ", ".join(groups)


def _names_columns(type_: str) -> bool:
    required = CATALOGUE[type_].required
    return bool(required) and required[0].startswith("column") and type_ != "expect_column_to_exist"


def _streams_on(type_: str, names: Iterable[str]) -> bool:
    """On columns of all these types, with some arguments."""
    return all(streamed(list(_drawn(type_, name)), _schema(name)) for name in names)


def _schema(name: str) -> pa.Schema:
    return pa.schema([(column, COLUMN_TYPES[name].type) for column in ("v", "w", "n")])


def _drawn(type_: str, name: str) -> Iterator[Json]:
    rng = random.Random(f"{type_}/{name}")
    for _ in range(_DRAWS):
        kwargs = ARGUMENTS[type_](rng, COLUMN_TYPES[name])
        if "column" in kwargs:
            kwargs["column"] = "v"
        if "column_A" in kwargs:
            kwargs |= {"column_A": "v", "column_B": "w"}
        if "column_list" in kwargs:
            kwargs["column_list"] = ["v", "w"]
        yield expectation(type_, **kwargs)


if __name__ == "__main__":
    print(table())
