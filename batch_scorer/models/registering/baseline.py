"""The feature baseline of a new version: which bins, chosen from its training, and training's own counts.

Every row of training is counted. Only a sample of bounded size is kept to choose bins from, and no value of
text that fewer than MIN_COUNT rows have is named: a baseline is shown to people, on cards and in reports.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from batch_scorer.core.baselines.values import (
    Baseline,
    Booleans,
    Categories,
    ColumnBaseline,
    Lengths,
    Numbers,
)
from batch_scorer.core.errors import ScoringError
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.counting import (
    Floats,
    as_floats,
    blocks,
    count_column,
    text_lengths,
    value_counts,
)
from batch_scorer.models.scoring.golden import golden_outputs

MIN_COUNT = 10  # rows that a value of text must have to be named
MAX_NAMED = 30  # values of one column
_MAX_NAME_BYTES = 64
_MAX_DISTINCT = 20_000  # values of text held while counting; a column with more of them is free text
_MAX_DISCRETE = 24  # different numbers that each get a bin of their own
_FRACTIONS = (0.01, *np.arange(0.05, 0.951, 0.05).round(2).tolist(), 0.99)
_MAX_SAMPLE = 200_000  # rows that quantiles are taken of
_MAX_SCORED = 10_000  # rows whose outputs are counted
_MAX_CELLS = 5_000_000  # of their results: a vectorizer gives ten thousands of columns
_MAX_CALLS = 200  # of the estimator, for those
_MAX_OUTPUTS = 20  # columns of one method's result

Tables = Callable[[], Iterable[pa.Table]]


def training_baseline(estimator: Any, signature: Signature, batches: Tables, n_rows: int) -> Baseline:
    """Of the whole training table, and of what the model gives for evenly spread rows of it.

    batches: called twice; together n_rows rows, of the signature's columns and types. Rows for which the
    model has no answer are not scored.
    """
    step, sample = _step(n_rows, _n_scored(signature)), []

    def looked_at() -> Iterator[pa.Table]:
        n_seen = 0
        for table in batches():
            sample.append(table.take(_every(step, n_seen, len(table))))
            n_seen += len(table)
            yield table

    categories = frozenset(spec.name for spec in signature.columns if spec.pandas_dtype == "category")
    columns = choose_bins(looked_at, n_rows, categories=categories)
    outputs = _few(scored(estimator, pa.concat_tables(sample), signature))
    return Baseline(
        n_rows=n_rows,
        columns=_filled(columns, batches),
        n_scored=len(outputs),
        outputs=_filled(_output_bins(outputs, signature), lambda: (outputs,)),
    )


def choose_bins(
    tables: Tables, n_rows: int, *, categories: frozenset[str] = frozenset()
) -> dict[str, ColumnBaseline]:
    """Empty bins for every column of a kind that has bins.

    tables: called once; together n_rows rows. categories: columns that are named whatever they hold.
    """
    looks: dict[str, _Look] = {}
    for table in tables():
        for name, column in zip(table.column_names, table.columns, strict=True):
            look = looks.get(name) or _look(column.type, n_rows, always=name in categories)
            if look is not None:
                looks[name] = look
                for block in blocks(column):
                    look.see(block)
    return {name: look.bins() for name, look in looks.items()}


def scored(estimator: Any, rows: pa.Table, signature: Signature) -> pa.Table:
    """What every method gives, as golden rows have it; rows that some method does not answer are left out."""
    pending, found, n_calls = [rows], [golden_outputs(estimator, rows.slice(0, 0), signature)], 0
    while pending and n_calls < _MAX_CALLS:
        part, n_calls = pending.pop(), n_calls + 1
        try:
            found.append(golden_outputs(estimator, part, signature))
        except ScoringError:
            if len(part) > 1:
                half = len(part) // 2
                pending += [part.slice(half), part.slice(0, half)]
    return pa.concat_tables(found[1:] or found, promote_options="permissive")


class _Look(Protocol):
    """What is remembered of a column until its bins are chosen."""

    def see(self, array: pa.Array) -> None: ...

    def bins(self) -> ColumnBaseline: ...


class _NumbersSeen:
    def __init__(self, n_rows: int, unit: str | None = None) -> None:
        self._step = _step(n_rows, _MAX_SAMPLE)
        self._unit = unit
        self._kept: list[Floats] = []
        self._distinct: Floats | None = np.empty(0)
        self._ends: Floats = np.empty(0)
        self._n_seen = 0

    def see(self, array: pa.Array) -> None:
        values = _finite(array)
        every = _every(self._step, self._n_seen, len(array))
        self._kept.append(values if self._step == 1 else _finite(array.take(every)))
        self._n_seen += len(array)
        if len(values):
            self._ends = np.array([min([*self._ends, values.min()]), max([*self._ends, values.max()])])
        if self._distinct is not None:
            distinct = np.union1d(self._distinct, values)
            self._distinct = distinct if len(distinct) <= _MAX_DISCRETE else None

    def bins(self) -> Numbers:
        if not len(self._ends):
            return _numbers((0.0, 1.0), unit=self._unit)
        low, high = self._ends.tolist()
        end = math.nextafter(high, math.inf)
        if math.isinf(end):  # the largest float is above every bin
            edges = {low, high} if low < high else {math.nextafter(high, -math.inf), high}
            return _numbers(tuple(sorted(edges)), unit=self._unit)
        if self._distinct is not None:
            return _numbers((*self._distinct.tolist(), end), discrete=True, unit=self._unit)
        kept = np.concatenate(self._kept)
        # Values that are there: between two far ones an interpolation may overflow.
        inner = np.quantile(kept, _FRACTIONS, method="inverted_cdf").tolist() if len(kept) else []
        return _numbers(tuple(sorted({low, *inner, end})), unit=self._unit)


class _TextSeen:
    """always: its values are named, free text or not."""

    def __init__(self, n_rows: int, *, always: bool) -> None:
        self._always = always
        self._counts: Counter[str] | None = Counter()
        self._lengths = _NumbersSeen(n_rows)

    def see(self, array: pa.Array) -> None:
        if not self._always:
            self._lengths.see(text_lengths(array))
        if self._counts is not None:
            self._counts.update(value_counts(array))
            if len(self._counts) > _MAX_DISTINCT and not self._always:
                self._counts = None

    def bins(self) -> Categories | Lengths:
        counts = self._counts or Counter()
        frequent = sorted(
            (name for name, n in counts.items() if n >= MIN_COUNT and len(_bytes(name)) <= _MAX_NAME_BYTES),
            key=lambda name: (-counts[name], name),
        )[:MAX_NAMED]
        # Where most rows hold something rare, names would tell little and lengths tell more.
        most = 2 * sum(counts[name] for name in frequent) >= counts.total()
        if self._always or (self._counts is not None and most):
            return _named(frequent)
        return Lengths(lengths=self._lengths.bins())


class _BooleansSeen:
    def see(self, array: pa.Array) -> None: ...

    def bins(self) -> Booleans:
        return Booleans(n_false=0, n_true=0)


def _look(kind: pa.DataType, n_rows: int, *, always: bool) -> _Look | None:
    types = pa.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    if always or types.is_string(value) or types.is_large_string(value):
        return _TextSeen(n_rows, always=always)
    if types.is_boolean(value):
        return _BooleansSeen()
    if types.is_date(value):
        return _NumbersSeen(n_rows, "d" if types.is_date32(value) else "ms")
    if types.is_timestamp(value):
        return _NumbersSeen(n_rows, value.unit)
    if types.is_integer(value) or types.is_floating(value) or types.is_decimal(value):
        return _NumbersSeen(n_rows)
    return None


def _filled(bins: Mapping[str, ColumnBaseline], tables: Tables) -> dict[str, ColumnBaseline]:
    filled: dict[str, Any] = dict(bins)
    for table in tables():
        for name in bins:
            filled[name] = filled[name].plus(count_column(bins[name], table.column(name)))
    return filled


def _n_scored(signature: Signature) -> int:
    width = sum(math.prod(shape) for shape in signature.outputs.values())
    return min(_MAX_SCORED, max(1, _MAX_CELLS // max(1, width)))


def _output_bins(outputs: pa.Table, signature: Signature) -> dict[str, ColumnBaseline]:
    """A classifier's labels are all named, in the order of its classes."""
    bins = choose_bins(lambda: (outputs,), len(outputs))
    classes = {name: _classes(signature, name) for name in bins}
    return bins | {name: _named(labels) for name, labels in classes.items() if labels is not None}


