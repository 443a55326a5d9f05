"""What all of them have in common, and the plainest of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.results import as_array


class Final(Protocol):
    """rows_alone: a row's result does not depend, to the last bit, on the rows that are scored with it."""

    @property
    def rows_alone(self) -> bool: ...

    def score(self, table: Table) -> np.ndarray:
        """(n_rows, *shape). Raises: whatever the estimator raises; Unusual."""


@dataclass(frozen=True, slots=True)
class OwnCall:
    """The estimator's own method on the very table that the original's steps would have given it."""

    estimator: Any
    method: Method

    @property
    def rows_alone(self) -> bool:
        return False  # dense linear algebra rounds by the batch

    def score(self, table: Table) -> np.ndarray:
        return as_array(getattr(self.estimator, self.method.value)(table.matrix()), self.method)


def answering(estimator: Any, method: Method, question: str, answer: np.ndarray) -> np.ndarray:
    """The estimator's own method, where what it asks of itself is already answered.

    question: name of the method that alone looks at its input, such as decision_function. So that what
    follows it (expit, softmax, labels) is scikit-learn's own.
    """
    knowing = copy.copy(estimator)
    vars(knowing)[question] = _constant(answer)
    return as_array(getattr(knowing, method.value)(answer), method)


def _constant(answer: np.ndarray) -> Callable[..., np.ndarray]:
    return lambda *_, **__: answer
