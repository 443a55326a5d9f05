"""What a bench is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """work: lakes, models and projects are kept there for the next time.

    peers: the directory with make_lake.py, make_models.py and peers/. peer_python: the interpreter that the
    peers run with. partitions: of a plan. sizes: partitions of a backfill, ascending. memory_rows: rows of
    one partition, ascending.
    """

    runs: int
    days: int
    rows: int
    models: tuple[str, ...]
    work: Path
    peers: Path
    peer_python: Path
    partitions: int
    sizes: tuple[int, ...]
    generations: int
    memory_rows: tuple[int, ...]

    @property
    def is_full_size(self) -> bool:
        """What the goals speak of: figures of other sizes do not count towards them."""
        sizes = (self.days, self.rows, self.partitions, self.generations)
        return sizes == (30, 200_000, 100_000, 1_000_000) and {1_000_000, 10_000_000} <= set(self.memory_rows)
