"""The steps before the final estimator, and the final estimator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from batch_scorer.models.scoring.compiled.reasons import NotCompiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """steps: (name, fitted transformer). final: what the method is called on."""

    steps: tuple[tuple[str, Any], ...]
    final: Any


def anatomy(estimator: Any) -> Anatomy:
    """Pipelines within pipelines are laid flat; of a search, its best estimator. Raises: NotCompiled."""
    require_own_methods(estimator)
    # type() everywhere: what a subclass does otherwise nobody knows.
    if type(estimator) in (GridSearchCV, RandomizedSearchCV) and hasattr(estimator, "best_estimator_"):
        return anatomy(estimator.best_estimator_)
    if type(estimator) is not Pipeline:
        return Anatomy(steps=(), final=estimator)
    last = anatomy(estimator.steps[-1][1])
    steps = tuple((name, step) for name, step in estimator.steps[:-1] if step not in (None, "passthrough"))
    return Anatomy(steps=steps + last.steps, final=last.final)


def require_own_methods(part: Any) -> None:
    """An object may hold a function in the place of its class's method. Raises: NotCompiled."""
    for name in getattr(part, "__dict__", ()):
        if callable(getattr(type(part), name, None)):
            raise NotCompiled(f"a {type(part).__name__} has a method {name} of its own")


def is_of_sklearn(kind: type) -> bool:
    """And no subclass of somebody else's."""
    return kind.__module__.partition(".")[0] == "sklearn"
