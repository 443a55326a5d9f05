"""One Parquet file on its way out: how it is encoded, and hashed while it is written."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.arrow.hashed_file import HashedFile
from batch_scorer.core.chunks import AUDIT_COLUMNS, OutputSpec, StagedFile
from batch_scorer.core.durable import writing
from batch_scorer.core.faults import FaultPoint, fault_point

METADATA_PREFIX = "batch_scorer."
# Enough for every code that is given: a column of codes holds one text (see StagedWriter).
CODES = pa.int8()
ROW_GROUP_ROWS = 131_072  # small batches (a strict input.where) are gathered, or footers outgrow the data
_ARROW_SCHEMA = b"ARROW:schema"  # the key under which Arrow's readers look for types that Parquet has not
# Of values of 8 bytes a page is full (1 MiB) after so many rows. Arrow would begin one every 20,000 rows and
# look at it every 1,024, and each of a column's pages and looks has a price of its own: a sixth of the time.
# Not for text, of which so many rows may be any size.
_LONG_PAGES = {"write_batch_size": ROW_GROUP_ROWS, "max_rows_per_page": ROW_GROUP_ROWS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How files of one schema are written; made once for all of them.

    given: what `OpenFile.write` gets for what a reader finds: some text comes dictionary-encoded.
    settings: of pyarrow's ParquetWriter. arrow_schema: as a footer names it.
    """

    given: pa.Schema
    settings: Mapping[str, Any]
    arrow_schema: bytes

    @classmethod
    def of(cls, schema: pa.Schema, coded: Sequence[str] = ()) -> Encoding:
        """schema: what a reader finds. coded: those of its text columns that come dictionary-encoded."""
        given = _with_codes(schema, coded)
        return cls(
            given=given,
            settings={
                "compression": "zstd",
                "compression_level": 1,
                "use_dictionary": _repetitive(schema),
                "column_encoding": dict.fromkeys(_whole(schema), "DELTA_BINARY_PACKED"),
                "write_page_checksum": True,
                "store_schema": False,
                **(_LONG_PAGES if all(map(_is_narrow, given.types)) else {}),
            },
            arrow_schema=base64.b64encode(schema.serialize()),
        )


class OpenFile:
    """One Parquet file being written, compressed and checksummed, hashed on its way, fsynced at its end."""

    def __init__(self, path: Path, encoding: Encoding, spec: OutputSpec) -> None:
        """spec: whose metadata its footer gets, and who makes the file last."""
        self._path = path
        self._is_passed_through = spec.is_passed_through
        with writing(path):
            self._file = path.open("xb")
        self._bytes = HashedFile(self._file)
        self._writer = pq.ParquetWriter(self._bytes, encoding.given, **encoding.settings)
        self._writer.add_key_value_metadata(
            # Ours, for Arrow's would say that coded columns are dictionaries, and readers would make them so.
            {_ARROW_SCHEMA: encoding.arrow_schema}
            | {f"{METADATA_PREFIX}{name}": value for name, value in spec.metadata}
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
        """The whole file, on the disk; see `sync`."""
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
        """Where it is only passed through, nobody waits for a disk that it will not be found on."""
        with writing(self._path):
            with self._file:
                if not self._is_passed_through:
                    os.fsync(self._file.fileno())
            fault_point(FaultPoint.FILE_SYNCED)

    def discard(self) -> None:
        self._bytes.discard()
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError, pa.ArrowException):  # it may have failed before
            self._writer.close()
        remove(self._path)


def remove(path: Path) -> None:
    """What cannot be removed now stays in staging as junk; it must not hide why the chunk failed."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _with_codes(schema: pa.Schema, coded: Sequence[str]) -> pa.Schema:
    return pa.schema(
        field.with_type(pa.dictionary(CODES, field.type)) if field.name in coded else field
        for field in schema
    )


def _repetitive(schema: pa.Schema) -> list[str]:
    """Text and audit columns. Building dictionaries of keys and scores trebles the time and the size."""
    audit = {name for name, _ in AUDIT_COLUMNS}
    return [field.name for field in schema if pa.types.is_string(field.type) or field.name in audit]


def _whole(schema: pa.Schema) -> list[str]:
    """Integers: their differences are smaller, in keys most of all, and quicker to compress (ADR 14)."""
    return [field.name for field in schema if pa.types.is_integer(field.type)]


def _is_narrow(kind: pa.DataType) -> bool:
    """Whether a value takes 8 bytes at most."""
    return bool(pa.types.is_primitive(kind) or pa.types.is_dictionary(kind))
