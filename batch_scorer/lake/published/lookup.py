"""Finding rows by key in published files: one row for an audit, a batch of rows to compare their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batch_scorer.lake.storage.stored_files import StoredFiles

_BATCH_ROWS = 131_072
_FLOAT_BITS = {pa.float64(): pa.int64(), pa.float32(): pa.int32(), pa.float16(): pa.int16()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreDifference:
    """Rows of one column whose published bits are not those expected. first_key: of the first such row."""

    column: str
    n_rows: int
    first_key: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """path: where a person finds the file. row: its position in it. values: every column."""

    path: str
    row: int
    values: Mapping[str, Any]


def find_row(table: StoredFiles, path: str, key: Mapping[str, pa.Scalar]) -> FoundRow | None:
    """The row of a file with this key; row groups whose statistics exclude it are not read.

    Raises: OSError, pyarrow.ArrowException.
    """
    with table.open(path) as opened, pq.ParquetFile(opened, page_checksum_verification=True) as file:
        first_row = 0
        for index in range(file.num_row_groups):
            group = file.metadata.row_group(index)
            if _may_hold(group, key):
                keys = file.read_row_group(index, columns=list(key), use_threads=False)
                position = pc.index(_matches(keys, key), True).as_py()
                if position >= 0:
                    whole = file.read_row_group(index, use_threads=False).slice(position, 1)
                    values = whole.to_pylist()[0]
                    return FoundRow(path=table.at(path), row=first_row + position, values=values)
            first_row += group.num_rows
    return None


def compare_scores(
    table: StoredFiles,
    published: Sequence[str],
    key: Sequence[str],
    columns: Sequence[str],
    expected: pa.Table,
    *,
    may_lack: bool,
) -> tuple[ScoreDifference, ...]:
    """expected: key and columns of some rows. published: the files that hold them all, in any order.

    may_lack: rows may be set aside instead of published. Memory is that of expected, and of a batch.
    Raises: OSError, pyarrow.ArrowException.
    """
    wanted = {values: row for row, values in enumerate(_keys(expected, key))}
    pieces = list(_with_keys(table, published, key, columns, expected, wanted))
    names = [*key, *columns]
    found = pa.concat_tables([expected.select(names).slice(0, 0), *(piece for piece, _ in pieces)])
    rows = pa.array([row for _, rows in pieces for row in rows], type=pa.int64())
    differences = [_difference(name, key, expected.take(rows), found) for name in columns]
    lacking = sorted(set(range(expected.num_rows)) - set(rows.to_pylist()))
    if lacking and not may_lack:
        differences.insert(0, _lacking(key, columns, expected, lacking))
    return tuple(each for each in differences if each is not None)


def _with_keys(
    table: StoredFiles,
    published: Sequence[str],
    key: Sequence[str],
    columns: Sequence[str],
    expected: pa.Table,
    wanted: Mapping[tuple[Any, ...], int],
) -> Iterator[tuple[pa.Table, list[int]]]:
    """Rows of the files with a wanted key, and which expected row each of them is."""
    names = [*key, *columns]
    first = expected.column(key[0]).combine_chunks()
    for path in published:
        with table.open(path) as opened, pq.ParquetFile(opened, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
                rows = pa.Table.from_batches([batch]).select(names)
                rows = rows.filter(pc.is_in(rows.column(key[0]), value_set=first))
                at = [wanted.get(values) for values in _keys(rows, key)]
                rows = rows.filter(pa.array([row is not None for row in at], type=pa.bool_()))
                if rows.num_rows:
                    yield rows, [row for row in at if row is not None]


def _difference(name: str, key: Sequence[str], expected: pa.Table, found: pa.Table) -> ScoreDifference | None:
    differs = pc.not_equal(_bits(expected.column(name)), _bits(found.column(name)))
    rows = pc.indices_nonzero(pc.fill_null(differs, True)).to_pylist()
    if not rows:
        return None
    return ScoreDifference(
        column=name,
        n_rows=len(rows),
        first_key=_key_words(key, found, rows[0]),
        expected=repr(expected.column(name)[rows[0]].as_py()),
        found=repr(found.column(name)[rows[0]].as_py()),
    )


def _lacking(
    key: Sequence[str], columns: Sequence[str], expected: pa.Table, rows: Sequence[int]
) -> ScoreDifference:
    return ScoreDifference(
        column=", ".join(columns),
        n_rows=len(rows),
        first_key=_key_words(key, expected, rows[0]),
        expected="a published row",
        found="none with this key",
    )


def _bits(column: pa.ChunkedArray) -> pa.Array:
    """-0.0 and 0.0 are equal numbers and different bits."""
    array = column.combine_chunks()
    bits = _FLOAT_BITS.get(array.type)
    return array if bits is None else array.view(bits)


def _keys(table: pa.Table, key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(table.column(name).to_pylist() for name in key), strict=True)


def _key_words(key: Sequence[str], table: pa.Table, row: int) -> str:
    return ", ".join(f"{name} {table.column(name)[row].as_py()}" for name in key)


def _matches(keys: pa.Table, key: Mapping[str, pa.Scalar]) -> pa.Array:
    mask = pa.repeat(True, keys.num_rows)
    for name, value in key.items():
        mask = pc.and_(mask, pc.equal(keys.column(name).combine_chunks(), value))
    return mask


def _may_hold(group: pq.RowGroupMetaData, key: Mapping[str, pa.Scalar]) -> bool:
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name, value in key.items():
        statistics = columns[name].statistics if name in columns else None
        if statistics is None or not statistics.has_min_max:
            continue
        try:
            if not statistics.min <= value.as_py() <= statistics.max:
                return False
        except TypeError:  # statistics in other words than the value: they exclude nothing
            continue
    return True
