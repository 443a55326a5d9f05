"""The goals, and where we are: the table at the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.page.tables import table


class Bound(StrEnum):
    AT_MOST = "≤"
    AT_LEAST = "≥"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """key: the bench, a dot, and what it calls the figure. unit: follows the number."""

    key: str
    what: str
    limit: float
    unit: str = "×"
    bound: Bound = Bound.AT_MOST

    def is_reached(self, figure: float) -> bool:
        return figure <= self.limit if self.bound is Bound.AT_MOST else figure >= self.limit


def goals_table(figures: Mapping[str, float]) -> str:
    """A row for every goal, measured or not."""
    return table(["what", "goal", "measured", "reached"], [_row(goal, figures) for goal in GOALS])


def _row(goal: Goal, figures: Mapping[str, float]) -> list[str]:
    wanted = f"{goal.bound} {goal.limit:g}{goal.unit}"
    if goal.key not in figures:
        return [goal.what, wanted, "not measured yet", "–"]
    figure = figures[goal.key]
    return [goal.what, wanted, f"{figure:.3g}{goal.unit}", "yes" if goal.is_reached(figure) else "**no**"]


_NIGHT = "a night of 6 M rows in 30 partitions, wall time against `loop_pool`, {}"
_SLOPE = "each further million rows between 6 M and 18 M, against `loop_pool`, {}"
_PEER = "a night, how many times faster than {} (the model with the least gain)"

GOALS = (
    Goal(key="night.linear", what=_NIGHT.format("linear"), limit=0.55),
    Goal(key="night.boosted", what=_NIGHT.format("boosted"), limit=0.9),
    Goal(key="night.forest", what=_NIGHT.format("forest"), limit=0.95),
    Goal(key="slope.linear", what=_SLOPE.format("linear"), limit=0.35),
    Goal(key="slope.boosted", what=_SLOPE.format("boosted"), limit=0.8),
    Goal(key="slope.forest", what=_SLOPE.format("forest"), limit=0.9),
    Goal(key="peers.dask_dataframe", what=_PEER.format("Dask DataFrame"), limit=2.5, bound=Bound.AT_LEAST),
    Goal(key="peers.ray_data", what=_PEER.format("Ray Data"), limit=5, bound=Bound.AT_LEAST),
    Goal(key="peers.spark_mlflow", what=_PEER.format("Spark + MLflow"), limit=6, bound=Bound.AT_LEAST),
    Goal(
        key="cold.worst",
        what="one partition of 200,000 rows from a cold start, against `loop_pandas` (the worst model)",
        limit=1.2,
    ),
    Goal(key="validation.share", what="a night with 12 expectations, against the same without", limit=1.1),
    Goal(key="memory.worst", what="a worker's peak, largest partition against smallest", limit=1.1),
    Goal(key="startup.help", what="`batch-scorer --help`", limit=0.2, unit=" s"),
    Goal(key="startup.nothing_due", what="a night with nothing due", limit=1, unit=" s"),
    Goal(
        key="plan.worst_s",
        what="a plan over 100,000 partitions (all due, all up to date)",
        limit=10,
        unit=" s",
    ),
    Goal(key="plan.worst_mb", what="its memory", limit=500, unit=" MB"),
    Goal(key="scale.fsyncs", what="fsyncs a partition in a backfill of tiny partitions", limit=10, unit=""),
    Goal(
        key="scale.flat",
        what="cost of each further tiny partition: between 1,000 and 10,000 against 100 to 1,000",
        limit=1.1,
    ),
    Goal(key="scale.status", what="`status` on a ledger of 1 M generations", limit=1, unit=" s"),
    Goal(key="scale.show", what="`show` on a ledger of 1 M generations", limit=1, unit=" s"),
)
