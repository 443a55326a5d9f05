"""A look at a table nobody has declared yet: a file, or any directory of Parquet files, in bounded memory.

A large table is looked at in partitions spread evenly from the first to the last, and in row groups spread
evenly over each file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import BatchScorerError, UsageError
from batch_scorer.core.lakefiles import Footer, LakeFile
from batch_scorer.core.stores import NO_OPTIONS, ObjectUrl, StoreOptions
from batch_scorer.lake.reading.column_chunks import column_ranges
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.storage.failures import as_input_error, damaged
from batch_scorer.lake.storage.roots import storage_for
from batch_scorer.lake.storage.storage import Entry, Kind, LakeStorage, LocalStorage

MAX_PARTITIONS = 30
MAX_FILES = 200
MAX_ROWS = 2_000_000

Item = TypeVar("Item")

_SUFFIX = ".parquet"
_BATCH_ROWS = 65_536
_READ_AHEAD_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFile:
    """row_groups: those to read, in file order. max_rows: to stop after."""

    path: str
    row_groups: tuple[int, ...]
    max_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPartition:
    """directory: relative to the table. n_rows: of all its files, as their footers say."""

    directory: str
    n_rows: int
    files: tuple[SampledFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What to look at, and of how much that is a part.

    directories: all that hold Parquet files, relative to root and sorted; "" is root itself.
    """

    storage: LakeStorage
    root: str
    partitions: tuple[SampledPartition, ...]
    directories: tuple[str, ...]
    n_files: int

    @property
    def n_partitions(self) -> int:
        return len(self.directories)

    @property
    def n_files_read(self) -> int:
        return sum(len(partition.files) for partition in self.partitions)


