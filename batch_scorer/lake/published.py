"""Looking at what is published, without trusting any of it: names, sizes, footers, and whole files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.core.findings import OutputDetail, OutputEntry
from batch_scorer.lake.arrow_types import arrow_type_name
from batch_scorer.lake.hashing import sha256_of_file
from batch_scorer.lake.staging import METADATA_PREFIX

_BATCH_ROWS = 65_536


def walk_table(root: Path, depth: int) -> Iterator[tuple[str, bool]]:
    """(path below root, whether it is a directory `depth` levels down), sorted; above it only what is none.

    Nothing that is a symlink is followed. A table that does not exist yet is empty.
    Raises: StoreUnavailable.
    """
    yield from _walk(root, "", depth)


def list_published(directory: Path, *, wants_footer: Callable[[str], bool]) -> tuple[OutputEntry, ...] | None:
    """What lies in a partition's directory, by name; None when there is no directory.

    wants_footer: asked for Parquet files, by name. Raises: StoreUnavailable.
    """
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(directory, error) from error
    found = (_entry(directory / name, wants_footer) for name in names)
    return tuple(entry for entry in found if entry is not None)


def footer_metadata(path: Path) -> dict[str, str]:
    """What the footer says of job, run, generation …, names without prefix; empty when it says nothing."""
    try:
        found = pq.read_metadata(path).metadata or {}
        texts = {name.decode(): value.decode() for name, value in found.items()}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return {}
    return {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in texts.items()
        if name.startswith(METADATA_PREFIX)
    }


def read_whole(path: Path) -> OutputDetail:
    """Hash every byte and decode every page, checksums on. Raises: OSError, when it cannot be read."""
    digest = sha256_of_file(path)
    try:
        n_rows, columns = _decode(path)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return OutputDetail(name=path.name, sha256=digest, problem=str(error))
    return OutputDetail(
        name=path.name, sha256=digest, n_rows=n_rows, columns=columns, footer=footer_metadata(path)
    )


def _decode(path: Path) -> tuple[int, tuple[tuple[str, str], ...]]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        n_rows = sum(batch.num_rows for batch in file.iter_batches(_BATCH_ROWS, use_threads=False))
        return n_rows, tuple((field.name, arrow_type_name(field.type)) for field in file.schema_arrow)


def _walk(root: Path, above: str, depth: int) -> Iterator[tuple[str, bool]]:
    try:
        with os.scandir(root / above) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(root / above, error) from error
    for entry in entries:
        path = f"{above}/{entry.name}" if above else entry.name
        if not entry.is_dir(follow_symlinks=False):
            yield path, False
        elif depth == 1:
            yield path, True
        else:
            yield from _walk(root, path, depth - 1)


def _entry(path: Path, wants_footer: Callable[[str], bool]) -> OutputEntry | None:
    """None for a file that went away since it was listed."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return None
    is_data = stat.S_ISREG(seen.st_mode) and path.suffix == ".parquet"
    return OutputEntry(
        name=path.name,
        kind=_kind(seen.st_mode),
        n_bytes=seen.st_size,
        footer=footer_metadata(path) if is_data and wants_footer(path.name) else None,
    )


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "special file"


def _unreadable(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"what is published cannot be read: {error.strerror or error}",
        where=str(path),
        fix="check that its file system is mounted, and that this user may read it",
    )
