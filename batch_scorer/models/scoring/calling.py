"""Calling an estimator on a batch, and naming the rows it cannot score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from batch_scorer.core.errors import BatchScorerError, ScoringError
from batch_scorer.core.models import Method, Takes
from batch_scorer.models.scoring.results import as_array
from batch_scorer.models.scoring.together import quiet

MAX_SHOWN_ROWS = 10
_MAX_CALLS = 64  # of the estimator, to find the rows that make it raise


@dataclass(frozen=True, slots=True, kw_only=True)
class RaisingRows:
    """positions: ascending. complete: no other row raises. reason: the exception of the first."""

    positions: tuple[int, ...]
    complete: bool
    reason: str


def predict(
    estimator: Any,
    frame: pd.DataFrame,
    method: Method,
    shape: tuple[int, ...],
    takes: Takes = Takes.FRAME,
) -> np.ndarray:
    """One result per row: (n_rows, *shape), float results all finite.

    Raises: ScoringError, with the first offending rows; SignatureInvalid, for a result that is too wide.
    """
    if len(frame) == 0:
        return np.empty((0, *shape))
    call = caller(estimator, method, takes)
    try:
        result = call(frame)
    except (MemoryError, BatchScorerError):
        raise
    except Exception as error:
        raise _raised(raising_rows(call, frame, error), len(frame), error) from None
    require_usable(result, len(frame), method, shape)
    return result


def require_usable(result: np.ndarray, n_rows: int, method: Method, shape: tuple[int, ...]) -> None:
    """Raises: ScoringError: it is not (n_rows, *shape), or a row has a value that is no answer."""
    if result.shape != (n_rows, *shape):
        raise ScoringError(
            f"{method} gave an array of shape {result.shape} for {n_rows:,} rows; its signature says "
            f"{(n_rows, *shape)}",
            fix="register the model again as a new version",
        )
    bad = np.flatnonzero(unusable(result))
    if bad.size:
        raise _unusable(result, bad, method)


def caller(estimator: Any, method: Method, takes: Takes) -> Callable[[pd.DataFrame], np.ndarray]:
    """The method as a function of a frame, which it leaves as it was.

    What estimators warn about on known data says nothing new here; what they print does not belong among
    the results on stdout.
    """

    def call(frame: pd.DataFrame) -> np.ndarray:
        own = frame.copy(deep=False)  # its values are copied when the estimator writes into them
        with quiet():
            return as_array(getattr(estimator, method.value)(handed(own, takes)), method)

    return call


def handed(frame: pd.DataFrame, takes: Takes) -> Any:
    """What training handed over: see Takes."""
    match takes:
        case Takes.FRAME:
            return frame
        case Takes.ARRAY:
            return frame.to_numpy()
        case Takes.SERIES:
            return frame.iloc[:, 0]


def raising_rows(
    call: Callable[[pd.DataFrame], object],
    frame: pd.DataFrame,
    error: Exception,
    *,
    max_calls: int = _MAX_CALLS,
) -> RaisingRows:
    """Bisect a frame on which call raised `error`; earlier rows first, so the first is always found."""
    found: list[int] = []
    reason = _name(error)
    pending = _halves(0, len(frame))
    while pending and max_calls > 0:
        start, stop = pending.pop()
        max_calls -= 1
        try:
            call(frame.iloc[start:stop])
        except MemoryError:
            raise
        except Exception as raised:
            if stop - start == 1:
                reason = reason if found else _name(raised)
                found.append(start)
            else:
                pending += _halves(start, stop)
    return RaisingRows(positions=tuple(found), complete=not pending, reason=reason)


def unusable(result: np.ndarray) -> np.ndarray:
    """Per row: is any of its values null, NaN or infinite? (n_rows,) bool."""
    if result.dtype.kind in "fc":
        finite = np.isfinite(result)
        if finite.all():  # the usual case, at a tenth of what looking row by row costs
            return np.zeros(len(result), dtype=bool)
        bad = ~finite
    elif result.dtype == object:
        bad = np.asarray(pd.isna(result))
    else:
        return np.zeros(len(result), dtype=bool)
    rows: np.ndarray = bad.reshape(len(result), -1).any(axis=1)
    return rows


def _halves(start: int, stop: int) -> list[tuple[int, int]]:
    """As a stack: the earlier half on top. A single row stays whole."""
    if stop - start == 1:
        return [(start, stop)]
    middle = (start + stop) // 2
    return [(middle, stop), (start, middle)]


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _raised(rows: RaisingRows, n_rows: int, error: Exception) -> ScoringError:
    if not rows.positions:
        return ScoringError(
            f"the model raised on a batch of {n_rows:,} rows, but on none of its rows alone: {_name(error)}",
            fix="a step of the pipeline looks at other rows of the batch; it cannot be scored in chunks",
        )
    count = f"{len(rows.positions):,}" if rows.complete else f"at least {len(rows.positions):,}"
    return _with_rows(
        ScoringError(
            f"the model raised on {count} of {n_rows:,} rows, first at batch row {rows.positions[0]}: "
            f"{rows.reason}",
            fix="correct those rows upstream, or let the suite of the job catch them before scoring",
        ),
        rows.positions,
    )


def _unusable(result: np.ndarray, bad: np.ndarray, method: Method) -> ScoringError:
    return _with_rows(
        ScoringError(
            f"{method} gave null, NaN or infinity on {bad.size:,} of {len(result):,} rows, "
            f"first at batch row {bad[0]}: {_plain(result[bad[0]])}",
            fix="look at those input rows; a value outside what the model was trained on is the usual cause",
        ),
        tuple(bad.tolist()),
    )


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _with_rows(error: ScoringError, positions: tuple[int, ...]) -> ScoringError:
    error.n_error_rows = len(positions)
    error.error_rows = positions[:MAX_SHOWN_ROWS]
    return error
