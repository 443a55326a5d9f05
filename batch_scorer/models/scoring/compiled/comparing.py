"""The same bits, or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from batch_scorer.models.scoring.compiled.running.table import Table


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Of one shape and type; NaN is NaN whatever its payload is."""
    return left.shape == right.shape and left.dtype == right.dtype and not _differing(left, right).any()


def differing_columns(table: Table, truth: Any) -> list[int]:
    """Positions of columns that are not what the original made of the same rows, bit for bit."""
    if truth.shape != (table.n_rows, table.n_columns) or truth.dtype != table.plan.form.dtype:
        return list(range(table.n_columns))
    if not sparse.issparse(truth):
        return [at for at in range(table.n_columns) if _differing(table.column(at), truth[:, at]).any()]
    return _numbers_in_sparse(table, truth) + _looked_up_in_sparse(table, truth)


def _numbers_in_sparse(table: Table, truth: Any) -> list[int]:
    """A sparse table does not keep the sign of a zero."""
    numbers = [at for at, track in enumerate(table.plan.tracks) if not track.looked_up]
    dense = truth[:, numbers].toarray()
    return [
        at for place, at in enumerate(numbers) if _differing(table.column(at) + 0.0, dense[:, place]).any()
    ]


def _looked_up_in_sparse(table: Table, truth: Any) -> list[int]:
    found: list[int] = []
    for run in filter(table.is_looked_up, table.plan.runs):
        ours = table.made(run)[table.codes(run.first)]
        wrong = (ours != truth[:, run.first : run.stop]).tocoo()
        found += (run.first + np.unique(wrong.col)).tolist()
    return found


def _differing(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    if left.dtype.kind != "f":
        return np.asarray(left != right)
    bits = np.dtype(f"u{left.dtype.itemsize}")
    same = np.ascontiguousarray(left).view(bits) == np.ascontiguousarray(right).view(bits)
    differing: np.ndarray = ~(same | (np.isnan(left) & np.isnan(right)))
    return differing
