"""How much there is to score, and how long it may take, from the job's own runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batch_scorer.core.plans import Plan
from batch_scorer.core.runs import Pace

N_RUNS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of everything a plan scores. n_rows: of the partitions whose footers can be read.

    seconds: from start to end, None without a run to go by; n_runs: how many there were.
    """

    n_rows: int
    n_bytes: int
    seconds: float | None
    n_runs: int


def estimate(plan: Plan, paces: Sequence[Pace]) -> Estimate:
    """paces: of the job's newest runs that published something, at most N_RUNS of them.

    Rows a second are those of all runs together, their starts included, so that a long run counts for
    more than a short one.
    """
    entries = plan.to_score
    n_rows = sum(entry.n_rows or 0 for entry in entries)
    told = [pace for pace in paces if pace.n_rows > 0 and pace.seconds > 0]
    rows, seconds = sum(pace.n_rows for pace in told), sum(pace.seconds for pace in told)
    return Estimate(
        n_rows=n_rows,
        n_bytes=sum(entry.found.n_bytes for entry in entries if entry.found),
        seconds=n_rows * seconds / rows if rows and n_rows else None,
        n_runs=len(told),
    )
