"""Asking an estimator what it accepts and what it gives, with rows of its own training table.

Nothing about this is taken on trust from attributes: a method counts when it answered, a column accepts nulls
when the estimator did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import ColumnSpec, Method, Signature
from batch_scorer.models.estimators import learned_categories
from batch_scorer.models.scoring.calling import caller, raising_rows, unusable
from batch_scorer.models.signature.arrow_types import arrow_type
from batch_scorer.models.signature.frames import arrow_features, model_frame

_N_ROWS = 128
_N_NULL_ROWS = 3  # per column
_UNSEEN = "never seen in training \N{BLACK HEART SUIT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """signature: as found out. rows: inputs that every method answers. refused: rows left out, why."""

    signature: Signature
    rows: pa.Table
    n_refused: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """shape: of one row's result, None when the method gives nothing a column could hold."""

    accepted: np.ndarray  # (n_rows,) bool
    shape: tuple[int, ...] | None
    reason: str


def probe(estimator: Any, columns: tuple[ColumnSpec, ...], frame: pd.DataFrame) -> Probed:
    """Find the methods, their shapes, the nullable columns, and rows to remember.

    frame: the training table. The rows are spread evenly over it, with nulls where it has some; then follow
    one row per column with a null and one per text column with an unseen value, where the estimator takes
    them. Deterministic. Raises: SignatureInvalid.
    """
    sample = arrow_features(frame.iloc[_positions(frame, columns)], columns)
    draft = Signature(columns=columns, outputs={})
    answers = _ask(estimator, _methods(estimator), sample, draft)
    accepted = np.logical_and.reduce([answer.accepted for answer in answers.values()])
    if not accepted.any():
        raise SignatureInvalid(
            "no row of the training reference is accepted by all methods of the model",
            fix="give the table the model was trained on",
        )
    kept = sample.filter(pa.array(accepted))
    extra, nullable = _probes(estimator, list(answers), kept, draft)
    signature = Signature(
        columns=tuple(replace(spec, nullable=spec.name in nullable) for spec in columns),
        outputs={method: answer.shape or () for method, answer in answers.items()},
        classes=_classes(estimator),
    )
    return Probed(
        signature=signature,
        rows=pa.concat_tables([kept, extra]),
        n_refused=int((~accepted).sum()),
        reason=next((answer.reason for answer in answers.values() if answer.reason), ""),
    )


def imagined_rows(estimator: object, columns: tuple[ColumnSpec, ...]) -> pd.DataFrame:
    """Two rows to ask with when there is no table: zeros, and text that an encoder knows."""
    learned = learned_categories(estimator)
    values: dict[str, Any] = {}
    for spec in columns:
        known = [value for value in learned.get(spec.name, ()) if isinstance(value, str)]
        values[spec.name] = [known[0]] * 2 if spec.type == "string" else [0.0, 0.0]
    return pd.DataFrame(values)


def _positions(frame: pd.DataFrame, columns: Sequence[ColumnSpec]) -> list[int]:
    chosen = set(np.linspace(0, len(frame) - 1, min(_N_ROWS, len(frame))).astype(int).tolist())
    for spec in columns:
        chosen.update(np.flatnonzero(frame[spec.name].isna())[:_N_NULL_ROWS].tolist())
    return sorted(chosen)


def _methods(estimator: Any) -> list[Method]:
    methods = [method for method in Method if callable(getattr(estimator, method.value, None))]
    if not methods:
        raise SignatureInvalid(
            f"{type(estimator).__name__} has none of the methods {', '.join(Method)}",
            fix="some clusterers know the rows of their training only: register one that takes others",
        )
    return methods


def _ask(
    estimator: Any, methods: Sequence[Method], rows: pa.Table, draft: Signature
) -> dict[Method, _Answer]:
    """Methods that accepted no row at all are left out; if that leaves none, it is an error."""
    frame = model_frame(rows, draft)
    answers = {method: _answer(estimator, method, frame) for method in methods}
    usable = {method: answer for method, answer in answers.items() if answer.shape is not None}
    if not usable:
        raise SignatureInvalid(
            f"the model answers for no row of the training reference: {answers[methods[0]].reason}",
            fix="give the table the model was trained on, with the dtypes it had then",
        )
    return usable


def _answer(estimator: Any, method: Method, frame: pd.DataFrame) -> _Answer:
    call, accepted, reason = caller(estimator, method), np.ones(len(frame), dtype=bool), ""
    try:
        result = call(frame)
    except Exception as error:
        raising = raising_rows(call, frame, error, max_calls=4 * len(frame))
        accepted[list(raising.positions)] = False
        reason = raising.reason
        if not raising.positions or not accepted.any():
            return _Answer(accepted=np.zeros_like(accepted), shape=None, reason=reason)
        result = call(frame.iloc[np.flatnonzero(accepted)])
    if result.ndim not in (1, 2) or len(result) != accepted.sum():
        reason = f"{method} gives an array of shape {result.shape} for {accepted.sum()} rows"
        return _Answer(accepted=np.zeros_like(accepted), shape=None, reason=reason)
    bad = unusable(result)
    accepted[np.flatnonzero(accepted)[bad]] = False
    reason = reason or (f"{method} gives null, NaN or infinity" if bad.any() else "")
    return _Answer(accepted=accepted, shape=result.shape[1:] if accepted.any() else None, reason=reason)


def _probes(
    estimator: Any, methods: Sequence[Method], kept: pa.Table, draft: Signature
) -> tuple[pa.Table, frozenset[str]]:
    """Rows with one null or one unseen text each that every method accepts; the columns that may be null."""
    complete = [row for row in range(len(kept)) if all(c[row].is_valid for c in kept.columns)]
    base = kept.slice(complete[0] if complete else 0, 1)
    changes: list[tuple[str, str | None]] = [(spec.name, None) for spec in draft.columns if spec.nullable]
    changes += [
        (spec.name, _UNSEEN)
        for spec in draft.columns
        if spec.type == "string" and spec.pandas_dtype != "category"
    ]
    if not changes:
        return kept.slice(0, 0), frozenset()
    probes = pa.concat_tables([_changed(base, draft, name, value) for name, value in changes])
    frame = model_frame(probes, draft)
    answers = [_answer(estimator, method, frame) for method in methods]
    accepted = np.logical_and.reduce([answer.accepted for answer in answers])
    nullable = {name for (name, value), ok in zip(changes, accepted, strict=True) if value is None and ok}
    return probes.filter(pa.array(accepted)), frozenset(nullable)


def _changed(base: pa.Table, draft: Signature, name: str, value: str | None) -> pa.Table:
    position = draft.names.index(name)
    kind = arrow_type(draft.columns[position].type)
    return base.set_column(position, name, pa.array([value], type=kind))


def _classes(estimator: Any) -> tuple[str, ...] | None:
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list):  # a list: one array per output, no common columns
        return None
    return tuple(str(label) for label in classes)
