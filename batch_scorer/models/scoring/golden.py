"""Golden rows: inputs with what every method gave for them at registration, as tables and as bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import SignatureInvalid
from batch_scorer.core.models import Method, Signature
from batch_scorer.models.scoring.calling import predict
from batch_scorer.models.signature.frames import model_frame


def golden_outputs(estimator: Any, inputs: pa.Table, signature: Signature) -> pa.Table:
    """What every method of the signature gives for the rows: a column per method, or per class `method[0]` ….

    All rows go in as one batch, so that even an estimator whose last bits depend on the batch repeats itself.
    Raises: ScoringError; SignatureInvalid, when results are Python objects of mixed types.
    """
    frame = model_frame(inputs, signature)
    columns: dict[str, pa.Array] = {}
    for method, shape in signature.outputs.items():
        result = predict(estimator, frame, method, shape, signature.takes)
        columns |= as_columns(method, result)
    return pa.table(columns)


def table_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def table_from_bytes(data: bytes) -> pa.Table:
    # One thread and no prefetch: Arrow's thread pools must not start in a process that may fork later.
    # And as one file: `read_table` would import Arrow's datasets, which no worker needs.
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)


def as_columns(method: Method, result: np.ndarray) -> Mapping[str, pa.Array]:
    try:
        if result.ndim == 1:
            return {method.value: pa.array(result)}
        return {
            f"{method.value}[{index}]": pa.array(np.ascontiguousarray(result[:, index]))
            for index in range(result.shape[1])
        }
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeError) as error:
        raise SignatureInvalid(f"{method} gives values that no column can hold: {error}") from None
