"""Golden rows: inputs with the predictions they gave at registration, replayed where the model is loaded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import GoldenRowsDiffer, ScoringError, SignatureInvalid
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.calling import predict
from batch_scorer.models.signature.frames import model_frame

_MAX_SHOWN = 5


def golden_outputs(estimator: Any, inputs: pa.Table, signature: Signature) -> pa.Table:
    """What every method of the signature gives for the rows: a column per method, or per class `method[0]` ….

    All rows go in as one batch, so that even an estimator whose last bits depend on the batch repeats itself.
    Raises: ScoringError; SignatureInvalid, when results are Python objects of mixed types.
    """
    frame = model_frame(inputs, signature)
    columns: dict[str, pa.Array] = {}
    for method, shape in signature.outputs.items():
        result = predict(estimator, frame, method, shape)
        columns |= as_columns(method, result)
    return pa.table(columns)


def require_same_outputs(
    estimator: Any,
    inputs: pa.Table,
    expected: pa.Table,
    signature: Signature,
    *,
    label: str,
    differences: tuple[str, ...],
) -> None:
    """Replay golden rows; equal means to the last bit.

    differences: of the environment, for the message. Raises: GoldenRowsDiffer.
    """
    try:
        got = golden_outputs(estimator, inputs, signature)
    except (ScoringError, SignatureInvalid) as error:
        raise _differ(f"{label} fails on its golden rows: {error.what}", None, differences) from None
    if set(got.column_names) != set(expected.column_names):
        raise _differ(f"{label} gives other outputs than at registration", None, differences)
    differing = {name: _differing_rows(expected[name], got[name]) for name in expected.column_names}
    rows = sorted(set().union(*(found.tolist() for found in differing.values())))
    if rows:
        what = f"{label} does not repeat its golden rows: {len(rows)} of {len(inputs)} differ"
        raise _differ(what, _shown(rows, differing, expected, got), differences)


def table_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def table_from_bytes(data: bytes) -> pa.Table:
    # One thread and no prefetch: Arrow's thread pools must not start in a process that may fork later.
    return pq.read_table(pa.BufferReader(data), use_threads=False, pre_buffer=False)


def as_columns(method: Method, result: np.ndarray) -> Mapping[str, pa.Array]:
    try:
        if result.ndim == 1:
            return {method.value: pa.array(result)}
        return {
            f"{method.value}[{index}]": pa.array(np.ascontiguousarray(result[:, index]))
            for index in range(result.shape[1])
        }
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise SignatureInvalid(f"{method} gives values that no column can hold: {error}") from None


def _differing_rows(expected: pa.ChunkedArray, got: pa.ChunkedArray) -> np.ndarray:
    """Row positions whose values are not the same bits."""
    if expected.type != got.type:
        return np.arange(len(expected))
    before, now = expected.to_numpy(), got.to_numpy()
    if before.dtype.kind == "f":
        bits = np.dtype(f"u{before.dtype.itemsize}")
        before, now = before.view(bits), now.view(bits)
    return np.flatnonzero(before != now)


def _shown(rows: list[int], differing: Mapping[str, np.ndarray], expected: pa.Table, got: pa.Table) -> str:
    lines = []
    for row in rows[:_MAX_SHOWN]:
        name = next(name for name, found in differing.items() if row in found)
        before, now = expected[name][row].as_py(), got[name][row].as_py()
        lines.append(f"golden row {row}, {name}: expected {before!r}, got {now!r}")
    return "; ".join(lines)


def _differ(what: str, where: str | None, differences: tuple[str, ...]) -> GoldenRowsDiffer:
    if differences:
        fix = f"install what it was registered with ({'; '.join(differences)}), or register it anew here"
    else:
        fix = "the packages are the same: compare the machines (processor, BLAS), or register it anew here"
    return GoldenRowsDiffer(what, where=where, fix=fix)
