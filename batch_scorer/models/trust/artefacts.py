"""From hashed bytes to an estimator. The bytes that were hashed are the bytes that are loaded."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

import joblib
from sklearn.exceptions import InconsistentVersionWarning

from batch_scorer.core.errors import BatchScorerError, ModelRefused, ModelUnloadable
from batch_scorer.core.models import ModelFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """A loaded estimator. fitted_with: the scikit-learn version it was fitted with, when not ours."""

    estimator: Any
    fitted_with: str | None


def load_artefact(data: bytes, model_format: ModelFormat, *, allow_pickle: bool, label: str) -> Artefact:
    """The caller has checked the hash of data.

    Raises: ModelRefused (a type that is not trusted; a pickle that nobody allowed), before anything of the
    file has run; ModelUnloadable.
    """
    if model_format is ModelFormat.JOBLIB and not allow_pickle:
        raise ModelRefused(
            f"{label} is a pickle, and loading a pickle can run any code of its author",
            fix="save the estimator with skops (skops.io.dump); or, if you trust who made the file, "
            "register it with --allow-pickle",
        )
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator = _load(data, model_format, label)
    except BatchScorerError:
        raise
    except Exception as error:
        raise ModelUnloadable(
            f"{label} does not load here: {type(error).__name__}: {error}",
            fix="install what it was trained with, and name the directory of its own modules under `code:`",
        ) from None
    return Artefact(estimator=estimator, fitted_with=_other_version(caught))


def _load(data: bytes, model_format: ModelFormat, label: str) -> Any:
    match model_format:
        case ModelFormat.SKOPS:
            return _load_skops(data, label)
        case ModelFormat.JOBLIB:
            return joblib.load(io.BytesIO(data))


def _load_skops(data: bytes, label: str) -> Any:
    # Here: skops imports every module of scikit-learn, and pytest and dask.array on the way.
    import skops.io

    from batch_scorer.models.trust.allow_list import TRUSTED_TYPES, require_trusted
    from batch_scorer.models.trust.archives import require_bounded

    require_bounded(data, label=label)
    require_trusted(data, label=label)
    return skops.io.loads(data, trusted=sorted(TRUSTED_TYPES))


def _other_version(caught: list[warnings.WarningMessage]) -> str | None:
    for warning in caught:
        if isinstance(warning.message, InconsistentVersionWarning):
            return str(warning.message.original_sklearn_version)
    return None
