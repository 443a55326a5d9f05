"""Predictions on their way out: a chunk's Parquet files in a staging directory, hashed while written."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.arrow.hashed_file import HashedFile
from batch_scorer.arrow.whole import integers_under
from batch_scorer.core.chunks import AUDIT_COLUMNS, OutputSpec, StagedFile
from batch_scorer.core.durable import writing
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.lake.arrow_types import parse_arrow_type

METADATA_PREFIX = "batch_scorer."
_ARROW_SCHEMA = "ARROW:schema"  # the key under which Arrow's readers look for types that Parquet has not
_AUDIT_TEXTS = tuple(name for name, kind in AUDIT_COLUMNS if kind == "string")

ROW_GROUP_ROWS = 131_072  # small batches (a strict input.where) are gathered, or footers outgrow the data
_ROW_GROUP_BYTES = 1 << 26  # in memory; of wide rows fewer are gathered


def output_schema(spec: OutputSpec) -> pa.Schema:
    """What every output file holds, in this order: carried columns, outputs, audit columns."""
    return pa.schema([(name, parse_arrow_type(text)) for name, text in spec.columns])


def fill_a_row_group(pending: Sequence[pa.Table]) -> bool:
    """Whether they are enough to be written."""
    n_rows: int = sum(table.num_rows for table in pending)
    n_bytes: int = sum(table.nbytes for table in pending)
    return n_rows >= ROW_GROUP_ROWS or n_bytes >= _ROW_GROUP_BYTES


class StagedWriter:
    """Writes one chunk's rows into files of about spec.max_file_bytes, at least one.

    Each is fsynced in a thread as soon as it is written, while the worker goes on; `synced` waits for that.
    The staging directory must exist: a worker that was given up must not bring back one that was taken away.
    Leaving the context before `synced` removes what was written.
    Raises: DiskFull, OutputUnwritable.
    """

    def __init__(self, spec: OutputSpec, chunk_index: int) -> None:
        self._spec = spec
        self._chunk_index = chunk_index
        self._schema = output_schema(spec)
        self._first_id = secrets.randbits(31)  # counted up, so that names sort in the order of the rows
        self._pending: list[pa.Table] = []
        self._finished: list[StagedFile] = []
        self._open: OpenFile | None = None
        self._syncer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fsync")
        self._syncing: list[Future[None]] = []
        self._is_done = False

    def __enter__(self) -> StagedWriter:
        return self

    def write(self, table: pa.Table) -> pa.Table:
        """table: the carried columns and outputs of some rows, by name; audit columns are added here.

        Returns: the rows as they will be in the file; audit texts come dictionary-encoded.
        """
        audited = self._with_audit(table)
        self._pending.append(audited)
        if fill_a_row_group(self._pending):
            self._flush()
        return audited

    def finish(self) -> tuple[StagedFile, ...]:
        """Nothing more is written. Returns: the files in the order of their rows."""
        self._flush()
        if not self._finished and self._open is None:
            self._open = self._next_file()
        self._roll()
        return tuple(self._finished)

    def synced(self) -> None:
        """Every file is on the disk when this returns, and stays."""
        for each in self._syncing:
            each.result()
        self._is_done = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._syncer.shutdown()
        if self._is_done:
            return
        if self._open is not None:
            self._open.discard()
        for file in self._finished:
            _remove(Path(self._spec.files) / file.name)

    def _with_audit(self, table: pa.Table) -> pa.Table:
        audit: dict[str, str | dt.datetime] = {
            "_run_id": self._spec.run_id,
            "_model_version": self._spec.model_version,
            "_scored_at": dt.datetime.now(dt.UTC),
        }
        columns = [
            _everywhere(audit[field.name], field.type, table.num_rows)
            if field.name in audit
            else table.column(field.name)
            for field in self._schema
        ]
        return pa.table(columns, names=self._schema.names)

    def _flush(self) -> None:
        pending = [table for table in self._pending if table.num_rows]
        self._pending.clear()
        if pending:
            table = pa.concat_tables(pending).unify_dictionaries()
            self._open = self._open or self._next_file()
            self._open.write(table)
            if self._open.n_bytes >= self._spec.max_file_bytes:
                self._roll()

    def _next_file(self) -> OpenFile:
        unique = f"{self._first_id + len(self._finished):08x}"
        name = f"part-{self._chunk_index:05d}-{self._spec.run_id}-{unique}.parquet"
        return OpenFile(Path(self._spec.files) / name, self._schema, dict(self._spec.metadata), _AUDIT_TEXTS)

    def _roll(self) -> None:
        if self._open is not None:
            self._finished.append(self._open.written())
            self._syncing.append(self._syncer.submit(self._open.sync))
            self._open = None


class OpenFile:
    """One Parquet file being written, compressed and checksummed, hashed on its way, fsynced at its end.

    schema: what a reader finds. coded: those of its text columns that come dictionary-encoded to `write`.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: dict[str, str], coded: Sequence[str] = ()
    ) -> None:
        self._path = path
        with writing(path):
            self._file = path.open("xb")
        self._bytes = HashedFile(self._file)
        self._writer = pq.ParquetWriter(
            self._bytes,
            _with_codes(schema, coded),
            compression="zstd",
            compression_level=1,
            use_dictionary=_repetitive(schema),
            column_encoding=dict.fromkeys(_whole(schema), "DELTA_BINARY_PACKED"),
            write_page_checksum=True,
            store_schema=False,
        )
        self._writer.add_key_value_metadata(
            # Ours, for Arrow's would say that coded columns are dictionaries, and readers would make them so.
            {_ARROW_SCHEMA: base64.b64encode(schema.serialize())}
            | {f"{METADATA_PREFIX}{name}": value for name, value in metadata.items()}
        )
        self._n_rows = 0

    @property
    def n_bytes(self) -> int:
        return self._bytes.tell()

    def write(self, table: pa.Table) -> None:
        with writing(self._path):
            self._writer.write_table(table, row_group_size=2 * ROW_GROUP_ROWS)
        self._n_rows += table.num_rows

    def finish(self) -> StagedFile:
        """The whole file, on the disk."""
        file = self.written()
        self.sync()
        return file

    def written(self) -> StagedFile:
        """The whole file, in the system's hands; `sync` is to come, in another thread perhaps."""
        with writing(self._path):
            self._writer.close()
            self._file.flush()
            fault_point(FaultPoint.FILE_WRITTEN)
        return StagedFile(
            name=self._path.name, n_rows=self._n_rows, n_bytes=self._bytes.tell(), sha256=self._bytes.sha256
        )

    def sync(self) -> None:
        with writing(self._path):
            with self._file:
                os.fsync(self._file.fileno())
            fault_point(FaultPoint.FILE_SYNCED)

    def discard(self) -> None:
        self._bytes.discard()
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError, pa.ArrowException):  # it may have failed before
            self._writer.close()
        _remove(self._path)


