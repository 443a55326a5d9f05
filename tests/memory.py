"""How much memory a piece of code has at hand: bytes of Arrow's pool and of Python."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


class Memory:
    """Bytes above those there were when it was made."""

    def __init__(self) -> None:
        gc.collect()  # or what earlier tests left behind is collected meanwhile, and hides as much
        self._arrow_before: int = pa.total_allocated_bytes()
        self._arrow_peak = 0

    @property
    def arrow_bytes(self) -> int:
        """Of Arrow's pool now, which is what `peak_bytes` knows of it."""
        now: int = pa.total_allocated_bytes() - self._arrow_before
        self._arrow_peak = max(self._arrow_peak, now)
        return now

    @property
    def held_bytes(self) -> int:
        """Of Arrow's pool and of Python now."""
        return self.arrow_bytes + int(tracemalloc.get_traced_memory()[0])

    @property
    def peak_bytes(self) -> int:
        """The most of Arrow's pool whenever it was looked at, and the most of Python."""
        return self._arrow_peak + int(tracemalloc.get_traced_memory()[1])


@contextmanager
def traced_memory() -> Iterator[Memory]:
    memory = Memory()
    tracemalloc.start()
    try:
        yield memory
    finally:
        tracemalloc.stop()
