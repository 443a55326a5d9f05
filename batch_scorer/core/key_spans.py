"""The first and the last key of rows whose keys ascend: whether keys can repeat, without a look at them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

# Integers (times as those they are stored as), or text.
KeySpan = tuple[int, int] | tuple[str, str]


def are_apart(spans: Iterable[KeySpan | None]) -> bool:
    """Whether no key can lie in two of them, in any order; of one that is not known nothing is sure."""
    known: list[Any] = []  # all of integers, or all of text
    for span in spans:
        if span is None:
            return False
        known.append(span)
    known.sort()
    return all(one[1] < after[0] for one, after in pairwise(known))