def _remove(path: Path) -> None:
    """What cannot be removed now stays in staging as junk; it must not hide why the chunk failed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _everywhere(value: str | dt.datetime, kind: pa.DataType, n_rows: int) -> pa.Array:
    """One value in every row; of text the code alone, since a text a row costs more than to compress it."""
    one = pa.array([value], kind)
    if pa.types.is_string(kind):
        return pa.DictionaryArray.from_arrays(np.zeros(n_rows, np.int32), one)
    # Arrow's own way to repeat a number takes eight times as long.
    return pa.array(np.full(n_rows, one.view(integers_under(kind))[0].as_py())).view(kind)


def _with_codes(schema: pa.Schema, coded: Sequence[str]) -> pa.Schema:
    """What `write` is given for what a reader finds."""
    return pa.schema(
        field.with_type(pa.dictionary(pa.int32(), field.type)) if field.name in coded else field
        for field in schema
    )


def _repetitive(schema: pa.Schema) -> list[str]:
    """Text and audit columns. Building dictionaries of keys and scores trebles the time and the size."""
    audit = {name for name, _ in AUDIT_COLUMNS}
    return [field.name for field in schema if pa.types.is_string(field.type) or field.name in audit]


def _whole(schema: pa.Schema) -> list[str]:
    """Integers: their differences are smaller, in keys most of all, and quicker to compress (ADR 14)."""
    return [field.name for field in schema if pa.types.is_integer(field.type)]