def _few(outputs: pa.Table) -> pa.Table:
    """Of a result with very many columns the first ones."""
    kept: list[str] = []
    taken: Counter[str] = Counter()
    for name in outputs.column_names:
        method = name.partition("[")[0]
        taken[method] += 1
        if taken[method] <= _MAX_OUTPUTS:
            kept.append(name)
    return outputs.select(kept)


def _classes(signature: Signature, output: str) -> tuple[str, ...] | None:
    """The labels that `predict` gives, of an output of a classifier."""
    if output == Method.PREDICT:
        return signature.classes
    method, _, place = output.removesuffix("]").partition("[")
    if method == Method.PREDICT and signature.output_classes is not None:
        return signature.output_classes[int(place)]
    return None


def _named(values: Iterable[str]) -> Categories:
    names = tuple(values)[:MAX_NAMED]
    return Categories(values=names, counts=(0,) * len(names))


def _numbers(edges: tuple[float, ...], *, discrete: bool = False, unit: str | None = None) -> Numbers:
    return Numbers(edges=edges, counts=(0,) * (len(edges) + 1), discrete=discrete, unit=unit)


def _step(n_rows: int, most: int) -> int:
    return max(1, -(-n_rows // most))


def _every(step: int, n_seen: int, n_rows: int) -> pa.Array:
    """Positions within the next n_rows of a table of which n_seen have gone by; the same rows in any cut."""
    return pa.array(range(-n_seen % step, n_rows, step), pa.int64())


def _finite(array: pa.Array) -> Floats:
    values = as_floats(array)
    return values[np.isfinite(values)] + 0.0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
