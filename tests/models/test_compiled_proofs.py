"""What is proven later: what is held aside for it, how much at most, and when the original is asked."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import ThreadpoolController

from batch_scorer.core.models import Method
from batch_scorer.models.scoring import proofs as proving
from batch_scorer.models.scoring.compiled import pipeline as pipelining
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.pipeline import CompiledChunk, CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import Differs
from batch_scorer.models.scoring.compiled.running.sources import ABSENT, a_row_of_each
from batch_scorer.models.scoring.proofs import Proofs
from tests.memory import traced_memory
from tests.models import pipelines

THREADS = ThreadpoolController()


class Asked:
    """The original, and the rows of each ask."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self.rows: list[pa.Table] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def table(self, features: pa.Table) -> Any:
        self.rows.append(features)
        return self._original.table(features)


@pytest.fixture(params=[("imputed, scaled and one-hot", "logistic"), ("ordinal with passthrough", "boosted")])
def compiled(request: pytest.FixtureRequest) -> CompiledPipeline:
    """With nothing known, and an original that counts."""
    estimator = pipelines.fitted(*request.param)
    signature = pipelines.signature_of(estimator, pipelines.frame(9, seed=1), Method.PREDICT_PROBA)
    found = compile_pipeline(estimator, signature, Method.PREDICT_PROBA, None)
    original: Any = Asked(found.original)
    return replace(found, original=original)


def features(compiled: CompiledPipeline, n_rows: int = 600, seed: int = 4, **kinds: float) -> pa.Table:
    return pipelines.features(pipelines.frame(n_rows, seed=seed, **kinds), compiled.plan.signature)


def asks(compiled: CompiledPipeline) -> list[pa.Table]:
    asked: Any = compiled.original
    rows: list[pa.Table] = asked.rows
    return rows


def chunk_of(compiled: CompiledPipeline, proofs: Proofs) -> CompiledChunk:
    return compiled.chunk(proofs.of(compiled, THREADS).owe)


def test_what_is_known_is_scored_at_once_and_proven_when_it_is_settled(compiled: CompiledPipeline) -> None:
    proofs = Proofs()
    batches = [features(compiled, seed=seed) for seed in range(4)]
    chunks = [chunk_of(compiled, proofs) for _ in batches]
    results = [chunk.score(batch) for chunk, batch in zip(chunks, batches, strict=True)]
    assert len(asks(compiled)) == 1  # for the values of the first
    proofs.settle()
    at_once, later = asks(compiled)
    assert [len(sample) > 16 for sample in (at_once["miles"], *later["miles"].chunks)] == [True] * 4
    for chunk in chunks:
        chunk.require_proven()
    for batch, result in zip(batches, results, strict=True):
        assert same_bits(result, compiled.original.whole(batch))


def test_a_chunk_shows_all_its_values_again_though_others_showed_them(compiled: CompiledPipeline) -> None:
    batch = features(compiled, 3000, nulls=0.1, unseen=0.05)
    compiled.chunk().score(batch)
    compiled.chunk().score(batch)
    plan = compiled.plan
    used = [plan.signature.columns[at].name for at in sorted({track.source for track in plan.tracks})]
    texts = [plan.signature.columns[at].name for at in plan.looked_up]
    assert texts
    whole = batch.to_pandas()
    for ask in asks(compiled):
        sample = ask.to_pandas()
        assert set(map(tuple, sample[used].isna().to_numpy())) == set(
            map(tuple, whole[used].isna().to_numpy())
        )
        for name in texts:
            assert set(sample[name].dropna()) == set(whole[name].dropna())
    assert len(asks(compiled)) == 2


