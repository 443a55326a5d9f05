"""Golden rows once more: what counts as the same, and what a person is told when it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import GoldenRowsDiffer
from batch_scorer.core.models import EXACT, ColumnSpec, Method, Signature, Tolerance
from batch_scorer.models.scoring.golden import golden_outputs
from batch_scorer.models.scoring.replaying import differences, require_same_outputs

ROWS = pa.table({"fare": [1.0, 2.0, None, 4.0], "company": ["Flash Cab", "Top\nCab", None, "x" * 99]})
SIGNATURE = Signature(
    columns=(
        ColumnSpec(name="fare", type="float64", nullable=True, pandas_dtype="float64"),
        ColumnSpec(name="company", type="string", nullable=True, pandas_dtype="str"),
    ),
    outputs={Method.PREDICT: (), Method.PREDICT_PROBA: (2,)},
)


class Answering:
    """Gives what it is told to."""

    def __init__(self, labels: list[Any], proba: list[float]) -> None:
        self._labels, self._proba = labels, np.array(proba)

    def predict(self, frame: pd.DataFrame) -> list[Any]:
        return self._labels

    def predict_proba(self, frame: pd.DataFrame) -> np.ndarray:
        return np.stack([1 - self._proba, self._proba], axis=1)


LABELS, PROBA = ["no", "no", "yes", "no"], [0.25, 0.5, 0.75, 0.125]
EXPECTED = golden_outputs(Answering(LABELS, PROBA), ROWS, SIGNATURE)


def replay(
    estimator: Answering, *, tolerance: Tolerance = EXACT, packages: tuple[str, ...] = ()
) -> GoldenRowsDiffer | None:
    try:
        require_same_outputs(
            estimator, ROWS, EXPECTED, SIGNATURE, label="m@1", packages=packages, tolerance=tolerance
        )
    except GoldenRowsDiffer as error:
        return error
    return None


def test_the_same_answers_pass_and_the_last_bit_does_not() -> None:
    assert replay(Answering(LABELS, PROBA)) is None
    off = [*PROBA[:3], float(np.nextafter(PROBA[3], 1))]
    error = replay(Answering(LABELS, off))
    assert error is not None
    assert "1 of 4 differ" in error.what
    assert replay(Answering(LABELS, off), tolerance=Tolerance(rtol=1e-12)) is None


def test_text_has_no_tolerance() -> None:
    error = replay(Answering(["yes", *LABELS[1:]], PROBA), tolerance=Tolerance(rtol=0.5, atol=10))
    assert error is not None
    assert "row 0, predict\n        expected 'no'\n        got      'yes'\n" in error.what


def test_the_message_reads_well_in_a_terminal() -> None:
    error = replay(
        Answering(["yes", *LABELS[1:]], [0.25, 0.5, 0.875, 0.25]),
        packages=("numpy 1.0 at registration, 2.4.6 here", "scikit-learn 1.7.2 at registration, 1.9.1 here"),
    )
    assert error is not None
    assert (
        error.render()
        == f"""\
m@1 does not repeat its golden rows: 3 of 4 differ
    row 0, predict
        expected 'no'
        got      'yes'
        from     fare=1.0, company='Flash Cab'
    row 2, predict_proba[0], and 1 more of its outputs
        expected 0.25
        got      0.125  (0.12 apart)
        from     fare=None, company=None
    row 3, predict_proba[0], and 1 more of its outputs
        expected 0.875
        got      0.75  (0.12 apart)
        from     fare=4.0, company='{"x" * 37}…
    numpy 1.0 at registration, 2.4.6 here
    scikit-learn 1.7.2 at registration, 1.9.1 here
  fix:   install the versions it was registered with, or register it anew with those of today"""
    )
    alone = replay(Answering(LABELS, [0.25, 0.25, 0.75, 0.125]))
    assert alone is not None
    assert "from     fare=2.0, company='Top\\nCab'" in alone.what
    assert "the packages are the same" in str(alone.fix)


def test_answers_of_another_kind_differ() -> None:
    narrow = np.array(PROBA, dtype="float32").tolist()
    model = Answering(LABELS, narrow)
    model._proba = model._proba.astype("float32")
    error = replay(model, tolerance=Tolerance(rtol=0.1))
    assert error is not None
    assert "4 of 4 differ" in error.what
    failing = Answering(LABELS, [float("nan")] * 4)
    error = replay(failing)
    assert error is not None
    assert "m@1 fails on its golden rows: predict_proba gave null, NaN or infinity" in error.what


def test_golden_rows_without_their_outputs_are_no_proof() -> None:
    with pytest.raises(GoldenRowsDiffer, match="has 3 golden outputs for 4 inputs"):
        require_same_outputs(
            Answering(LABELS, PROBA), ROWS, EXPECTED.slice(0, 3), SIGNATURE, label="m@1", packages=()
        )
    with pytest.raises(GoldenRowsDiffer, match="at registration it gave predict"):
        require_same_outputs(
            Answering(LABELS, PROBA), ROWS, EXPECTED.select([0]), SIGNATURE, label="m@1", packages=()
        )


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(st.tuples(finite, finite), min_size=1), st.floats(0, 0.5), st.floats(0, 100))
def test_a_tolerance_is_numpys(pairs: list[tuple[float, float]], rtol: float, atol: float) -> None:
    before, now = np.array(pairs).T
    with np.errstate(over="ignore"):
        found = differences(
            pa.table({"predict": before}), pa.table({"predict": now}), Tolerance(rtol=rtol, atol=atol)
        )
        if rtol or atol:
            far = np.abs(now - before) > atol + rtol * np.abs(before)
        else:
            far = before.view("u8") != now.view("u8")
    assert found.rows == np.flatnonzero(far).tolist()
