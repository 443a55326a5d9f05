"""Rows that an output refuses, as one error that counts them and shows the first."""

from __future__ import annotations

import numpy as np

from batch_scorer.core.errors import ScoringError
from batch_scorer.models.scoring.calling import MAX_SHOWN_ROWS


def refused(what: str, bad: np.ndarray, *, fix: str) -> ScoringError:
    """bad: (n_rows,) bool, some of them true."""
    positions = np.flatnonzero(bad)
    error = ScoringError(
        f"{what}, on {len(positions):,} of {len(bad):,} rows, first at batch row {positions[0]}", fix=fix
    )
    error.n_error_rows = len(positions)
    error.error_rows = tuple(positions[:MAX_SHOWN_ROWS].tolist())
    return error
