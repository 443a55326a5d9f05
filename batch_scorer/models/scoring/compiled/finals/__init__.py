"""The final estimator on a compiled table: faster where that gives the same bits, else by its own call."""

from __future__ import annotations

from typing import Any

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.finals.final import Final, OwnCall
from batch_scorer.models.scoring.compiled.finals.linear import linear
from batch_scorer.models.scoring.compiled.plan import Plan

__all__ = ["Final", "OwnCall", "final_for"]


def final_for(estimator: Any, method: Method, plan: Plan) -> Final:
    if plan.form.is_sparse:
        return linear(estimator, method, plan) or OwnCall(estimator, method)
    return _of_trees(estimator, method) or OwnCall(estimator, method)


def _of_trees(estimator: Any, method: Method) -> Final | None:
    """Who has such an estimator has imported scikit-learn's; a worker without one does not."""
    if not type(estimator).__module__.startswith("sklearn.ensemble."):
        return None
    from batch_scorer.models.scoring.compiled.finals.boosted import boosted
    from batch_scorer.models.scoring.compiled.finals.forests import in_order

    return boosted(estimator, method) or in_order(estimator, method)
