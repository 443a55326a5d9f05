"""Asking an estimator what it accepts and what it gives, with rows of its own training table.

Nothing about this is taken on trust from attributes: a method counts when it answered, a column accepts nulls
when the estimator did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import ColumnSpec, Method, Signature, Takes
from batch_scorer.models.estimators import learned_categories
from batch_scorer.models.registering.asking import Answer, accepted_by_all, ask, methods_of
from batch_scorer.models.registering.golden_rows import golden_inputs
from batch_scorer.models.registering.naming import result_names
from batch_scorer.models.scoring.calling import handed
from batch_scorer.models.signature.frames import arrow_features, model_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """signature: as found out. rows: inputs that every method answers. remarks: what was odd, for people."""

    signature: Signature
    rows: pa.Table
    remarks: tuple[str, ...]


def probe(estimator: Any, columns: tuple[ColumnSpec, ...], sample: pd.DataFrame, takes: Takes) -> Probed:
    """Find the methods, their shapes and names, the nullable columns, and rows to remember.

    sample: rows of the training table. Deterministic. Raises: SignatureInvalid.
    """
    draft = Signature(columns=columns, outputs={}, takes=takes)
    features = arrow_features(sample, columns)
    answers = ask(estimator, methods_of(estimator), features, draft)
    usable = _usable(answers)
    accepted = accepted_by_all(usable)
    if not accepted.any():
        raise SignatureInvalid(
            "no row of the training reference is accepted by all methods of the model",
            fix="give the table the model was trained on",
        )
    kept = features.filter(pa.array(accepted))
    found = golden_inputs(
        kept, columns, lambda rows: accepted_by_all(ask(estimator, list(usable), rows, draft))
    )
    outputs = {method: answer.shape or () for method, answer in usable.items()}
    names = result_names(estimator, outputs, handed(model_frame(kept.slice(0, 2), draft), takes))
    signature = Signature(
        columns=tuple(replace(spec, nullable=spec.name in found.nullable) for spec in columns),
        outputs=outputs,
        classes=names.classes,
        output_classes=names.output_classes,
        labels=names.labels,
        takes=takes,
    )
    return Probed(signature=signature, rows=found.rows, remarks=_remarks(answers, int((~accepted).sum())))


def imagined_rows(estimator: object, columns: tuple[ColumnSpec, ...]) -> pd.DataFrame:
    """Two rows to ask with when there is no table: zeros, and text that an encoder knows."""
    learned = learned_categories(estimator)
    values: dict[str, Any] = {}
    for spec in columns:
        known = [value for value in learned.get(spec.name, ()) if isinstance(value, str)] or ["text"]
        values[spec.name] = [known[0]] * 2 if spec.type == "string" else [0.0, 0.0]
    return pd.DataFrame(values)


def _usable(answers: Mapping[Method, Answer]) -> Mapping[Method, Answer]:
    """Methods that accepted no row at all are left out; if that leaves none, it is an error."""
    usable = {method: answer for method, answer in answers.items() if answer.shape is not None}
    if not usable:
        first = next(iter(answers.values()))
        raise SignatureInvalid(
            f"the model answers for no row of the training reference: {first.reason}",
            fix=first.fix or "give the table the model was trained on, with the dtypes it had then",
        )
    return usable


def _remarks(answers: Mapping[Method, Answer], n_refused: int) -> tuple[str, ...]:
    remarks = [
        f"{method} is left out: {answer.reason}" for method, answer in answers.items() if answer.shape is None
    ]
    if n_refused:
        reasons = (answer.reason for answer in answers.values() if answer.shape is not None and answer.reason)
        remarks.append(f"{n_refused} reference rows are no golden rows: {next(reasons, '')}")
    return tuple(remarks)
