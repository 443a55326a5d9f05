"""Linear models on a sparse table, without the table.

SciPy multiplies a row of a CSR matrix by adding value * coefficient to 0.0, column after column. The same
sums come out here for all rows at once: columns in the same order, multiplied and added as two operations.
What a column does not store is 0, and adding 0 changes no sum that began with 0.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.linear_model._stochastic_gradient import BaseSGDRegressor

from batch_scorer.core.models import Method
from batch_scorer.models.scoring.compiled.finals.final import answering
from batch_scorer.models.scoring.compiled.plan import Plan, Run
from batch_scorer.models.scoring.compiled.reasons import Unusual
from batch_scorer.models.scoring.compiled.recognising.anatomy import is_of_sklearn
from batch_scorer.models.scoring.compiled.running.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """coefficients: (n_targets, n_columns). intercepts: (n_targets,) or (). question: see answering.

    flat: does one target give (n_rows,)?
    """

    estimator: Any
    method: Method
    question: str
    coefficients: np.ndarray
    intercepts: Any
    flat: bool

    @property
    def rows_alone(self) -> bool:
        return True

    def score(self, table: Table) -> np.ndarray:
        sums = self._sums(table)
        sums += self.intercepts
        if not np.isfinite(sums).all():
            # The original refuses NaN among the features, and infinity: either is seen in the sum, for not
            # even a coefficient of 0 makes it a number.
            raise Unusual("a row gives no finite decision")
        decision: np.ndarray = sums.ravel() if self.flat else sums
        if self.method.value == self.question:
            return decision
        return answering(self.estimator, self.method, self.question, decision)

    def _sums(self, table: Table) -> np.ndarray:
        """(n_rows, n_targets)."""
        terms = {
            run: table.made_once(run, partial(self._terms, run))
            for run in table.plan.runs
            if table.is_looked_up(run)
        }
        sums = np.empty((table.n_rows, len(self.coefficients)))
        for rows in table.blocks():
            sums[rows] = self._block(table, rows, terms).T
        return sums

    def _block(self, table: Table, rows: slice, terms: Mapping[Run, list[np.ndarray]]) -> np.ndarray:
        """(n_targets, n rows of the block)."""
        sums = np.zeros((len(self.coefficients), rows.stop - rows.start))
        for run in table.plan.runs:
            if run in terms:
                codes = table.codes(run.first)[rows]
                for term in terms[run]:
                    sums += term.take(codes, axis=1)
            else:
                values = table.numbers(run.first, rows)
                for target, coefficient in enumerate(self.coefficients[:, run.first]):
                    sums[target] += values * coefficient
        return sums

    def _terms(self, run: Run, made: Any) -> list[np.ndarray]:
        """What each distinct value adds, one after the other: (n_targets, n_values) each.

        One term where a value is not 0 in at most one column, as of an encoder; else as many as it has.
        """
        made = made.tocsr()
        made.sort_indices()
        lengths = np.diff(made.indptr)
        value_of = np.repeat(np.arange(made.shape[0]), lengths)
        rank = np.arange(made.nnz) - made.indptr[value_of]
        terms = []
        for place in range(int(lengths.max(initial=0))):
            chosen = np.flatnonzero(rank == place)
            term = np.zeros((len(self.coefficients), made.shape[0]))
            coefficients = self.coefficients[:, run.first + made.indices[chosen]]
            term[:, value_of[chosen]] = made.data[chosen] * coefficients
            terms.append(term)
        return terms


def linear(estimator: Any, method: Method, plan: Plan) -> Linear | None:
    """None: its decision is not the plain sum of finite numbers."""
    question = _question(estimator)
    if question is None:
        return None
    coefficients = np.asarray(estimator.coef_)
    intercepts = np.asarray(estimator.intercept_)
    if coefficients.dtype != np.float64 or plan.form.dtype != np.float64 or intercepts.dtype != np.float64:
        return None
    if not np.isfinite(coefficients).all():
        return None
    rows = np.atleast_2d(coefficients)
    # Of a regression with a 2-D target, one target keeps its column.
    flat = len(rows) == 1 and (
        question != "_decision_function" or coefficients.ndim == 1 or _is_sgd(estimator)
    )
    return Linear(
        estimator=estimator,
        method=method,
        question=question,
        coefficients=rows,
        intercepts=intercepts,
        flat=flat,
    )


def _question(estimator: Any) -> str | None:
    kind = type(estimator)
    if not is_of_sklearn(kind):  # what it does to a decision may look at the features again
        return None
    if getattr(kind, "decision_function", None) is LinearClassifierMixin.decision_function:
        return "decision_function"
    plain = (LinearModel._decision_function, BaseSGDRegressor._decision_function)
    if getattr(kind, "_decision_function", None) in plain and not hasattr(kind, "decision_function"):
        return "_decision_function"
    return None


def _is_sgd(estimator: Any) -> bool:
    return isinstance(estimator, BaseSGDRegressor)
