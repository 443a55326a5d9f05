"""`validate`: a GX suite on any stream of Arrow record batches, in memory that does not grow with them."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.validation.evidence import Evidence, gathered
from batch_scorer.validation.formats import as_format, columns_kept, rows_kept
from batch_scorer.validation.request import columns_left, gx_message
from batch_scorer.validation.streaming.compile import Compiled, compile_suite
from batch_scorer.validation.streaming.kernels.table import KERNELS
from batch_scorer.validation.streaming.measures import RowsThatFail, Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.scan import Scanned, scan
from batch_scorer.validation.suites.parameters import with_parameters

_MAX_BATCH_ROWS = 131_072
_SETTLE_EVERY_ROWS = 1 << 18
_MAX_KEYS = 1 << 20  # that a uniqueness rule keeps in memory: some 20 MB
_GX_MAX_BYTES = 4 << 30


class GxSuite(Protocol):
    """great_expectations.ExpectationSuite, as far as it matters here."""

    def to_json_dict(self) -> dict[str, Any]:
        """Its JSON."""


def validate(
    suite: Mapping[str, Any] | str | Path | GxSuite,
    batches: Iterable[pa.RecordBatch | pa.Table],
    *,
    result_format: str | Mapping[str, Any] = "SUMMARY",
    suite_parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """GX's own ExpectationSuiteValidationResult, as JSON, of all rows of `batches` together.

    suite: GX's ExpectationSuite, its JSON as a dict, or a file of it. batches: of one schema, in row order;
    at least one, which may be empty. result_format, suite_parameters: as GX takes them.
    What cannot be streamed exactly is evaluated by GX in a process of at most 4 GB, on the columns it needs,
    kept on disk meanwhile; without an answer it is a failed result that says why. The way each expectation
    took is in its result's `meta["batch_scorer"]["path"]`: streamed | gx | not evaluated.
    A custom expectation lies in a module of its name, on the caller's sys.path.
    Raises: ValueError: no batch, batches of different schemas, two columns of one name; NoAnswer, or what GX
    raises: of a suite that it cannot read.
    """
    document = _document(suite)
    format_ = as_format(result_format)
    with tempfile.TemporaryDirectory(prefix="batch-scorer-validate-") as place:
        evidence, files = _scanned(document, batches, format_, dict(suite_parameters or {}), Path(place))
        message = gx_message(document, evidence, format_, files=files, parameters=suite_parameters)
        return _render(message)


def _document(suite: Mapping[str, Any] | str | Path | GxSuite) -> Mapping[str, Any]:
    if isinstance(suite, Mapping):
        return suite
    if isinstance(suite, str | Path):
        read: Mapping[str, Any] = json.loads(Path(suite).read_text(encoding="utf-8"))
        return read
    return suite.to_json_dict()


def _scanned(
    document: Mapping[str, Any],
    batches: Iterable[pa.RecordBatch | pa.Table],
    format_: Mapping[str, Any],
    parameters: Mapping[str, Any],
    place: Path,
) -> tuple[Evidence, tuple[str, ...]]:
    """The evidence, and the file of columns that GX may have to read."""
    tables = _tables(batches)
    first = next(tables, None)
    if first is None:
        raise ValueError("there is no batch, so no schema to validate: give at least one, which may be empty")
    schema = first.schema
    expectations = with_parameters(document, parameters)
    sampling = Sampling(keep=rows_kept(format_), columns=columns_kept(format_, schema.names))
    compiled = compile_suite(expectations, schema, sample_columns=sampling.columns)
    with _Spool(compiled, format_, place) as spool:
        total = _total(first, tables, compiled, sampling, spool, place)
    return gathered(expectations, schema, sampling, total, place), spool.files


def _total(
    first: pa.Table,
    others: Iterator[pa.Table],
    compiled: Compiled,
    sampling: Sampling,
    spool: _Spool,
    place: Path,
) -> Scanned:
    measures = compiled.measures
    spool.write(first)
    total = scan(Rows(first), measures, sampling)
    n_settled = 0
    for number, table in enumerate(others):
        spool.write(table)
        total += scan(Rows(table), measures, sampling)
        if total.n_rows - n_settled >= _SETTLE_EVERY_ROWS:
            total, n_settled = total.settled(place, f"spill-{number}", max_rows=_MAX_KEYS), total.n_rows
    return total


def _tables(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[pa.Table]:
    """In pieces that fit a processor's memory. Raises: ValueError, when a schema differs from the first."""
    schema: pa.Schema | None = None
    for batch in batches:
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        table = table.replace_schema_metadata()
        schema = schema or _unambiguous(table.schema)
        if table.schema != schema:
            raise ValueError(f"a batch has another schema than the first one: {table.schema}, not {schema}")
        if not table.num_rows:
            yield table
        for start in range(0, table.num_rows, _MAX_BATCH_ROWS):
            yield table.slice(start, _MAX_BATCH_ROWS)


def _unambiguous(schema: pa.Schema) -> pa.Schema:
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise ValueError(f"there are {schema.names.count(twice[0])} columns named {twice[0]}")
    return schema


class _Spool:
    """The columns of expectations that are left to GX, or may turn out to be, in a Parquet file."""

    def __init__(self, compiled: Compiled, format_: Mapping[str, Any], place: Path) -> None:
        may_raise = [
            check
            for check in compiled.checks
            if any(isinstance(one, RowsThatFail) and KERNELS[one.metric].raises for one in check.measures)
        ]
        left = (*compiled.left_to_gx, *may_raise)
        self._columns = columns_left(left, format_)
        self._schema = compiled.schema
        self._writer: pq.ParquetWriter | None = None
        self.files: tuple[str, ...] = (str(place / "spool.parquet"),) if left else ()

    def __enter__(self) -> _Spool:
        return self

    def write(self, table: pa.Table) -> None:
        if not self.files:
            return
        names = [n for n in table.column_names if self._columns is None or n in self._columns]
        kept = table.select(names or table.column_names[:1])
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.files[0], kept.schema, write_page_checksum=True)
        self._writer.write_table(kept)

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _render(message: Mapping[str, Any]) -> dict[str, Any]:
    from batch_scorer.validation.gx.process import GxProcess
    from batch_scorer.validation.gx.worker import shared_engine

    if message["files"] is None:
        return shared_engine().validate(message)
    # A custom expectation lies in a module of its name, which is found where the caller's imports are.
    code = [str(Path(one).absolute()) for one in sys.path]
    with GxProcess(max_bytes=_GX_MAX_BYTES, code=code) as process:
        return process.result(message)
