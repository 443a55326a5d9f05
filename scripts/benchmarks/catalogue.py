"""The benches, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.benches import (
    cold,
    memory,
    night,
    peers,
    plan,
    publish,
    scale,
    scoring,
    slope,
    startup,
    validation,
)
from benchmarks.page.sections import Section
from benchmarks.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """runs: turns where nobody asks for another number, so that all benches take less than half an hour."""

    measure: Callable[[Settings], Section]
    what: str
    runs: int


BENCHES = {
    "night": Bench(measure=night.measure, what="a whole night against a hand-written loop", runs=3),
    "slope": Bench(measure=slope.measure, what="each further million rows, the same comparison", runs=1),
    "peers": Bench(measure=peers.measure, what="a night against Dask, Ray and Spark", runs=1),
    "cold": Bench(measure=cold.measure, what="one partition against a plain script", runs=5),
    "validation": Bench(
        measure=validation.measure, what="validation alone, and its share of a night", runs=2
    ),
    "startup": Bench(measure=startup.measure, what="small verbs, nothing due, the first partition", runs=5),
    "scoring": Bench(measure=scoring.measure, what="predict alone, rows a second and core", runs=5),
    "memory": Bench(measure=memory.measure, what="a worker's peak as one partition grows", runs=1),
    "plan": Bench(measure=plan.measure, what="a plan over very many partitions", runs=1),
    "publish": Bench(measure=publish.measure, what="milliseconds and fsyncs of a publish", runs=1),
    "scale": Bench(measure=scale.measure, what="many tiny partitions, a long history", runs=3),
}
