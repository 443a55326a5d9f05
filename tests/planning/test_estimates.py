"""How long a run may take: from the job's own history, or not at all."""

from __future__ import annotations

import pytest

from batch_scorer.core.lakefiles import Footer, RowGroup
from batch_scorer.core.plans import Plan
from batch_scorer.core.runs import Pace
from batch_scorer.planning.estimates import estimate
from batch_scorer.planning.plan import with_footers
from tests.planning.conftest import PlanFor, april, make_found, make_job

JOB = make_job()


@pytest.fixture
def plan(plan_for: PlanFor) -> Plan:
    """Two partitions of 500 rows and 100 bytes each, and one whose footer was not read."""
    footer = Footer(columns=(), row_groups=(RowGroup(n_rows=500, n_bytes=1),))
    found = [make_found(april(n)) for n in (1, 2, 3)]
    return with_footers(plan_for(JOB, *found), {april(1): (footer,), april(2): (footer,)})


def test_rows_go_at_the_pace_of_all_runs_together(plan: Plan) -> None:
    paces = [Pace(n_rows=1_000, seconds=10), Pace(n_rows=9_000, seconds=30)]
    guess = estimate(plan, paces)
    assert (guess.n_rows, guess.n_bytes, guess.n_runs) == (1_000, 300, 2)
    assert guess.seconds == pytest.approx(4.0)


@pytest.mark.parametrize("paces", [[], [Pace(n_rows=0, seconds=10)], [Pace(n_rows=10, seconds=0)]])
def test_without_a_run_to_go_by_there_is_no_guess(plan: Plan, paces: list[Pace]) -> None:
    assert estimate(plan, paces).seconds is None


def test_nothing_to_score_takes_no_guess(plan_for: PlanFor) -> None:
    guess = estimate(plan_for(JOB), [Pace(n_rows=10, seconds=1)])
    assert (guess.n_rows, guess.n_bytes, guess.seconds) == (0, 0, None)
