"""What the columns of an estimator's results are called, where they have names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from batch_scorer.core.errors import UsageError
from batch_scorer.core.models import Method
from batch_scorer.core.nearest import suggestion
from batch_scorer.models.estimators import fitted_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultNames:
    """As in a Signature."""

    classes: tuple[str, ...] | None = None
    output_classes: tuple[tuple[str, ...], ...] | None = None
    labels: Mapping[Method, tuple[str, ...]] = field(default_factory=dict)


def result_names(estimator: Any, outputs: Mapping[Method, tuple[int, ...]], example: Any) -> ResultNames:
    """outputs: the shape of one row's result, per method. example: a few rows that every method accepts."""
    known = getattr(estimator, "classes_", None)
    if isinstance(known, list) and all(np.ndim(group) == 1 for group in known):
        return ResultNames(output_classes=_output_classes(known, outputs))
    classes = None if known is None or np.ndim(known) != 1 else _as_text(known)
    labels = {
        Method.PREDICT_PROBA: classes,
        Method.DECISION_FUNCTION: None if _is_one_against_one(estimator) else classes,
        Method.TRANSFORM: _names_out(estimator, example) if Method.TRANSFORM in outputs else None,
    }
    fitting = {
        method: names
        for method, names in labels.items()
        if names and outputs.get(method) == (len(names),) and len(set(names)) == len(names)
    }
    return ResultNames(classes=classes, labels=fitting)


def require_positive_class(named: str | None, classes: Sequence[str] | None) -> None:
    """Raises: UsageError, unless it is one of the classes, of which there are two or more."""
    if named is None:
        return
    if not classes or len(classes) < 2:
        raise UsageError(
            f'"{named}" cannot be the positive class of a model that does not tell classes apart',
            fix="leave out --positive-class",
        )
    if named not in classes:
        raise UsageError(
            f'"{named}" is no class of the model{suggestion(named, classes)}',
            fix=f"its classes are: {', '.join(classes[:20])}{', …' if len(classes) > 20 else ''}",
        )


def _output_classes(
    known: Sequence[Any], outputs: Mapping[Method, tuple[int, ...]]
) -> tuple[tuple[str, ...], ...] | None:
    """None where predict_proba is something else than one block of columns per output, as a chain has it."""
    groups = tuple(_as_text(group) for group in known)
    shape = outputs.get(Method.PREDICT_PROBA)
    return groups if shape in (None, (sum(map(len, groups)),)) else None


def _as_text(classes: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(label) for label in classes)


def _is_one_against_one(estimator: Any) -> bool:
    """Then a column of the decision is a pair of classes, even where there are as many pairs as classes."""
    return any(vars(part).get("decision_function_shape") == "ovo" for part in fitted_parts(estimator))


def _names_out(estimator: Any, example: Any) -> tuple[str, ...] | None:
    """By what the estimator says, else by the frame that it gives."""
    try:
        return _as_text(estimator.get_feature_names_out())
    except Exception:  # any step may not know, each in a way of its own
        columns = getattr(estimator.transform(example), "columns", None)
        return None if columns is None else _as_text(columns)
