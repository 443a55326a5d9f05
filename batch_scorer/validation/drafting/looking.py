"""What Arrow batches of a table hold, added up one by one: in bounded memory, whatever the table's size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.validation.drafting.kinds import kind_of, pandas_type, plain, unread_why
from batch_scorer.validation.drafting.rules import MAX_DISTINCT, looks_like_key
from batch_scorer.validation.drafting.seen import ColumnSeen, Kind, LeftOut, TableSeen
from batch_scorer.validation.drafting.shapes import Shape, common_shape, merge

Piece: TypeAlias = pa.Schema | pa.RecordBatch

_MAX_KEY_BYTES = 256 << 20  # of one partition's keys, held to see whether one comes twice
_TEXTS_AT_ONCE = 200
_MAX_ROUNDS = 20


def look_at(
    partitions: Iterable[Iterable[Piece]], *, partition_rows: Sequence[int], n_files: int
) -> TableSeen:
    """partitions: of each the pieces, which are for each file its schema, then its rows.

    partition_rows: of each partition, those that are not looked at included.
    Raises: whatever reading the pieces raises.
    """
    table = _Table()
    for pieces in partitions:
        for piece in pieces:
            if isinstance(piece, pa.Schema):
                table.add_file(piece)
            else:
                table.add_rows(piece)
        table.end_partition()
    return table.seen(partition_rows, n_files)


class _Table:
    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._unread: dict[str, str] = {}
        self._n_rows = 0
        self._n_files = 0
        self._files_with: Counter[str] = Counter()

    def add_file(self, schema: pa.Schema) -> None:
        self._n_files += 1
        self._files_with.update(schema.names)
        for field in schema:
            if why := unread_why(field.type):
                self._unread[field.name] = why
            else:
                self._columns.setdefault(field.name, _Column(field.name)).add_type(field.type)

    def add_rows(self, batch: pa.RecordBatch) -> None:
        self._n_rows += batch.num_rows
        for name, values in zip(batch.schema.names, batch.columns, strict=True):
            if name not in self._unread:
                self._columns[name].add(values)

    def end_partition(self) -> None:
        for column in self._columns.values():
            column.end_partition()

    def seen(self, partition_rows: Sequence[int], n_files: int) -> TableSeen:
        everywhere = [name for name, n in self._files_with.items() if n == self._n_files]
        partly = [
            LeftOut(column=name, why="not every file has it")
            for name in self._files_with
            if name not in everywhere
        ]
        unread = [LeftOut(column=name, why=why) for name, why in self._unread.items() if name in everywhere]
        return TableSeen(
            names=tuple(everywhere),
            columns=tuple(
                self._columns[name].seen()
                for name in everywhere
                if name in self._columns and name not in self._unread
            ),
            n_rows=self._n_rows,
            n_files=n_files,
            partition_rows=tuple(partition_rows),
            left_out=(*partly, *unread),
        )


class _Column:
    """Everything a ColumnSeen says, while it is being counted."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._types: dict[str, Kind] = {}  # a pandas name, or Arrow's in angle brackets where GX knows none
        self._missing = _Share()
        self._infinite = _Share()
        self._low: Any = None
        self._high: Any = None
        self._distinct: Counter[Any] | None = Counter()
        self._shapes = _Shapes()
        self._keys = _Keys() if looks_like_key(name) else None

    def add_type(self, kind: pa.DataType) -> None:
        if not pa.types.is_null(kind):  # a file of nulls alone fits every type
            self._types[pandas_type(kind) or f"<{kind}>"] = kind_of(kind)

    def add(self, column: pa.Array) -> None:
        values = _values(plain(column))
        self._missing.add(len(column) - len(values), len(column))
        kind = kind_of(column.type)
        if kind in (Kind.WHOLE, Kind.NUMBER):
            self._add_numbers(values)
        elif kind is Kind.TEXT:
            self._shapes.add(values)
        if kind is not Kind.OTHER:
            self._add_distinct(values)
        if self._keys is not None:
            self._keys.add(values)

    def end_partition(self) -> None:
        self._missing.end_partition()
        self._infinite.end_partition()
        if self._keys is not None:
            self._keys.end_partition()

    def seen(self) -> ColumnSeen:
        kind = _joint(self._types.values())
        return ColumnSeen(
            name=self._name,
            kind=kind,
            types=() if kind is not Kind.MIXED and self._has_nameless() else tuple(self._types),
            n_rows=self._missing.of,
            n_missing=self._missing.n,
            worst_missing=self._missing.worst,
            n_infinite=self._infinite.n,
            worst_infinite=self._infinite.worst,
            low=self._low,
            high=self._high,
            distinct=None if self._distinct is None else tuple(self._distinct.most_common()),
            shape=self._shapes.common,
            is_unique=self._keys is not None and self._keys.are_unique,
        )

    def _has_nameless(self) -> bool:
        return any(name.startswith("<") for name in self._types)

    def _add_numbers(self, values: pa.Array) -> None:
        finite = values.filter(pc.is_finite(values)) if pa.types.is_floating(values.type) else values
        self._infinite.add(len(values) - len(finite), len(values))
        if len(finite):
            low, high = pc.min_max(finite).as_py().values()
            self._low = low if self._low is None else min(self._low, low)
            self._high = high if self._high is None else max(self._high, high)

    def _add_distinct(self, values: pa.Array) -> None:
        if self._distinct is None or pa.types.is_decimal(values.type):
            self._distinct = None
            return
        counted = pc.value_counts(values)
        if len(counted) <= MAX_DISTINCT:
            self._distinct.update({pair["values"]: pair["counts"] for pair in counted.to_pylist()})
        if max(len(counted), len(self._distinct)) > MAX_DISTINCT:
            self._distinct = None


