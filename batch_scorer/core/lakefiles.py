"""Input files as planning sees them: identity, fingerprint, footer. No bytes are read here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _quoted

from batch_scorer.core.errors import InputError
from batch_scorer.core.partitions import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStamp:
    """What a file system says without reading: it tells *maybe changed*, never *changed*.

    On object stores etag decides; mtime_ns is what they call last modified, ctime_ns and inode are 0.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    etag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFile:
    """One Parquet file of a partition. path: relative to the input root, with forward slashes."""

    path: str
    stamp: FileStamp
    sha256: str | None = None  # of the content, once somebody had to read it

    @property
    def content_id(self) -> str | None:
        """What stands for the content: the sha256, or the ETag on object stores."""
        return self.sha256 or self.stamp.etag

    @property
    def content_text(self) -> str:
        """For people: a sha256 as it is, an ETag called one."""
        return self.sha256 or f"ETag {self.stamp.etag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """Of a column in a row group. None: the footer does not say; least and most: of numbers only."""

    column: str
    n_nulls: int | None
    least: int | float | None = None
    most: int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """n_bytes: decoded size of all columns, as the footer declares it. statistics: of columns that somebody
    asked for when the footer was read.
    """

    n_rows: int
    n_bytes: int
    statistics: tuple[ColumnStatistics, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """columns: (name, Arrow type as text) in file order. num_rows is a claim, checked when read."""

    columns: tuple[tuple[str, str], ...]
    row_groups: tuple[RowGroup, ...]

    @property
    def n_rows(self) -> int:
        return sum(group.n_rows for group in self.row_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFiles:
    """A partition found in the lake. directory: as it is on storage, relative to the input root.

    ignored: names of visible files that are neither Parquet nor the marker; nobody reads them.
    """

    partition: Partition
    directory: str
    files: tuple[LakeFile, ...]  # sorted by path
    has_marker: bool = True  # input.ready.marker is there, or none is asked for
    ignored: tuple[str, ...] = ()
    _stamps: str | None = field(default=None, init=False, repr=False, compare=False)  # once it was asked for

    @property
    def n_bytes(self) -> int:
        return sum([file.stamp.size for file in self.files])

    @property
    def newest_mtime_ns(self) -> int:
        return max((file.stamp.mtime_ns for file in self.files), default=0)

    @property
    def stamp_fingerprint(self) -> str:
        """sha256 over paths and stamps: equal means the same files, untouched."""
        if self._stamps is None:
            object.__setattr__(self, "_stamps", _digest(map(_stamp_entry, self.files)))
        assert self._stamps is not None  # noqa: S101
        return self._stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDirectory:
    """A directory under the input root that is not read; error says why.

    partition: what its name stands for, with the first keys only when the others would be below it; None
    when the name stands for nothing.
    """

    directory: str
    error: InputError
    partition: Partition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All partitions of a table within the range that was asked for, sorted by path."""

    partitions: tuple[PartitionFiles, ...]
    refused: tuple[RefusedDirectory, ...] = ()


def content_fingerprint(files: Iterable[LakeFile]) -> str:
    """sha256 over (path, content id) in path order: the identity of a partition's input.

    Raises: ValueError, when a file's content is not known yet.
    """
    entries = []
    for file in sorted(files, key=lambda f: f.path):
        if file.content_id is None:
            raise ValueError(f"the content of {file.path} was never hashed")
        entries.append(f"[{_quoted(file.path)},{_quoted(file.content_id)}]")
    return _digest(entries)


def _stamp_entry(file: LakeFile) -> str:
    stamp = file.stamp
    etag = "null" if stamp.etag is None else _quoted(stamp.etag)
    return f"[{_quoted(file.path)},{stamp.size},{stamp.mtime_ns},{stamp.ctime_ns},{stamp.inode},{etag}]"


def _digest(entries: Iterable[str]) -> str:
    """entries: each as compact JSON. Of their list: a large plan asks 200,000 times, and json is slower."""
    return hashlib.sha256(f"[{','.join(entries)}]".encode()).hexdigest()
