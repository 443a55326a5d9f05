"""Every estimator of the matrix, compiled: the same bits, or a reason in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from batch_scorer.core.models import Method, Signature
from batch_scorer.models.estimators import use_one_thread
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.pipeline import CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import NotCompiled, Unusual
from batch_scorer.models.signature.columns import columns_from_frame
from batch_scorer.models.signature.frames import arrow_features
from tests.matrix import lake
from tests.matrix.cells import as_pandas, fitted, methods_of, own_output, readings_for
from tests.matrix.estimators import CASES, Case
from tests.matrix.lake import Reading

pytestmark = pytest.mark.long

PAIRS = [(case, reading) for case in CASES for reading in readings_for(case)]


def _frame(reading: Reading, seed: int) -> pd.DataFrame:
    frame: pd.DataFrame = reading.read(as_pandas(lake.rides(700, seed=seed))[list(reading.columns)])
    return frame


def _compiled(case: Case, reading: Reading, method: Method) -> CompiledPipeline:
    """Raises: NotCompiled."""
    estimator, frame = fitted(case, reading), _frame(reading, 11)
    use_one_thread(estimator)
    like = own_output(estimator, method, lake.handed(frame, reading.takes))
    signature = Signature(
        columns=columns_from_frame(estimator, frame, where="here", names=tuple(frame.columns)),
        outputs={method: like.shape[1:]},
        takes=reading.takes,
    )
    return compile_pipeline(estimator, signature, method, None)


def _same(plan: CompiledPipeline, features: pa.Table) -> bool:
    """Also where the plan has no answer."""
    try:
        result = plan.chunk().score(features)
    except Unusual:
        return True
    expected: np.ndarray = plan.original.whole(features)
    return same_bits(result, expected)


@pytest.mark.parametrize(("case", "reading"), PAIRS, ids=lambda each: each.name)
def test_each_estimator_gives_the_same_bits_compiled_or_says_why_not(case: Case, reading: Reading) -> None:
    for method in methods_of(fitted(case, reading)):
        with threadpool_limits(1):
            try:
                plan = _compiled(case, reading, method)
            except NotCompiled:
                continue
            columns: Any = plan.plan.signature.columns
            for seed in (12, 13):
                assert _same(plan, arrow_features(_frame(reading, seed), columns))
