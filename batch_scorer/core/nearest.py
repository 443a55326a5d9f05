"""Names for people: the known one that was probably meant, and a list that stays short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_MAX_LISTED = 10
_MAX_CHARS = 40


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: one near as it is written, or else in any letter case."""
    names = tuple(known)
    by_lower = {each.lower(): each for each in reversed(names)}
    as_written = get_close_matches(name, names, n=1)
    in_any_case = (by_lower[lower] for lower in get_close_matches(name.lower(), by_lower, n=1))
    return next(iter(as_written), None) or next(in_any_case, None)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "fare"?`, or nothing when no known name is near."""
    near = nearest(name, known)
    return f'; did you mean "{near}"?' if near else ""


def listed(names: Sequence[str]) -> str:
    """`small, big`; of many the first ten and how many more there are."""
    shown = ", ".join(map(_shortened, names[:_MAX_LISTED]))
    more = len(names) - _MAX_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _shortened(name: str) -> str:
    plain = " ".join(name.split()) or "''"
    return plain if len(plain) <= _MAX_CHARS else f"{plain[: _MAX_CHARS - 1]}…"
