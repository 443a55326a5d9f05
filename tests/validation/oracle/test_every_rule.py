"""Every registered expectation on every column type: GX's own result from our partials."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from batch_scorer.validation.streaming.rules.table import NO_RULE
from batch_scorer.validation.suites.catalogue import CATALOGUE
from tests.validation.oracle import generated
from tests.validation.oracle.columns import COLUMN_TYPES, NULLS, table_of
from tests.validation.oracle.oracle import Compared, Oracle

_SEEDS = 3
_LONG_SEEDS = 60
_ROWS = (0, 1, 2, 3, 7, 15, 40)
_AT_LEAST = 2_000


@pytest.fixture(scope="module")
def compared() -> dict[str, int]:
    """How many comparisons were equal, by column type."""
    return {}


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_gx_says_the_same_of_a_whole_frame(name: str, oracle: Oracle, compared: dict[str, int]) -> None:
    results = [_compare(oracle, name, seed) for seed in range(_SEEDS)]
    compared[name] = sum(result.n_equal for result in results)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_gx_says_the_same_of_many_more_frames(name: str, oracle: Oracle) -> None:
    for seed in range(_SEEDS, _LONG_SEEDS):
        _compare(oracle, name, seed)


def test_the_comparisons_are_many(compared: dict[str, int]) -> None:
    if len(compared) < len(COLUMN_TYPES):
        pytest.skip("only some column types were compared")
    assert sum(compared.values()) >= _AT_LEAST


def test_every_type_but_ten_is_streamed_on_some_column(oracle: Oracle) -> None:
    streamed: Counter[str] = Counter()
    for name in ("int64", "float64", "string", "timestamp[us]"):
        rng = random.Random(name)
        for _ in range(20):
            expectations = generated.one_of_each(rng, COLUMN_TYPES[name])
            table = table_of(rng, COLUMN_TYPES[name], 3, "none")
            streamed.update(generated.streamed(expectations, table.schema))
    assert set(streamed) == set(CATALOGUE) - set(NO_RULE)
    assert len(streamed) >= 49


def _compare(oracle: Oracle, name: str, seed: int) -> Compared:
    rng = random.Random(f"{name}/{seed}")
    of = COLUMN_TYPES[name]
    n_rows = rng.choice(_ROWS)
    table = table_of(rng, of, n_rows, rng.choice(NULLS))
    expectations = generated.one_of_each(rng, of)
    result = oracle.compare(table, expectations, generated.result_format(rng), generated.cuts(rng, n_rows))
    assert not result.differences, f"seed {seed}\n" + "\n".join(map(str, result.differences))
    for type_, why in result.left:
        assert why == NO_RULE.get(type_, why) != "", type_
    return result
