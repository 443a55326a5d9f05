"""Random columns, and random ways to cut, spill and merge them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from batch_scorer.validation.streaming import runs

SPILLING = settings(deadline=None, max_examples=50)  # each example fsyncs a handful of files


class Merging(Protocol):
    """What is tried in all ways."""

    def __add__(self, other: Self) -> Self: ...


T = TypeVar("T", bound=Merging)

_TEXT = st.text(st.sampled_from("ab\x00é𝄞"), max_size=12)
_MOMENTS = st.integers(-100, 100_000_000_000).map(
    lambda us: datetime.fromisoformat("1970-01-01") + timedelta(microseconds=us)
)
_OF_TYPE: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63)])),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 4) | st.just(2**64 - 1)),
    (pa.float64(), st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1.5, float("inf")])),
    (pa.float32(), st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, -0.0])),
    (pa.bool_(), st.booleans()),
    (pa.string(), _TEXT),
    (pa.large_string(), _TEXT),
    (pa.binary(), st.binary(max_size=10)),
    (pa.timestamp("us"), _MOMENTS),
    (pa.date32(), st.dates(date(1969, 12, 25), date(1970, 1, 5))),
    (pa.decimal128(5, 2), st.decimals(-2, 2, places=2)),
]
ORDERED = (pa.int64(), pa.int8(), pa.uint64(), pa.float64(), pa.float32(), pa.timestamp("us"), pa.date32())


@st.composite
def typed_lists(
    draw: st.DrawFn, *, nulls: bool = False, size: int | None = None, kinds: tuple[pa.DataType, ...] = ()
) -> tuple[pa.DataType, list[Any]]:
    """(Arrow type, Python values), few of them different."""
    kind, values = draw(st.sampled_from([pair for pair in _OF_TYPE if not kinds or pair[0] in kinds]))
    pool = draw(st.lists(values, min_size=1, max_size=12))
    if nulls:
        pool.append(None)
        if pa.types.is_floating(kind):
            pool.append(float("nan"))
    least, most = (0, 60) if size is None else (size, size)
    return kind, draw(st.lists(st.sampled_from(pool), min_size=least, max_size=most))


def cuts(n: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Chunks (start, stop) of n rows, in order, some of them empty."""
    return st.lists(st.integers(0, n), max_size=6).map(lambda at: list(pairwise([0, *sorted(at), n])))


def merged(parts: list[T], random: Any, step: Callable[[T], T]) -> T:
    """Neighbours merged in random order until one is left, each result sent through `step`."""
    parts = [step(part) for part in parts]
    while len(parts) > 1:
        i = random.randrange(len(parts) - 1)
        parts[i : i + 2] = [step(parts[i] + parts[i + 1])]
    return parts[0]


@contextmanager
def spilling(
    random: Any, limits: tuple[int, ...] = (0, 3, 1000)
) -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    """A directory, and a step that settles with a random limit or goes through JSON."""
    with tempfile.TemporaryDirectory() as name:
        names = iter(range(1_000_000))

        def step(part: Any) -> Any:
            if random.random() < 0.5:
                part = part.settled(Path(name), f"{next(names)}.arrow", random.choice(limits))
            if random.random() < 0.3:
                part = type(part).from_json(json.loads(json.dumps(part.as_json())))
            return part

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "GROUP_ROWS", random.choice([1, 20, 1000]))
            yield Path(name), step
