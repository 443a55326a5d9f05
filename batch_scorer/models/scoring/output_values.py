"""`model.output`: from one prediction per row to the typed columns that are published."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from batch_scorer.core.errors import ScoringError, SignatureInvalid
from batch_scorer.core.expressions.result_layouts import layout_of
from batch_scorer.core.expressions.trees import OutputColumn
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.error_rows import refused
from batch_scorer.models.scoring.numpy_expressions import Predicted, evaluate
from batch_scorer.models.signature.arrow_types import arrow_type


def evaluate_outputs(
    prediction: np.ndarray, method: Method, outputs: Sequence[OutputColumn], signature: Signature
) -> pa.Table:
    """The output columns of one batch, n_rows each, without nulls.

    prediction: (n_rows,) or (n_rows, n) from LoadedModel.predict; signature: of the same model.
    Casts lose nothing (float32 rounds: that is what it was asked for).
    Raises: ScoringError for values that do not fit the type; SignatureInvalid for expressions that do not fit
    the prediction.
    """
    if len(prediction) == 0:  # an empty prediction does not know whether it is text
        return pa.table({o.name: pa.array([], type=arrow_type(o.type)) for o in outputs})
    predicted = Predicted(values=prediction, layout=layout_of(method, signature))
    return pa.table({o.name: _cast(o, evaluate(o.expression, predicted, o.source)) for o in outputs})


def _cast(output: OutputColumn, values: np.ndarray) -> pa.Array:
    is_text = values.dtype == object
    if is_text is not (output.type == "string"):
        kind, instead = ("text", "string") if is_text else ("no text", _fitting(values))
        raise SignatureInvalid(
            f'{output.name}: "{output.source}" is {kind}, but the type is {output.type}',
            fix=f"declare it {instead}, in model.output of the job file",
        )
    if is_text:
        return _text(output, values)
    if values.dtype != bool and (bad := _unfit(values, output.type)).any():  # 0 and 1 fit everywhere
        first = values[np.flatnonzero(bad)[0]].item()
        raise refused(
            f'{output.name}: "{output.source}" gives {first!r}, which is no {output.type}',
            bad,
            fix="declare a type that holds every value, or change the expression",
        )
    own = np.array(values, dtype=output.type)  # a copy in one piece: the model may keep what it gave
    return pa.array(own, type=arrow_type(output.type))


def _fitting(values: np.ndarray) -> str:
    return {"b": "bool", "f": "float64"}.get(values.dtype.kind, "int64")


def _text(output: OutputColumn, values: np.ndarray) -> pa.Array:
    try:
        return pa.array(values, type=pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        raise ScoringError(f'{output.name}: "{output.source}" is not text on every row: {error}') from None


def _unfit(values: np.ndarray, target: str) -> np.ndarray:
    """Per row: would the cast change the value (but for the rounding of float32)?"""
    fits: np.ndarray
    if target == "float64" and values.dtype.kind in "iu":
        fits = (values >= -(2**53)) & (values <= 2**53)
    elif target in ("float64", "float32"):
        fits = np.abs(values.astype("float64", copy=False)) <= np.finfo(target).max  # false for NaN
    elif target == "bool":
        fits = (values == 0) | (values == 1)
    elif values.dtype.kind == "f":
        limits = np.iinfo(target)
        # Exclusive above: the largest int64 is not a float, one more is.
        fits = (values >= float(limits.min)) & (values < float(limits.max + 1)) & (values == np.trunc(values))
    else:
        limits = np.iinfo(target)
        fits = (values >= limits.min) & (values <= limits.max)
    return ~fits
