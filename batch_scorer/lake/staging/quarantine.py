"""Rows that are set aside: one Parquet file a chunk, with the rules that each row breaks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_scorer.core.chunks import OutputSpec, StagedFile
from batch_scorer.lake.staging.open_files import Encoding, OpenFile
from batch_scorer.lake.staging.staged_files import fill_a_row_group
from batch_scorer.lake.storage.failures import damaged
from batch_scorer.lake.storage.stored_files import StoredFiles

RULES, FILE, ROW, RUN = "_rules", "_file", "_row", "_run_id"
_BATCH_ROWS = 8_192
OURS = pa.schema([(RULES, pa.list_(pa.string())), (FILE, pa.string()), (ROW, pa.int64()), (RUN, pa.string())])


class AsideWriter:
    """Writes the rows of one chunk that are set aside; no row, no file.

    The directory must exist: a worker that was given up must not bring back one that was taken away.
    Leaving the context without `finish` removes what was written. Raises: DiskFull, OutputUnwritable.
    """

    def __init__(self, spec: OutputSpec, chunk_index: int, source: str) -> None:
        """source: the input file that the rows are of, relative to the input root."""
        self._spec = spec
        self._chunk_index = chunk_index
        self._source = source
        self._pending: list[pa.Table] = []
        self._open: OpenFile | None = None
        self._is_done = False

    def __enter__(self) -> AsideWriter:
        return self

    def write(self, raw: pa.Table, rules: pa.Array, rows: pa.Int64Array) -> None:
        """raw: the rows, with the columns that were read. rules: those each breaks. rows: in the file."""
        self._pending.append(_plain(raw, rules, rows, self._source, self._spec.run_id))
        if fill_a_row_group(self._pending):
            self._flush()

    def finish(self) -> tuple[StagedFile, ...]:
        """Close and fsync."""
        self._flush()
        files = () if self._open is None else (self._open.finish(),)
        self._is_done = True
        return files

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_done and self._open is not None:
            self._open.discard()

    def _flush(self) -> None:
        if self._pending:
            table = pa.concat_tables(self._pending)
            self._pending.clear()
            self._open = self._open or self._new_file(table.schema)
            self._open.write(table)

    def _new_file(self, schema: pa.Schema) -> OpenFile:
        name = f"rows-{self._chunk_index:05d}-{self._spec.run_id}-{secrets.token_hex(4)}.parquet"
        return OpenFile(Path(self._spec.quarantine) / name, Encoding.of(schema), self._spec)


def read_rows(kept: StoredFiles, names: Iterable[str], rule: str | None = None) -> Iterator[dict[str, Any]]:
    """Rows by column name, as they were written. rule: only those that break it.

    Raises: FileUnreadable, StoreUnavailable.
    """
    for name in names:
        try:
            with (
                kept.open_whole(name) as opened,
                pq.ParquetFile(opened, page_checksum_verification=True) as file,
            ):
                for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                    rules = batch.column(RULES).to_pylist()
                    for position, broken in enumerate(rules):
                        if rule is None or rule in broken:
                            yield batch.slice(position, 1).to_pylist()[0]
        except (pa.ArrowException, OSError) as error:
            raise damaged(kept.at(name), f"quarantined rows cannot be read: {error}") from error


def rows_of(kept: StoredFiles, names: Iterable[str]) -> dict[str, set[int]]:
    """By input file, the positions of its rows in a generation's quarantine.

    Raises: FileUnreadable, StoreUnavailable.
    """
    found: dict[str, set[int]] = {}
    for name in names:
        try:
            with kept.open(name) as opened:
                table = pq.read_table(opened, columns=[FILE, ROW])
        except (pa.ArrowException, OSError) as error:
            raise damaged(kept.at(name), f"quarantined rows cannot be read: {error}") from error
        for file, row in zip(table[FILE].to_pylist(), table[ROW].to_pylist(), strict=True):
            found.setdefault(file, set()).add(row)
    return found


def _plain(raw: pa.Table, rules: pa.Array, rows: pa.Int64Array, source: str, run_id: str) -> pa.Table:
    """As the input file has them; columns that were read as dictionaries for the model are not ones in it."""
    n_rows = raw.num_rows
    columns = [_decoded(column) for column in raw.columns]
    names = [_free(name) for name in raw.column_names]
    ours = [rules, pa.repeat(source, n_rows), rows, pa.repeat(run_id, n_rows)]
    return pa.table([*columns, *ours], names=[*names, *OURS.names])


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _free(name: str) -> str:
    """An input column that is called like one of ours gets an underscore behind its name."""
    return f"{name}_" if name.rstrip("_") in OURS.names else name
