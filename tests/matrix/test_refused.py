"""What cannot be registered is refused with its reason and a way out, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from batch_scorer.core.models import ModelFormat, ModelManifest
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from tests.matrix import lake
from tests.matrix.refused import REFUSALS, Refusal


@pytest.fixture(scope="module")
def training() -> pd.DataFrame:
    frame: pd.DataFrame = lake.rides(120, seed=0).select(["miles", "minutes"]).to_pandas()
    return frame


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.what)
def test_it_says_why_and_what_to_do(training: pd.DataFrame, tmp_path: Path, refusal: Refusal) -> None:
    registry = FileRegistry(tmp_path)
    model = refusal.fit(training, (training.miles > 1.5).astype(int))

    def registered(*, allow_pickle: bool) -> ModelManifest:
        return register(
            model, registry=registry, name="m", reference=training, who="ada", allow_pickle=allow_pickle
        )

    with pytest.raises(refusal.error) as caught:
        registered(allow_pickle=False)
    assert refusal.said in caught.value.what
    assert refusal.fix in str(caught.value.fix)
    assert caught.value.exit_code == 5
    assert registry.names() == ()
    if refusal.pickle:
        assert registered(allow_pickle=True).format is ModelFormat.JOBLIB
    else:
        with pytest.raises(refusal.error):
            registered(allow_pickle=True)
