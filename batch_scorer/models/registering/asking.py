"""Asking an estimator's methods: which rows does each accept, and of what shape is its answer?

Nothing about this is taken on trust from attributes: a method counts when it answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.exceptions import NotFittedError

from batch_scorer.core.errors import ScoringError, SignatureInvalid
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.estimators import describe
from batch_scorer.models.scoring.calling import caller, raising_rows, unusable
from batch_scorer.models.signature.frames import model_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """shape: of one row's result, None when the method gives nothing a column could hold. reason: why rows
    are not accepted, of the first of them. fix: what could be done, where that is known.
    """

    accepted: np.ndarray  # (n_rows,) bool
    shape: tuple[int, ...] | None
    reason: str = ""
    fix: str | None = None


def methods_of(estimator: Any) -> list[Method]:
    """Those the estimator has. Raises: SignatureInvalid, when it has none."""
    methods = [method for method in Method if callable(getattr(estimator, method.value, None))]
    if not methods:
        raise _without_methods(estimator)
    return methods


def ask(
    estimator: Any, methods: Sequence[Method], rows: pa.Table, signature: Signature
) -> Mapping[Method, Answer]:
    """Every method about all the rows. signature: what it takes matters, what it gives does not."""
    try:
        frame = model_frame(rows, signature)
    except ScoringError:
        return _ask_one_by_one(estimator, methods, rows, signature)
    return {method: _answer(estimator, method, frame, signature) for method in methods}


def accepted_by_all(answers: Mapping[Method, Answer]) -> np.ndarray:
    """(n_rows,) bool."""
    accepted: np.ndarray = np.logical_and.reduce([answer.accepted for answer in answers.values()])
    return accepted


def _ask_one_by_one(
    estimator: Any, methods: Sequence[Method], rows: pa.Table, signature: Signature
) -> Mapping[Method, Answer]:
    """For rows of which some cannot even be handed to the estimator: a category that it has no code for."""
    fit = np.array([_fits(rows.slice(row, 1), signature) for row in range(len(rows))])
    if not fit.any():
        return {method: Answer(accepted=fit, shape=None) for method in methods}
    answers = ask(estimator, methods, rows.filter(pa.array(fit)), signature)
    widened = {}
    for method, answer in answers.items():
        accepted = fit.copy()
        accepted[fit] = answer.accepted
        widened[method] = Answer(accepted=accepted, shape=answer.shape, reason=answer.reason, fix=answer.fix)
    return widened


def _fits(row: pa.Table, signature: Signature) -> bool:
    try:
        model_frame(row, signature)
    except ScoringError:
        return False
    return True


def _answer(estimator: Any, method: Method, frame: pd.DataFrame, signature: Signature) -> Answer:
    call = caller(estimator, method, signature.takes)
    accepted, reason, nobody = np.ones(len(frame), dtype=bool), "", np.zeros(len(frame), dtype=bool)
    try:
        result = call(frame)
    except NotFittedError as error:
        return Answer(accepted=nobody, shape=None, reason=str(error), fix="fit it, then save and register it")
    except SignatureInvalid as error:
        return Answer(accepted=nobody, shape=None, reason=error.what, fix=error.fix)
    except Exception as error:
        raising = raising_rows(call, frame, error, max_calls=4 * len(frame))
        accepted[list(raising.positions)] = False
        reason = raising.reason
        if not raising.positions or not accepted.any():
            return Answer(accepted=nobody, shape=None, reason=reason)
        result = call(frame.iloc[np.flatnonzero(accepted)])
    if result.ndim not in (1, 2) or len(result) != accepted.sum() or 0 in result.shape[1:]:
        reason = f"{method} gives an array of shape {result.shape} for {accepted.sum()} rows"
        return Answer(accepted=nobody, shape=None, reason=reason)
    bad = unusable(result)
    accepted[np.flatnonzero(accepted)[bad]] = False
    reason = reason or (f"{method} gives null, NaN or infinity" if bad.any() else "")
    return Answer(accepted=accepted, shape=result.shape[1:] if accepted.any() else None, reason=reason)


def _without_methods(estimator: Any) -> SignatureInvalid:
    name = describe(estimator)
    if hasattr(estimator, "novelty"):
        return SignatureInvalid(
            f"{name} judges only the rows it was fitted on", fix="fit it with novelty=True"
        )
    if hasattr(estimator, "fit_predict"):
        return SignatureInvalid(
            f"{name} knows only the rows it was fitted on: it has no predict for new ones",
            fix="register a clusterer that has, such as KMeans, MiniBatchKMeans, Birch or MeanShift; or a "
            "classifier trained on its labels_",
        )
    if hasattr(estimator, "fit_transform"):
        return SignatureInvalid(
            f"{name} places only the rows it was fitted on: it has no transform for new ones",
            fix="register a transformer that has, such as PCA",
        )
    return SignatureInvalid(
        f"{name} has none of the methods {', '.join(Method)}",
        fix="register a fitted estimator: a model, a transformer or a pipeline of them",
    )
