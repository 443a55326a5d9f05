"""An estimator whose answers are to be remembered must give them twice, and in any company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.core.errors import GoldenRowsDiffer, ScoringError, SignatureInvalid
from batch_scorer.core.models import Signature, Tolerance
from batch_scorer.models.scoring.golden import golden_outputs
from batch_scorer.models.scoring.replaying import differences, shown

# Sums in another order and ties do not come near this: a rank, a running sum, a mean of the batch do.
_FAR = 1e-3  # of the largest result of a column
_MANY = 0.25  # of the rows


def repeated_outputs(
    estimator: Any, inputs: pa.Table, signature: Signature, tolerance: Tolerance
) -> pa.Table:
    """What every method gives for the rows, asked twice. Raises: GoldenRowsDiffer; as golden_outputs."""
    once = golden_outputs(estimator, inputs, signature)
    again = golden_outputs(estimator, inputs, signature)
    found = differences(once, again, tolerance)
    if found.rows:
        what = (
            f"the model is not deterministic: asked twice about the same {len(inputs)} rows, "
            f"it answered {len(found.rows)} of them differently"
        )
        raise GoldenRowsDiffer(
            "\n".join([what, *(f"    {line}" for line in shown(found, inputs, once, again))]),
            fix="give its random parts a random_state (a number) and fit it again; or, where differences of "
            "that size are meant, register it with a tolerance: --rtol, --atol (tolerance=… from Python)",
        )
    return once


def require_rows_alone(estimator: Any, inputs: pa.Table, signature: Signature, outputs: pa.Table) -> None:
    """Do the rows get nearly the same answers in two halves? A partition is scored in parts.

    outputs: for all rows at once. Raises: SignatureInvalid.
    """
    middle = len(inputs) // 2
    try:
        halves = [
            golden_outputs(estimator, part, signature)
            for part in (inputs.slice(0, middle), inputs.slice(middle))
        ]
    except (ScoringError, SignatureInvalid) as error:
        raise _looks_around(f"it fails on half of its golden rows: {error.what}") from None
    for name in outputs.column_names:
        apart = np.concatenate([half[name].to_numpy() for half in halves])
        is_far = _far(outputs[name].to_numpy(), apart)
        if is_far.mean() > _MANY:
            raise _looks_around(
                f"asked in two halves, {is_far.sum()} of {len(inputs)} rows have another {name}"
            )


def _far(together: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """(n_rows,) bool."""
    far: np.ndarray
    if together.dtype.kind == apart.dtype.kind == "f":
        far = np.abs(apart - together) > _FAR * np.abs(together).max()
    else:
        far = together != apart
    return far


def _looks_around(found: str) -> SignatureInvalid:
    return SignatureInvalid(
        f"the model's answer for a row depends on the other rows of its batch: {found}",
        fix="a partition is scored in parts: move what looks at several rows (a rank, a running sum, a mean "
        "of the batch) to where the table is made, and train on its result",
    )