def choose_sample(
    table: Path | ObjectUrl, *, stores: StoreOptions = NO_OPTIONS, max_rows: int = MAX_ROWS
) -> Sample:
    """Which partitions, files and row groups to look at. Footers are read, no rows.

    table: a Parquet file, or a directory with Parquet files in it or below. stores: how to reach a URL.
    Raises: UsageError (no such path, nothing there), FileUnreadable, InputMoved, StoreUnavailable.
    """
    with _listing(table):
        storage, root, found = _in_store(table, stores) if isinstance(table, ObjectUrl) else _on_disk(table)
    chosen = spread(sorted(found.items()), MAX_PARTITIONS)
    files = {directory: spread(files, max(1, MAX_FILES // len(chosen))) for directory, files in chosen}
    max_rows_each = max(1, max_rows // sum(map(len, files.values())))
    return Sample(
        storage=storage,
        root=root,
        partitions=tuple(_partition(storage, root, each, files[each], max_rows_each) for each in files),
        directories=tuple(sorted(found)),
        n_files=sum(map(len, found.values())),
    )


def pieces_of(sample: Sample) -> Iterator[Iterator[pa.Schema | pa.RecordBatch]]:
    """Partition by partition: of each file its schema, then the rows looked at, without nested columns.

    Raises: FileUnreadable, InputMoved, StoreUnavailable.
    """
    for partition in sample.partitions:
        yield chain.from_iterable(_pieces(sample, file) for file in partition.files)


def spread(items: Sequence[Item], at_most: int) -> Sequence[Item]:
    """The first, the last, and others evenly between them, in order; at_most >= 1."""
    if len(items) <= at_most or at_most == 1:
        return items[:at_most]
    last = len(items) - 1
    return [items[index * last // (at_most - 1)] for index in range(at_most)]


_Found = dict[str, list[LakeFile]]  # by directory, relative to the root


def _on_disk(path: Path) -> tuple[LakeStorage, str, _Found]:
    """The root, and the files of each directory below it. What begins with "_" or "." is no data."""
    path = Path(os.path.realpath(path))  # it may be a symlink itself; below it none is followed
    storage = LocalStorage()
    if path.is_dir():
        return storage, str(path), _below(storage, str(path))
    if not os.path.lexists(path):
        raise UsageError("there is no such file or directory", where=str(path), fix="check --from-parquet")
    if not path.is_file():
        raise UsageError(
            "this is neither a file nor a directory", where=str(path), fix="check --from-parquet"
        )
    file = LakeFile(path=path.name, stamp=storage.stamp(str(path.parent), path.name))
    return storage, str(path.parent), {"": [file]}


def _in_store(url: ObjectUrl, stores: StoreOptions) -> tuple[LakeStorage, str, _Found]:
    """The same; an object is looked for where nothing is below its name."""
    storage, root = storage_for(str(url), stores), str(url)
    try:
        return storage, root, _below(storage, root)
    except FileNotFoundError:
        above, _, name = root.rpartition("/")
    try:
        return storage, above, {"": [LakeFile(path=name, stamp=storage.stamp(above, name))]}
    except FileNotFoundError:
        raise UsageError("there is no such object, and none below it", where=root) from None


def _below(storage: LakeStorage, root: str) -> _Found:
    """Raises: UsageError, when no Parquet file is there; FileNotFoundError, OSError."""
    found: _Found = {}
    level = [("", storage.list(root, ""))]
    while level:
        deeper = [below for directory, entries in level for below in _visit(directory, entries, found)]
        listed = zip(deeper, storage.list_each(root, deeper), strict=True)
        level = [(directory, _there(entries)) for directory, entries in listed]
    if not found:
        what, fix = f"no *{_SUFFIX} file is in this directory or below it", "name the table's own directory"
        raise UsageError(what, where=root, fix=fix)
    return found


def _there(entries: tuple[Entry, ...] | OSError) -> tuple[Entry, ...]:
    if isinstance(entries, OSError):
        raise entries
    return entries


def _visit(directory: str, entries: Sequence[Entry], found: _Found) -> Iterator[str]:
    """Take the files of a directory. Yields: the directories in it."""
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.name.startswith(("_", ".")):
            continue
        path = f"{directory}/{entry.name}".lstrip("/")
        if entry.kind is Kind.DIRECTORY:
            yield path
        elif entry.stamp is not None and entry.name.endswith(_SUFFIX):
            found.setdefault(directory, []).append(LakeFile(path=path, stamp=entry.stamp))


def _partition(
    storage: LakeStorage, root: str, directory: str, files: Sequence[LakeFile], max_rows: int
) -> SampledPartition:
    footers = [(file, _footer(storage, root, file)) for file in files]
    return SampledPartition(
        directory=directory,
        n_rows=sum(footer.n_rows for _, footer in footers),
        files=tuple(_sampled(file, footer, max_rows) for file, footer in footers),
    )


def _footer(storage: LakeStorage, root: str, file: LakeFile) -> Footer:
    """No job says where the table is, so an error names the whole path."""
    try:
        return read_footer(storage, root, file)
    except BatchScorerError as error:
        error.where = f"{root}/{file.path}"
        raise


def _sampled(file: LakeFile, footer: Footer, max_rows: int) -> SampledFile:
    n_rows = [group.n_rows for group in footer.row_groups]
    wanted = max(1, len(n_rows) * max_rows // max(1, sum(n_rows)))
    return SampledFile(
        path=file.path, row_groups=tuple(spread(range(len(n_rows)), wanted)), max_rows=max_rows
    )


def _pieces(sample: Sample, sampled: SampledFile) -> Iterator[pa.Schema | pa.RecordBatch]:
    left = sampled.max_rows
    with _reading(sample, sampled) as file:
        schema = file.schema_arrow.remove_metadata()
        yield schema
        names = _flat_columns(schema)
        for batch in file.iter_batches(
            _BATCH_ROWS, row_groups=list(sampled.row_groups), columns=names, use_threads=False
        ):
            batch.validate(full=True)  # text that is no UTF-8 would only come out as an exception of Python's
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                return


def _flat_columns(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if not pa.types.is_nested(field.type)]


@contextmanager
def _reading(sample: Sample, sampled: SampledFile) -> Iterator[pq.ParquetFile]:
    where = f"{sample.root}/{sampled.path}"
    try:
        opened, _ = sample.storage.open(sample.root, sampled.path)
        with (
            opened,
            pq.ParquetFile(
                opened,
                pre_buffer=False,
                buffer_size=_READ_AHEAD_BYTES,
                page_checksum_verification=True,
                arrow_extensions_enabled=False,
            ) as file,
        ):
            names = _flat_columns(file.schema_arrow)
            ranges = (column_ranges(file.metadata, group, names) for group in sampled.row_groups)
            sample.storage.will_need(opened, chain.from_iterable(ranges))
            yield file
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException as error:
        raise damaged(where, str(error)) from error
    except OSError as error:
        raise as_input_error(error, where=where) from error


@contextmanager
def _listing(table: Path | ObjectUrl) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise as_input_error(error, where=str(error.filename or table)) from error
