"""How many rows a partition usually has: the history that its row count is held against."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

FEWEST_PUBLISHED = 7  # the median of fewer says little: one odd day among three moves it


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeBaseline:
    """Rows read of what is published for the days before a partition's own, as the plan found it.

    first_day, last_day: of the window, both included. n_published: current generations dated in it.
    median_rows: of their rows read; None when they are fewer than FEWEST_PUBLISHED, and decide nothing.
    """

    first_day: dt.date
    last_day: dt.date
    n_published: int
    median_rows: float | None

    def __post_init__(self) -> None:
        if (self.median_rows is None) is not (self.n_published < FEWEST_PUBLISHED):
            raise ValueError(f"a median is of {FEWEST_PUBLISHED} partitions or more: {self}")

    @property
    def n_days(self) -> int:
        return (self.last_day - self.first_day).days + 1
