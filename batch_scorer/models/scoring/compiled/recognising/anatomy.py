"""The steps before the final estimator, and the final estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """steps: (name, fitted transformer). final: what the method is called on."""

    steps: tuple[tuple[str, Any], ...]
    final: Any


def anatomy(estimator: Any) -> Anatomy:
    """Pipelines within pipelines are laid flat; of a search, its best estimator."""
    # type() everywhere: what a subclass does otherwise nobody knows.
    if type(estimator) in (GridSearchCV, RandomizedSearchCV) and hasattr(estimator, "best_estimator_"):
        return anatomy(estimator.best_estimator_)
    if type(estimator) is not Pipeline:
        return Anatomy(steps=(), final=estimator)
    last = anatomy(estimator.steps[-1][1])
    steps = tuple((name, step) for name, step in estimator.steps[:-1] if step not in (None, "passthrough"))
    return Anatomy(steps=steps + last.steps, final=last.final)