def test_what_is_proven_is_what_was_given(
    compiled: CompiledPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that was wrong when it was given is found, though the plan is right by then."""
    proofs = Proofs()
    compiled.chunk().score(features(compiled))
    right = type(compiled.final).score
    with monkeypatch.context() as wrong:
        wrong.setattr(type(compiled.final), "score", lambda *given: np.nextafter(right(*given), 2))
        chunk = chunk_of(compiled, proofs)
        chunk.score(features(compiled))
    proofs.settle()
    with pytest.raises(Differs, match="a compiled predict_proba is not the original's"):
        chunk.require_proven()
    with pytest.raises(Differs):
        chunk_of(compiled, proofs).score(features(compiled))  # nor is it used again


def test_a_column_that_was_computed_wrong_is_found_out_later(
    compiled: CompiledPipeline,
) -> None:
    compiled.chunk().score(features(compiled))
    proofs = Proofs()
    chunk = chunk_of(compiled, proofs)
    chunk.score(features(compiled))
    owed = proofs._debts[0]._owed
    rows = owed[0][1].features
    at = rows.column_names.index("miles")
    otherwise = rows.set_column(at, "miles", pa.array(np.asarray(rows["miles"]) + 1.0))
    owed[:] = [(chunk, replace(owed[0][1], features=otherwise))]
    proofs.settle()
    with pytest.raises(Differs, match='made of "miles", is not the original'):
        chunk.require_proven()


def test_no_batch_is_kept_for_the_sake_of_its_proof(compiled: CompiledPipeline) -> None:
    proofs = Proofs()
    chunk_of(compiled, proofs).score(features(compiled))
    with traced_memory() as memory:
        chunk = chunk_of(compiled, proofs)
        chunk.score(features(compiled, 50_000, seed=5))  # 50,000 * 8 columns * 8 bytes
        gc.collect()
        held = memory.held_bytes
    ((_, sample),) = proofs._debts[0]._owed
    assert 16 <= sample.n_rows < 500
    assert held < 400_000
    assert sample.n_bytes < 200_000


@pytest.mark.parametrize("limit", ["MOST_ROWS", "MOST_BYTES"])
def test_what_is_held_aside_is_bounded(
    compiled: CompiledPipeline, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    compiled.chunk().score(features(compiled))
    proofs = Proofs()
    chunk_of(compiled, proofs).score(features(compiled))
    ((_, sample),) = proofs._debts[0]._owed
    size = sample.n_rows if limit == "MOST_ROWS" else sample.n_bytes
    monkeypatch.setattr(proving, limit, 3 * size)
    for seed in range(20):
        chunk_of(compiled, proofs).score(features(compiled, seed=seed))
        assert len(proofs._debts[0]._owed) <= 5
    assert 5 <= len(asks(compiled)) < 15


def test_what_is_known_is_forgotten_when_it_grows_too_large_and_what_was_owed_is_proven_before(
    compiled: CompiledPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs = Proofs()
    chunks, results, batches = [], [], []
    for seed in range(6):
        if seed == 3:
            monkeypatch.setattr(pipelining, "MOST_KNOWN_BYTES", 1)
        batches.append(features(compiled, seed=seed, unseen=0.1))
        chunks.append(chunk_of(compiled, proofs))
        results.append(chunks[-1].score(batches[-1]))
    proofs.settle()
    for chunk, batch, result in zip(chunks, batches, results, strict=True):
        chunk.require_proven()
        assert same_bits(result, compiled.original.whole(batch))
    assert len({id(sample) for sample in asks(compiled)}) >= 4  # each chunk from then on, at once
    assert compiled.known.lookups.n_bytes < 100_000


def test_samples_of_before_and_after_what_is_known_was_forgotten_are_not_mixed(
    compiled: CompiledPipeline,
) -> None:
    """Positions in what is known now are others than they were."""
    proofs = Proofs()
    compiled.chunk().score(features(compiled))
    first = chunk_of(compiled, proofs)
    first.score(features(compiled))
    compiled.known.lookups = type(compiled.known.lookups)()
    compiled.chunk().score(features(compiled, seed=77))
    second = chunk_of(compiled, proofs)
    second.score(features(compiled, seed=77))
    proofs.settle()
    for chunk in (first, second):
        chunk.require_proven()


def test_a_value_that_a_chunk_met_and_the_process_forgot_is_asked_for_again(
    compiled: CompiledPipeline,
) -> None:
    chunk = compiled.chunk()
    batch = features(compiled)
    expected = chunk.score(batch)
    compiled.known.lookups = type(compiled.known.lookups)()
    assert same_bits(chunk.score(batch), expected)
    assert len(asks(compiled)) == 2


def test_values_that_come_one_by_one_are_each_learned_once(compiled: CompiledPipeline) -> None:
    frame = pipelines.frame(600, seed=4)
    for number in range(3):
        own = frame.assign(company=pd.Series([f"new {number}"] * 600, dtype="str"))
        for _ in range(2):
            batch = pipelines.features(own, compiled.plan.signature)
            assert same_bits(compiled.chunk().score(batch), compiled.original.whole(batch))
    assert len(asks(compiled)) == 6
    lookup = max(compiled.known.lookups._by_source.items())[1]
    assert len(set(lookup.values.to_pylist())) == len(lookup.values)


@given(st.integers(1, 9_000), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_each_value_has_a_row_that_holds_it(n_rows: int, n_values: int, seed: int) -> None:
    codes = np.random.default_rng(seed).geometric(0.02, n_rows) % n_values
    a_row = a_row_of_each(codes, n_values)
    held = np.flatnonzero(a_row != ABSENT)
    assert set(held) == set(codes)
    assert np.array_equal(codes[a_row[held]], held)
