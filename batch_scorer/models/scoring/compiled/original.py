"""The pipeline as it is, step by step, so that the table before its final estimator can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.utils.validation import check_array

from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.calling import handed
from batch_scorer.models.scoring.compiled.recognising.anatomy import Anatomy
from batch_scorer.models.scoring.results import as_array
from batch_scorer.models.scoring.together import quiet
from batch_scorer.models.signature.frames import model_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    estimator: Any
    parts: Anatomy
    signature: Signature
    method: Method

    def table(self, features: pa.Table) -> Any:
        """What the final estimator gets: an array, or a sparse matrix. Raises: whatever a step raises."""
        table = handed(model_frame(features, self.signature), self.signature.takes)
        with quiet():
            for _, step in self.parts.steps:
                table = step.transform(table)
            if not self.parts.steps:  # it makes an array of a frame itself
                table = check_array(table, dtype="numeric", ensure_all_finite=False)
        return _numbers(table)

    def result(self, table: Any) -> np.ndarray:
        """What the final estimator gives for such a table. Raises: whatever it raises."""
        with quiet():
            return as_array(getattr(self.parts.final, self.method.value)(table), self.method)

    def whole(self, features: pa.Table) -> np.ndarray:
        """What the pipeline itself gives, called as it is called without any plan."""
        frame = handed(model_frame(features, self.signature), self.signature.takes)
        with quiet():
            return as_array(getattr(self.estimator, self.method.value)(frame), self.method)


def _numbers(table: Any) -> Any:
    """Whole numbers beside truths become objects in pandas; every estimator makes float64 of them."""
    if not isinstance(table, np.ndarray) or table.dtype != object:
        return table
    try:
        return table.astype(np.float64)
    except (TypeError, ValueError):  # texts, or pd.NA
        return table
