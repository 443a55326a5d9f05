"""The tables of docs/scaling.md that follow from a whole night of docs/performance.md, between marks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page.sections import bodies_of, marked
from benchmarks.page.tables import seconds, table

_BYTES_A_ROW = 25.4  # of compressed Parquet, in the lake of the benches
_BUSY = 0.7  # of the time: start, stragglers, the last partitions
_EUROS = 0.04  # a core and hour
_TB = 10  # a night
_COMMITS_MIN = 26  # of 1,000 partitions, by one driver: see Limits there
_SHOWN = {"linear": "linear on one-hot", "boosted": "boosted trees", "forest": "forest"}
_SLOWEST = "forest"
_SIZE = re.compile(r"^(\d+) partitions × ([\d,]+) rows", re.MULTILINE)
_OF_DRIVER = "(driver)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """worker_s: by model, of all stages of the workers. loop_s: of `loop_pool`, the slowest model."""

    n_rows: int
    worker_s: Mapping[str, float]
    loop_s: float

    def rows_per_s(self, model: str) -> float:
        return self.n_rows / self.worker_s[model]

    def mb_per_s(self, model: str) -> float:
        return self.rows_per_s(model) * _BYTES_A_ROW / 1e6

    def core_hours_per_tb(self, model: str) -> float:
        return 1e12 / (self.mb_per_s(model) * 1e6 * 3600)


def refresh(scaling: Path, performance: Path) -> None:
    """Write the tables anew. Raises: ValueError, when the night has not all models, or marks are gone."""
    scaling.write_text(refreshed(scaling.read_text(), performance.read_text()))


def refreshed(scaling: str, performance: str) -> str:
    """scaling, performance: the pages. Raises: as refresh."""
    night = night_of(performance)
    for name, body in (("core", _core(night)), ("example", _example(night)), ("costs", _costs(night))):
        before = bodies_of(scaling).get(name)
        if before is None:
            raise ValueError(f"docs/scaling.md has no marks of {name}")
        scaling = scaling.replace(marked(name, before), marked(name, body))
    return scaling


def night_of(performance: str) -> Night:
    """What its section says. Raises: ValueError, when that is not all."""
    body = bodies_of(performance).get("night", "")
    size, tables = _SIZE.search(body), [_columns(text) for text in _tables(body)]
    if size is None or len(tables) != 2 or any(found.keys() != _SHOWN.keys() for found in tables):
        raise ValueError("docs/performance.md has no whole night with every model")
    walls, stages = tables
    worker_s = {
        model: sum(float(cell) for name, cell in found.items() if _OF_DRIVER not in name)
        for model, found in stages.items()
    }
    n_rows = int(size[1]) * int(size[2].replace(",", ""))
    return Night(n_rows=n_rows, worker_s=worker_s, loop_s=float(walls[_SLOWEST]["s, loop"]))


def _tables(text: str) -> list[list[str]]:
    return [block.splitlines() for block in text.split("\n\n") if block.startswith("| model |")]


def _columns(lines: list[str]) -> dict[str, dict[str, str]]:
    """By model, its cells by what their column is called."""
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def _core(night: Night) -> str:
    rows = [
        [
            shown,
            seconds(night.worker_s[model]),
            f"{round(night.rows_per_s(model), -3):,.0f}",
            seconds(night.mb_per_s(model)),
            seconds(night.core_hours_per_tb(model)),
        ]
        for model, shown in _SHOWN.items()
    ]
    head = [
        "model",
        f"worker seconds for {night.n_rows / 1e6:g} M rows (measured)",
        f"rows/s a core = {night.n_rows:,} ÷ seconds",
        f"MB/s a core = rows/s × {_BYTES_A_ROW} B",
        "core-hours per TB = 10¹² ÷ (MB/s × 10⁶ × 3,600)",
    ]
    loop = f"`loop_pool` took {seconds(night.loop_s)} s for the forest when these were measured."
    return f"{table(head, rows)}\n\n{loop}"


def _example(night: Night) -> str:
    euros = f"{_TB * _euros_per_tb(night, _SLOWEST):.0f} €"
    driver_euros = f"{round(6_400 * _COMMITS_MIN / 60 * _EUROS, -1):.0f} €"
    tb_of_driver = f"{_TB * 60 / _COMMITS_MIN:.0f} TB"
    quick = _minutes(night, 6_400)
    alongside = "tasks 14 min with `chunk: 256MB`, commits 26 min alongside"
    rows = [
        ["laptop", "8", _in_an_hour(night, 8), _minutes(night, 8), "–", "cores"],
        ["one machine", "64", _in_an_hour(night, 64), _minutes(night, 64), euros, "cores"],
        ["10 nodes × 64", "640", _in_an_hour(night, 640), _minutes(night, 640), euros,
         f"cores, and soon the driver: {alongside}"],
        ["100 nodes × 64, one run", "6,400", tb_of_driver, f"{_COMMITS_MIN} min: the driver, not {quick}",
         f"{driver_euros} (6,400 cores × {_COMMITS_MIN} min, most of them idle)", "commits, tasks"],
        ["100 nodes × 64, eight runs side by side", "8 × 800", _in_an_hour(night, 6_400),
         f"{quick} at best, *not tested*", f"{euros} at best",
         f"what the store takes: 3.3 TB of predictions in {quick}"],
    ]  # fmt: skip
    head = [
        "",
        "cores",
        "input a night in 1 hour of wall time",
        "10 TB take",
        "cost of 10 TB",
        "what ends it",
    ]
    return table(head, rows)


def _costs(night: Night) -> str:
    head = ["model", f"€/TB = core-hours per TB ÷ {_BUSY} × {_EUROS} €"]
    return table(head, [[model, f"{_euros_per_tb(night, model):.2f}"] for model in _SHOWN])


def _euros_per_tb(night: Night, model: str) -> float:
    return night.core_hours_per_tb(model) / _BUSY * _EUROS


def _in_an_hour(night: Night, cores: int) -> str:
    tb = cores * _BUSY / night.core_hours_per_tb(_SLOWEST)
    return f"{tb:.2g} TB" if 1 <= tb < 100 else f"{tb:.0f} TB" if tb >= 100 else f"{1000 * tb:.0f} GB"


def _minutes(night: Night, cores: int) -> str:
    hours = _TB * night.core_hours_per_tb(_SLOWEST) / (cores * _BUSY)
    return f"{hours:.2g} h" if hours >= 1 else f"{60 * hours:.0f} min"
