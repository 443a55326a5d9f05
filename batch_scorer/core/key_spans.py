"""The first and the last key of rows whose keys ascend: whether keys can repeat, without a look at them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

# Integers (times as those they are stored as), or text.
KeySpan = tuple[int, int] | tuple[str, str]


def joined(spans: Iterable[KeySpan | None]) -> KeySpan | None:
    """Of rows that follow each other, the span of all; None when their keys do not ascend, or there are none.

    spans: None for those whose keys do not.
    """
    whole: Any = None
    for span in spans:
        if span is None or (whole is not None and not whole[1] < span[0]):
            return None
        whole = span if whole is None else (whole[0], span[1])
    return whole  # type: ignore[no-any-return]


def are_apart(spans: Iterable[KeySpan | None]) -> bool:
    """Whether no key can lie in two of them, in any order; of one that is not known nothing is sure."""
    known: list[Any] = []  # all of integers, or all of text
    for span in spans:
        if span is None:
            return False
        known.append(span)
    known.sort()
    return all(one[1] < after[0] for one, after in pairwise(known))
