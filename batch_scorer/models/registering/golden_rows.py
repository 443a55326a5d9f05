"""Which rows to remember: real ones, one with a null in each column that takes it, one with an unseen text.

Never fewer than MIN_ROWS, never more than a few hundred, and the same whenever the same is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.models import ColumnSpec

MIN_ROWS = 100
_MAX_REAL = 250
_MAX_CHANGED = 60  # rows with a null, and as many with an unseen text
_ROUNDS = 4  # of filling up, where the model refuses some of what is made
_UNSEEN = "never seen in training \N{BLACK HEART SUIT}"

Accepts = Callable[[pa.Table], np.ndarray]  # (n_rows,) bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenInputs:
    """rows: each is accepted. nullable: the columns that accept a null."""

    rows: pa.Table
    nullable: frozenset[str]


def golden_inputs(real: pa.Table, columns: Sequence[ColumnSpec], accepts: Accepts) -> GoldenInputs:
    """real: rows of the training table, at least one, all accepted."""
    kept = _thinned(real)
    base = _most_complete(kept)
    with_null = [spec.name for spec in columns if spec.nullable]
    nulls, nullable = _changed_rows(base, with_null, None, accepts)
    with_text = [spec.name for spec in columns if spec.type == "string"]
    unseen, _ = _changed_rows(base, with_text, _UNSEEN, accepts)
    found = pa.concat_tables([kept, nulls, unseen])
    filled = _filled(kept, MIN_ROWS - len(found), accepts)
    return GoldenInputs(rows=pa.concat_tables([found, filled]).combine_chunks(), nullable=nullable)


def _thinned(real: pa.Table) -> pa.Table:
    """A table of very many columns brings very many rows with nulls: one per column is enough."""
    if len(real) <= _MAX_REAL:
        return real
    first_nulls = [pc.index(pc.is_null(column, nan_is_null=True), True).as_py() for column in real.columns]
    spread = np.linspace(0, len(real) - 1, _MAX_REAL // 2).astype(int).tolist()
    chosen = dict.fromkeys([*spread, *(row for row in first_nulls if row >= 0)])
    return real.take(sorted(list(chosen)[:_MAX_REAL]))


def _most_complete(rows: pa.Table) -> pa.Table:
    valid = np.sum([column.is_valid().to_numpy() for column in rows.columns], axis=0)
    return rows.slice(int(np.argmax(valid)), 1)


def _changed_rows(
    base: pa.Table, names: Sequence[str], value: str | None, accepts: Accepts
) -> tuple[pa.Table, frozenset[str]]:
    """The base row with the value in one column each, where that is accepted; and the columns where it is.

    For very many columns a row has it in several of them, where that is accepted too.
    """
    if not names:
        return base.slice(0, 0), frozenset()
    single = _with(base, [{name} for name in names], value)
    accepted = accepts(single)
    taking = [name for name, ok in zip(names, accepted, strict=True) if ok]
    single = single.filter(pa.array(accepted))
    if len(taking) <= _MAX_CHANGED:
        return single, frozenset(taking)
    packed = _with(base, [set(taking[n::_MAX_CHANGED]) for n in range(_MAX_CHANGED)], value)
    together = accepts(packed)
    alone = [row for n in np.flatnonzero(~together) for row in range(int(n), len(taking), _MAX_CHANGED)]
    apart = single.take(pa.array(alone[:_MAX_CHANGED], pa.int64()))
    rows = pa.concat_tables([packed.filter(pa.array(together)), apart])
    return rows, frozenset(taking)


def _with(base: pa.Table, changes: Sequence[set[str]], value: str | None) -> pa.Table:
    """The base row once per change, with the value in the columns of the change."""
    columns = {}
    for name, kind in zip(base.column_names, base.schema.types, strict=True):
        before, is_changed = base[name][0], [name in names for names in changes]
        after = pa.scalar(value, kind) if any(is_changed) else before
        columns[name] = pc.if_else(pa.array(is_changed), after, before)
    return pa.table(columns)


def _filled(rows: pa.Table, n_wanted: int, accepts: Accepts) -> pa.Table:
    """So many more rows, each column's value that of some other row; copies where the model wants no such."""
    made, random = rows.slice(0, 0), np.random.default_rng(0)
    for _ in range(_ROUNDS):
        if len(made) >= n_wanted:
            break
        mixed = pa.table(
            {name: rows[name].take(random.integers(0, len(rows), n_wanted)) for name in rows.column_names}
        )
        made = pa.concat_tables([made, mixed.filter(pa.array(accepts(mixed)))])
    n_short = max(0, n_wanted - len(made))
    copies = rows.take(np.arange(n_short) % len(rows))
    return pa.concat_tables([made.slice(0, max(0, n_wanted)), copies])
