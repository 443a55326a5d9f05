"""Names for people: the nearest known one, and a list that stays short."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_MAX_LISTED = 10
_MAX_CHARS = 40


def nearest(name: str, known: Sequence[str]) -> str:
    """`; did you mean "fare"?`, or nothing."""
    by_lower = {each.lower(): each for each in reversed(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f'; did you mean "{by_lower[near[0]]}"?' if near else ""


def listed(names: Sequence[str]) -> str:
    """`small, big`; of many the first ten and how many more there are."""
    shown = ", ".join(map(_shortened, names[:_MAX_LISTED]))
    more = len(names) - _MAX_LISTED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _shortened(name: str) -> str:
    plain = " ".join(name.split()) or "''"
    return plain if len(plain) <= _MAX_CHARS else f"{plain[: _MAX_CHARS - 1]}…"
