"""Looking at what is published, without trusting any of it: names, sizes, footers, and whole files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.core.findings import OutputDetail, OutputEntry
from batch_scorer.lake.arrow_types import arrow_type_name
from batch_scorer.lake.staging.open_files import METADATA_PREFIX
from batch_scorer.lake.storage.hashing import sha256_of_open
from batch_scorer.lake.storage.storage import Entry, Kind
from batch_scorer.lake.storage.stored_files import StoredFiles

_BATCH_ROWS = 65_536
_ABSENT = (FileNotFoundError, NotADirectoryError)


def walk_table(table: StoredFiles, depth: int) -> Iterator[tuple[str, bool]]:
    """(path below root, whether it is a directory `depth` levels down), sorted; above it only what is none.

    Nothing that is a symlink is followed. A table that does not exist yet is empty.
    Raises: StoreUnavailable.
    """
    yield from _walk(table, "", depth)


def list_published(
    table: StoredFiles, directory: str, *, wants_footer: Callable[[str], bool]
) -> tuple[OutputEntry, ...] | None:
    """What lies in a partition's directory, by name; None when there is no directory.

    wants_footer: asked for Parquet files, by name. Raises: StoreUnavailable.
    """
    try:
        found = table.storage.list(table.root, directory)
    except _ABSENT:
        return None
    except OSError as error:
        raise _unreadable(table.at(directory), error) from error
    ordered = sorted(found, key=lambda entry: entry.name)
    return tuple(_entry(table, directory, entry, wants_footer) for entry in ordered)


def footer_metadata(table: StoredFiles, path: str) -> dict[str, str]:
    """What the footer says of job, run, generation …, names without prefix; empty when it says nothing."""
    try:
        with table.open(path) as file:
            found = pq.read_metadata(file).metadata or {}
        texts = {name.decode(): value.decode() for name, value in found.items()}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return {}
    return {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in texts.items()
        if name.startswith(METADATA_PREFIX)
    }


def read_whole(table: StoredFiles, path: str) -> OutputDetail:
    """Hash every byte and decode every page, checksums on. Raises: OSError, when it cannot be read."""
    name = PurePosixPath(path).name
    with table.open_whole(path) as file:
        digest = sha256_of_open(file)
    try:
        n_rows, columns = _decode(table, path)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return OutputDetail(name=name, sha256=digest, problem=str(error))
    footer = footer_metadata(table, path)
    return OutputDetail(name=name, sha256=digest, n_rows=n_rows, columns=columns, footer=footer)


def _decode(table: StoredFiles, path: str) -> tuple[int, tuple[tuple[str, str], ...]]:
    with table.open_whole(path) as opened, pq.ParquetFile(opened, page_checksum_verification=True) as file:
        n_rows = sum(batch.num_rows for batch in file.iter_batches(_BATCH_ROWS, use_threads=False))
        return n_rows, tuple((field.name, arrow_type_name(field.type)) for field in file.schema_arrow)


def _walk(table: StoredFiles, above: str, depth: int) -> Iterator[tuple[str, bool]]:
    try:
        entries = sorted(table.storage.list(table.root, above), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(table.at(above), error) from error
    for entry in entries:
        path = f"{above}/{entry.name}" if above else entry.name
        if entry.kind is not Kind.DIRECTORY:
            yield path, False
        elif depth == 1:
            yield path, True
        else:
            yield from _walk(table, path, depth - 1)


def _entry(
    table: StoredFiles, directory: str, entry: Entry, wants_footer: Callable[[str], bool]
) -> OutputEntry:
    is_data = entry.kind is Kind.FILE and entry.name.endswith(".parquet")
    return OutputEntry(
        name=entry.name,
        kind=entry.kind.value,
        n_bytes=entry.stamp.size if entry.stamp else 0,
        footer=footer_metadata(table, f"{directory}/{entry.name}".lstrip("/"))
        if is_data and wants_footer(entry.name)
        else None,
    )


def _unreadable(where: str, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"what is published cannot be read: {error.strerror or error}",
        where=where,
        fix="check that its file system is mounted, and that this user may read it",
    )
