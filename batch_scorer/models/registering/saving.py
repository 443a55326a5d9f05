"""From an estimator in memory to the bytes of an artefact: skops, else a pickle if allowed."""

from __future__ import annotations

import io

import joblib
import skops.io

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import ModelFormat
from batch_scorer.models.trust.allow_list import refused_types

_OF_THE_NOTEBOOK = b"\x8c\x08__main__"  # as a pickle names the module of a class or function


def saved(estimator: object, *, allow_pickle: bool) -> tuple[bytes, ModelFormat]:
    """Raises: ModelRefused."""
    try:
        data = skops.io.dumps(estimator)
        refused = ", ".join(refused_types(data))
    except Exception as error:  # whatever a type that skops does not know runs into
        data, refused = b"", f"{type(error).__name__}: {error}"
    if not refused:
        return data, ModelFormat.SKOPS
    name = type(estimator).__name__
    if not allow_pickle:
        raise ModelRefused(
            f"{name} cannot be saved as a file that is safe to load: {refused}",
            fix="build it from scikit-learn's own parts and NumPy ufuncs, or say allow_pickle=True",
        )
    return _pickled(estimator, name), ModelFormat.JOBLIB


def _pickled(estimator: object, name: str) -> bytes:
    buffer = io.BytesIO()
    try:
        joblib.dump(estimator, buffer, protocol=4)
    except Exception as error:  # a lambda, an open file, a lock …
        raise ModelRefused(
            f"{name} cannot be pickled: {type(error).__name__}: {error}",
            fix="use functions and classes with a name in a module, no lambdas",
        ) from None
    if _OF_THE_NOTEBOOK in buffer.getvalue():
        raise ModelRefused(
            f"{name} uses a class or function that is defined here, in __main__; no worker could import it",
            fix="put it into a module of the project's own code (`code:` in the job file) and import it here",
        )
    return buffer.getvalue()
