"""What was moved into files answers as what stayed in memory."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch_scorer.validation.streaming.duplicates import KeyRows
from batch_scorer.validation.streaming.value_counts import ValueCounts

_BATCH = 5_000  # rows, above what is probed


def _values(kind: str, n: int) -> list[Any]:
    rng = random.Random(f"{kind} {n}")
    match kind:
        case "few":
            return [rng.randrange(50) for _ in range(n)]
        case "different":
            return [rng.random() for _ in range(n - 100)] + [0.5] * 100
        case "texts":
            return [f"customer {rng.randrange(10**6)}" for _ in range(n - 100)] + ["a"] * 100
        case _:
            return [rng.randrange(2**60) for _ in range(n - 100)] + [7] * 100


@pytest.mark.parametrize("keep", [10**9, 3_000])
@pytest.mark.parametrize("kind", ["few", "different", "texts", "integers"])
def test_value_counts(kind: str, keep: int, tmp_path: Path) -> None:
    values = _values(kind, 4 * _BATCH)
    total = ValueCounts()
    for i in range(4):
        total += ValueCounts.of(pa.array(values[i * _BATCH : (i + 1) * _BATCH]))
        total = ValueCounts.from_json(total.settled(tmp_path, f"part-{i}", max_in_memory=keep).as_json())
    counted = Counter(values)
    modes, most = total.modes(tmp_path), max(counted.values())
    assert total.n_values() == len(values)
    assert total.n_distinct(tmp_path) == len(counted)
    assert modes is not None
    assert modes.to_pylist() == sorted(value for value in counted if counted[value] == most)
    few = pa.array(sorted(counted)[:3])
    n_others, others = total.not_in(few, tmp_path, limit=5)
    assert (n_others, others.to_pylist()) == (len(counted) - 3, sorted(counted)[3:8])
    assert total.missing(few, tmp_path).to_pylist() == []
    if kind != "texts":
        ranks = [0, 1, len(values) // 2, len(values) - 1, 1]
        assert total.order_statistics(ranks, tmp_path) == [sorted(values)[rank] for rank in ranks]


@pytest.mark.parametrize("keep", [10**9, 3_000])
@pytest.mark.parametrize(
    "kinds", [["few"], ["different"], ["texts"], ["texts", "different"], ["few", "integers"]]
)
def test_repeated_keys(kinds: list[str], keep: int, tmp_path: Path) -> None:
    n_rows = 4 * _BATCH
    columns = [
        [None if i % 97 == 0 else value for i, value in enumerate(_values(kind, n_rows))] for kind in kinds
    ]
    table = pa.table({f"key {i}": pa.array(column) for i, column in enumerate(columns)})
    total: KeyRows | None = None
    for start in range(0, n_rows, _BATCH):
        part = KeyRows.of(table.slice(start, _BATCH), pa.table({}), np.arange(_BATCH)).shifted(start)
        total = part if total is None else total + part
        total = total.settled(tmp_path, f"part-{start}", max_in_memory_rows=keep)
    assert total is not None
    keys = list(zip(*columns, strict=True))
    repeated = _repeated(keys)
    found = total.duplicates(tmp_path, 50)
    assert found.n_rows == len(repeated)
    assert found.rows is not None
    assert found.rows["_position"].to_pylist() == repeated[:50]


def _repeated(keys: list[tuple[Any, ...]]) -> list[int]:
    counted = Counter(keys)
    return [i for i, key in enumerate(keys) if counted[key] > 1]
