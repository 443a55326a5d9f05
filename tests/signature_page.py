"""The tables of docs/signature.md that are made of the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from batch_scorer.core.conversions import RULES, Family, Fit, fit

PAGE = Path(__file__).parents[1] / "docs" / "signature.md"

INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
FLOATS = ("float16", "float32", "float64")
WANTED = (
    "bool", *INTEGERS, *FLOATS, "decimal128(38, 2)", "string", "date32", "timestamp[us]",
    "timestamp[us, UTC]",
)  # fmt: skip
FOUND = (
    "null", "bool", *INTEGERS, *FLOATS, "decimal128(9, 2)", "decimal128(18, 4)", "decimal128(38, 0)",
    "string", "date32", "timestamp[ms]", "timestamp[us]", "timestamp[ns]", "timestamp[us, UTC]",
    "timestamp[us, Europe/Berlin]", "binary", "time64[us]", "duration[us]", "list<item: int64>",
)  # fmt: skip
_SIGNS = {Fit.SAME: "=", Fit.WIDENED: "↑", Fit.CHECKED: "?", Fit.REFUSED: " "}
_NAMES = {
    Family.BOOL: "bool", Family.INTEGER: "integers", Family.FLOAT: "floats", Family.DECIMAL: "decimals",
    Family.TEXT: "text", Family.DATE: "dates", Family.TIMESTAMP: "timestamps",
}  # fmt: skip


def signature_page() -> str:
    """The page as it is, with its tables as they should be."""
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in _TABLES.items():
        head, end = f"<!-- {name}: written by scripts/docs -->\n", "<!-- end -->"
        pattern = re.compile(f"{re.escape(head)}.*?{end}", re.DOTALL)
        table = head + "".join(f"{line}\n" for line in lines()) + end
        page, n_found = pattern.subn(lambda _, table=table: table, page)  # type: ignore[misc]
        assert n_found == 1, name
    return page


def _rules() -> Iterator[str]:
    yield "| in the file | in the signature | rule |"
    yield "|---|---|---|"
    yield "| nothing but nulls | any | Every row is null, if the column takes nulls. |"
    for (found, wanted), rule in RULES.items():
        yield f"| {_NAMES[found]} | {_NAMES[wanted]} | {rule.words} |"


def _matrix() -> Iterator[str]:
    yield "| | " + " | ".join(f"`{wanted}`" for wanted in WANTED) + " |"
    yield "|---" * (len(WANTED) + 1) + "|"
    for found in FOUND:
        yield f"| `{found}` | " + " | ".join(_SIGNS[fit(found, wanted)] for wanted in WANTED) + " |"


def _instead() -> Iterator[str]:
    from batch_scorer.models.signature.refused import INSTEAD, OTHERWISE

    yield "| kind | instead |"
    yield "|---|---|"
    for kind, instead in INSTEAD.items():
        yield f"| {kind} | {_as_code(instead)} |"
    yield f"| any other | {OTHERWISE} |"


def _as_code(instead: str) -> str:
    words, colon, code = instead.replace("%s", "c").partition(": ")
    return f"{words}: `{code}`" if colon else words


_TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "instead": _instead,
    "rules": _rules,
    "matrix": _matrix,
}
