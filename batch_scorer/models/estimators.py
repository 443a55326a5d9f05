"""Looking into fitted estimators, whatever they are nested in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from batch_scorer.core.errors import SignatureInvalid

# Their objects hold data, not estimators.
_DATA_LIBRARIES = frozenset({"builtins", "numpy", "pandas", "scipy", "pyarrow", "types", "functools"})


def fitted_parts(estimator: object) -> Iterator[Any]:
    """The estimator and every object with attributes inside it: steps, trees, encoders, calibrators."""
    seen: set[int] = set()
    pending: list[object] = [estimator]
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if _is_part(item):
            yield item
            pending.extend(vars(item).values())
        pending.extend(_members(item))


def use_one_thread(estimator: object) -> None:
    """Set n_jobs to 1 everywhere: a forest that adds its trees in two threads is not bit-stable.

    And `verbose` to 0: one that told of its training would tell of every batch, and a night is silent.
    """
    for part in fitted_parts(estimator):
        for setting, value in (("n_jobs", 1), ("n_threads", 1), ("verbose", 0)):
            if setting in vars(part):
                vars(part)[setting] = value


def feature_names(estimator: object) -> tuple[str, ...]:
    """The estimator's own input columns, in training order. Raises: SignatureInvalid."""
    names = known_names(estimator)
    if names is None:
        raise SignatureInvalid(
            f"{type(estimator).__name__} does not know the names of its input columns",
            fix="fit it on a pandas DataFrame whose columns all have text names; or name them in the order "
            "of its training, with --column NAME once for each (from Python: columns=[…])",
        )
    return names


def known_names(estimator: object) -> tuple[str, ...] | None:
    """The same, None for an estimator that was fitted without names."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(str(name) for name in names)
    steps = getattr(getattr(estimator, "best_estimator_", estimator), "steps", ())
    if steps and steps[0][1] in (None, "passthrough"):  # which has no names, though the next step does
        return next((known_names(step) for _, step in steps if step not in (None, "passthrough")), None)
    return None


def begins_with_text(estimator: object) -> bool:
    """Is its input one column of texts, as a text vectorizer takes it, and no table?"""
    return not hasattr(estimator, "n_features_in_") and any(
        isinstance(part, CountVectorizer | HashingVectorizer) for part in fitted_parts(estimator)
    )


def learned_categories(estimator: object) -> dict[str, tuple[object, ...]]:
    """Per input column the categories of the first encoder that saw the column itself."""
    found: dict[str, tuple[object, ...]] = {}
    for part in fitted_parts(estimator):
        names, categories = vars(part).get("feature_names_in_"), vars(part).get("categories_")
        if names is not None and isinstance(categories, list) and len(categories) == len(names):
            for name, values in zip(names, categories, strict=True):
                found.setdefault(str(name), tuple(values))
    return found


def learned_missing(estimator: object) -> dict[str, str]:
    """Columns of which the estimator shows what stood for a missing value when it learned: `nan`, `none`.

    An encoder kept NaN or None among its categories (NaN, where it has both), or an imputer fills None.
    """
    found = {}
    for name, categories in learned_categories(estimator).items():
        if any(isinstance(value, float) and value != value for value in categories):
            found[name] = "nan"
        elif any(value is None for value in categories):
            found[name] = "none"
    for part in fitted_parts(estimator):
        if "missing_values" in vars(part) and vars(part)["missing_values"] is None:
            found |= {str(name): "none" for name in vars(part).get("feature_names_in_", ())}
    return found


def describe(estimator: object) -> str:
    """Class names from the outside in: `Pipeline(ColumnTransformer, LogisticRegression)`."""
    steps = getattr(estimator, "steps", None)
    name = type(estimator).__name__
    return f"{name}({', '.join(describe(step) for _, step in steps)})" if steps else name


def _is_part(item: object) -> bool:
    return (
        hasattr(item, "__dict__")
        and not isinstance(item, type)
        and type(item).__module__.partition(".")[0] not in _DATA_LIBRARIES
    )


def _members(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, list | tuple):
        return list(item)
    if isinstance(item, np.ndarray) and item.dtype == object and item.size:
        plain = np.asarray(item)  # results of a search are masked; that iterator stumbles over None
        return list(plain.flat) if isinstance(plain.flat[0], BaseEstimator) else []
    return []
