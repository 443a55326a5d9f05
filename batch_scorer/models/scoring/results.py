"""What estimators give, in one form: an array with one row per row."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from batch_scorer.core.errors import SignatureInvalid

MAX_WIDTH = 10_000  # columns; a table of results is dense, whatever the estimator gave


def as_array(result: Any, method: str) -> np.ndarray:
    """(n_rows,) or (n_rows, n_columns), whatever holds it: an array, a sparse one, a frame or a series.

    A list of arrays (n_rows, c_i), as predict_proba of several outputs gives it, is one block of columns
    after the other. Raises: SignatureInvalid, for more than MAX_WIDTH columns; before they fill the memory.
    """
    if isinstance(result, list) and result and all(np.ndim(block) == 2 for block in result):
        result = np.hstack(result)
    if issparse(result):
        _require_bounded(result, method)
        result = result.toarray()
    array = np.asarray(result)
    _require_bounded(array, method)
    return array


def _require_bounded(result: Any, method: str) -> None:
    width = result.shape[1] if len(result.shape) == 2 else 1
    if width > MAX_WIDTH:
        raise SignatureInvalid(
            f"{method} gives {width:,} columns, at most {MAX_WIDTH:,} can be scored",
            fix="let it give fewer: n_features of a hasher, max_features of a vectorizer, or TruncatedSVD",
        )
