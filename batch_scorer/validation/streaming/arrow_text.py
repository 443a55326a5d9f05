"""Small Arrow tables as bytes, and as text to lie in JSON."""

from __future__ import annotations

import base64

import pyarrow as pa


def table_as_text(table: pa.Table) -> str:
    return base64.b64encode(table_as_bytes(table)).decode("ascii")


def table_from_text(text: str) -> pa.Table:
    """Raises: ValueError, when the text is not whole."""
    return table_from_bytes(base64.b64decode(text, validate=True))


def table_as_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def table_from_bytes(stream: bytes) -> pa.Table:
    """Raises: ValueError, when they are not whole."""
    try:
        with pa.ipc.open_stream(stream) as reader:
            return reader.read_all()
    except OSError as error:  # Arrow's word for bytes that end too early
        raise ValueError(f"no rows in Arrow's format: {error}") from None
