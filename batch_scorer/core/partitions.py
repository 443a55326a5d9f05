"""Hive partitions: declared keys, typed values, and directory names that round-trip.

A partition path is `key=value` segments in the declared order, percent-encoded as Hive does it.
"""

from __future__ import annotations

import datetime as dt
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

from batch_scorer.core.errors import PartitionPathRefused

HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"

_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]*")
_SAFE = " !$&()+,;@_.-~"  # the rest, '/' '=' '%' '#' ':' '*' '?' and control characters, is escaped
_MAX_VALUE_CHARS = 200  # one path component holds 255 bytes on every file system we write to


class KeyType(StrEnum):
    DATE = "date"
    STRING = "string"
    INT = "int"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionKey:
    """A declared hive key: `ride_date: date`."""

    name: str
    type: KeyType


PartitionValue = dt.date | str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One hive directory, by its typed values in the declared order."""

    names: tuple[str, ...]
    values: tuple[PartitionValue, ...]

    def __post_init__(self) -> None:
        if not self.names or len(self.names) != len(self.values):
            raise ValueError(f"names {self.names} and values {self.values} do not pair up")

    def __hash__(self) -> int:
        return hash(
            self.values
        )  # names are the same for all of a table, and a large plan asks a million times

    @property
    def path(self) -> str:
        """`region=eu/ride_date=2024-01-01`: the canonical relative directory."""
        if len(self.names) == 1:  # as of most tables, and a large plan asks often
            return f"{self.names[0]}={_encode(self.values[0])}"
        pairs = zip(self.names, self.values, strict=True)
        return "/".join([f"{name}={_encode(value)}" for name, value in pairs])

    @property
    def date(self) -> dt.date | None:
        """The value of the one key of type date, else None."""
        dates = [value for value in self.values if isinstance(value, dt.date)]
        return dates[0] if len(dates) == 1 else None

    @property
    def label(self) -> str:
        """What a person reads in a table: `2024-01-01`, or the path when there are several keys, or when
        the value holds what cannot be seen, such as a line break.
        """
        only = str(self.values[0]) if len(self.values) == 1 else ""
        return only if only and only.isprintable() else self.path

    def __str__(self) -> str:
        return self.path


def typed(job: str, path: str) -> str:
    """JOB/PARTITION as an argument of a command, whatever a shell makes of the characters in it."""
    return shlex.quote(f"{job}/{path}")


def parse_partition_path(keys: Sequence[PartitionKey], path: str) -> Partition:
    """The partition a relative directory stands for.

    Raises: PartitionPathRefused, when the directory is not exactly the declared keys, a value is null,
    is not of its type, is written in a non-canonical way (`007` for an int), or decodes to something
    that could leave its directory.
    """
    segments = path.split("/")
    if len(segments) != len(keys):
        expected = "/".join(f"{key.name}=…" for key in keys)
        raise _refused(path, f'directory "{path}" does not have the declared keys {expected}')
    values = [_parse_segment(key, segment, path) for key, segment in zip(keys, segments, strict=True)]
    return Partition(names=tuple([key.name for key in keys]), values=tuple(values))


def parse_partition_value(key: PartitionKey, text: str) -> PartitionValue:
    """A decoded value of the key's type. Raises: ValueError with a reason."""
    if text == HIVE_NULL:
        raise ValueError("is null")
    match key.type:
        case KeyType.INT:
            if not _INT.fullmatch(text):
                raise ValueError("is not an int in canonical form")
            return int(text)
        case KeyType.DATE:
            if not _DATE.fullmatch(text):
                raise ValueError("is not a date YYYY-MM-DD")
            return dt.date.fromisoformat(text)
        case KeyType.STRING:
            return _checked_string(text)


def _parse_segment(key: PartitionKey, segment: str, path: str) -> PartitionValue:
    name, equals, raw = segment.partition("=")
    if not equals or name != key.name:
        raise _refused(path, f'"{segment}" is not "{key.name}=…"')
    try:
        is_plain = raw.isascii() and "%" not in raw
        text = raw if is_plain else unquote_to_bytes(raw).decode("utf-8")
        return parse_partition_value(key, text)
    except UnicodeError:  # of bytes that are none, or of a name that the system itself could not read
        raise _refused(path, f'the value of partition key "{key.name}" is not UTF-8') from None
    except ValueError as reason:
        raise _refused(path, f'the value "{raw}" of partition key "{key.name}" {reason}') from None


def _checked_string(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    if text in (".", ".."):
        raise ValueError("could leave its directory")
    if "/" in text or "\\" in text or "\0" in text:
        raise ValueError('decodes to a text with "/", "\\" or NUL, which could leave its directory')
    if len(_encode(text).encode()) > _MAX_VALUE_CHARS:
        raise ValueError(f"is longer than {_MAX_VALUE_CHARS} bytes")
    return text


def _encode(value: PartitionValue) -> str:
    if not isinstance(value, str):
        return str(value)
    # Most are plain words; quoting is ten times slower than seeing that.
    return value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)


def _refused(path: str, what: str) -> PartitionPathRefused:
    return PartitionPathRefused(
        what,
        where=path,
        fix="rename or remove the directory, or correct input.partition_by in the job file",
    )
