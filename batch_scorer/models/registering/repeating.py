"""An estimator whose answers are to be remembered must give them twice."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from batch_scorer.core.errors import GoldenRowsDiffer
from batch_scorer.core.models import Signature, Tolerance
from batch_scorer.models.scoring.golden import golden_outputs
from batch_scorer.models.scoring.replaying import differences, shown


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