class _Share:
    """How many of how many, and the largest share in one partition."""

    def __init__(self) -> None:
        self.n = self.of = 0
        self.worst = 0.0
        self._here = self._here_of = 0

    def add(self, n: int, of: int) -> None:
        self.n, self.of = self.n + n, self.of + of
        self._here, self._here_of = self._here + n, self._here_of + of

    def end_partition(self) -> None:
        if self._here_of:
            self.worst = max(self.worst, self._here / self._here_of)
        self._here = self._here_of = 0


class _Shapes:
    """Widened by the texts that do not fit yet, until all do or nothing is in common."""

    def __init__(self) -> None:
        self.common: Shape | None = None
        self._is_hopeless = False

    def add(self, texts: pa.Array) -> None:
        for _ in range(_MAX_ROUNDS):
            if self._is_hopeless or not (others := self._others(texts)):
                return
            shape = common_shape(others)
            self.common = shape if self.common is None else merge(self.common, shape)
            self._is_hopeless = self.common is None
        self.common, self._is_hopeless = None, True

    def _others(self, texts: pa.Array) -> list[str]:
        if self.common is not None:
            texts = texts.filter(pc.invert(pc.match_substring_regex(texts, self.common.regex)))
        others: list[str] = pc.unique(texts.slice(0, _TEXTS_AT_ONCE)).to_pylist()
        return others


class _Keys:
    """Whether no value comes twice in a partition; where that cannot be told cheaply, as if one did."""

    def __init__(self) -> None:
        self.are_unique = True
        self._held: list[pa.Array] = []

    def add(self, values: pa.Array) -> None:
        if not self.are_unique:
            return
        self._held.append(values)
        is_too_large = sum(part.nbytes for part in self._held) > _MAX_KEY_BYTES
        if is_too_large or pa.types.is_floating(values.type):
            self.are_unique, self._held = False, []

    def end_partition(self) -> None:
        if self._held and len({part.type for part in self._held}) == 1:
            keys = pa.chunked_array(self._held)
            self.are_unique = len(pc.unique(keys)) == len(keys)
        elif self._held:
            self.are_unique = False
        self._held = []


def _values(column: pa.Array) -> pa.Array:
    """Without what pandas takes for missing."""
    values = column.drop_null()
    return values.filter(pc.invert(pc.is_nan(values))) if pa.types.is_floating(values.type) else values


def _joint(kinds: Iterable[Kind]) -> Kind:
    found = set(kinds)
    if found == {Kind.WHOLE, Kind.NUMBER}:
        return Kind.NUMBER
    return found.pop() if len(found) == 1 else Kind.MIXED if found else Kind.OTHER
