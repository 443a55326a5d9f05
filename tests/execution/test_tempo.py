"""How long a chunk will take, by those that came back."""

from __future__ import annotations

import pytest

from batch_scorer.core.chunks import ChunkCost
from batch_scorer.execution.tempo import Tempo


def test_nobody_knows_before_a_chunk_came_back() -> None:
    assert Tempo().seconds(1_000) is None


def test_a_chunk_takes_what_its_rows_took_elsewhere_whatever_loading_the_model_took() -> None:
    tempo = Tempo()
    tempo.took(ChunkCost(load_s=9.0, read_s=0.1, validate_s=0.2, score_s=0.3, write_s=0.4, cpu_s=10.0), 100)
    assert tempo.seconds(50) == pytest.approx(0.5)


def test_what_a_chunk_waits_counts_a_third() -> None:
    tempo = Tempo()
    tempo.took(ChunkCost(read_s=0.1, score_s=0.3, cpu_s=0.2), 100)
    assert tempo.seconds(100) == pytest.approx(0.2)
    busy = Tempo()
    busy.took(ChunkCost(read_s=6.0, cpu_s=0.2), 100)
    assert busy.seconds(100) == pytest.approx(2.0)


def test_the_first_chunks_of_workers_which_take_longer_are_soon_forgotten() -> None:
    tempo = Tempo()
    for seconds in (1.0, 1.0, *[0.1] * 3):
        tempo.took(ChunkCost(cpu_s=seconds), 100)
    assert tempo.seconds(100) == pytest.approx(0.1)
    for _ in range(9):
        tempo.took(ChunkCost(cpu_s=2.0), 100)
    assert tempo.seconds(100) == pytest.approx(2.0)


def test_a_chunk_without_rows_is_no_division_by_zero() -> None:
    tempo = Tempo()
    tempo.took(ChunkCost(cpu_s=0.25), 0)
    assert tempo.seconds(0) == 0.0
    assert tempo.seconds(2) == pytest.approx(0.5)
