"""Which chunks that are out take much longer than others do, by what others took."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

_REMEMBERED = 99  # the newest: what a cluster was like an hour ago says little


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """A chunk is late that has been out `factor` times as long as others of its size, and `least_s` seconds.

    n_known: before so many others are back nobody is late.
    """

    factor: float = 3.0
    least_s: float = 20.0
    n_known: int = 3


LATENESS = Lateness()


class Pace:
    """Of the chunks that came back. Seconds count from when one was sent: waiting in line is part of them."""

    def __init__(self, lateness: Lateness | None = None) -> None:
        self._lateness = lateness or LATENESS
        self._known: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)

    def took(self, seconds: float, n_rows: int) -> None:
        self._known.append((seconds, n_rows))

    def is_late(self, seconds: float, n_rows: int) -> bool:
        """seconds: that it is out. A chunk of many rows may take as much longer as it is larger."""
        if len(self._known) < self._lateness.n_known or seconds < self._lateness.least_s:
            return False
        usual_s = median(known for known, _ in self._known)
        usual_rows = median(known for _, known in self._known)
        return seconds > self._lateness.factor * usual_s * max(1.0, n_rows / max(1.0, usual_rows))
