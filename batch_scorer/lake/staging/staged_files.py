"""Predictions on their way out: a chunk's Parquet files in a staging directory, hashed while written."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from batch_scorer.arrow.whole import integers_under
from batch_scorer.core.chunks import AUDIT_COLUMNS, OutputSpec, StagedFile
from batch_scorer.lake.arrow_types import parse_arrow_type
from batch_scorer.lake.staging.open_files import CODES, ROW_GROUP_ROWS, Encoding, OpenFile, remove

_AUDIT_TEXTS = tuple(name for name, kind in AUDIT_COLUMNS if kind == "string")

_ROW_GROUP_BYTES = 1 << 26  # in memory; of wide rows fewer are gathered
_MAX_SYNCS = 4  # at once in a process, which may have several threads


def output_schema(spec: OutputSpec) -> pa.Schema:
    """What every output file holds, in this order: carried columns, outputs, audit columns."""
    return _encoded(spec.columns)[0]


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
        self._schema, self._encoding = _encoded(spec.columns)
        self._first_id = secrets.randbits(31)  # counted up, so that names sort in the order of the rows
        self._pending: list[pa.Table] = []
        self._finished: list[StagedFile] = []
        self._open: OpenFile | None = None
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
        """Every file is on the disk when this returns, and stays; one that is passed through is closed."""
        for each in self._syncing:
            each.result()
        self._is_done = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._syncing)
        if self._is_done:
            return
        if self._open is not None:
            self._open.discard()
        for file in self._finished:
            remove(Path(self._spec.files) / file.name)

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
            table = pa.concat_tables(pending).unify_dictionaries() if len(pending) > 1 else pending[0]
            self._open = self._open or self._next_file()
            self._open.write(table)
            if self._open.n_bytes >= self._spec.max_file_bytes:
                self._roll()

    def _next_file(self) -> OpenFile:
        unique = f"{self._first_id + len(self._finished):08x}"
        name = f"part-{self._chunk_index:05d}-{self._spec.run_id}-{unique}.parquet"
        return OpenFile(Path(self._spec.files) / name, self._encoding, self._spec)

    def _roll(self) -> None:
        if self._open is not None:
            self._finished.append(self._open.written())
            self._syncing.append(_syncer(os.getpid()).submit(self._open.sync))
            self._open = None


@lru_cache(maxsize=16)
def _encoded(columns: tuple[tuple[str, str], ...]) -> tuple[pa.Schema, Encoding]:
    """What a file of these columns, (name, Arrow type), holds and how: the same for every file of a job."""
    schema = pa.schema([(name, parse_arrow_type(text)) for name, text in columns])
    return schema, Encoding.of(schema, _AUDIT_TEXTS)


@lru_cache(maxsize=1)
def _syncer(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001 (threads do not survive a fork)
    """Of this process, for all of its chunks: a thread for each would cost more than many an fsync."""
    return ThreadPoolExecutor(max_workers=_MAX_SYNCS, thread_name_prefix="fsync")


def _everywhere(value: str | dt.datetime, kind: pa.DataType, n_rows: int) -> pa.Array:
    """One value in every row; of text the code alone, since a text a row costs more than to compress it."""
    if isinstance(value, str):
        return _text_everywhere(value, n_rows)
    one = pa.array([value], kind).view(integers_under(kind))[0].as_py()
    # Arrow's own way to repeat a number takes eight times as long.
    return pa.array(np.full(n_rows, one)).view(kind)


@lru_cache(maxsize=8)
def _text_everywhere(text: str, n_rows: int) -> pa.DictionaryArray:
    """Batches are mostly as long as each other, and a run's audit texts are the same in all of them."""
    codes = np.zeros(n_rows, CODES.to_pandas_dtype())
    return pa.DictionaryArray.from_arrays(codes, pa.array([text], pa.string()))
