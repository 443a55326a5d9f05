"""Which hive keys a table has, and of which types, guessed from the names of its directories. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from batch_scorer.core.errors import UsageError
from batch_scorer.core.partitions import HIVE_NULL, KeyType, PartitionKey, parse_partition_value

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WRITE = 'write it anew with one: frame.to_parquet(PATH, partition_cols=["day"])'


@dataclass(frozen=True, slots=True, kw_only=True)
class HiveNames:
    """keys: in directory order. lowest, highest: the first and the last directory. n_null: directories of
    which a value is Hive's null: no run reads them.
    """

    keys: tuple[PartitionKey, ...]
    lowest: str
    highest: str
    n_null: int


def guess_keys(directories: Sequence[str], *, where: str) -> HiveNames:
    """directories: all that hold Parquet files, relative to the table; at least one. where: the table.

    A key is a date or an int when every value is written as one; `007` makes it a string.
    Raises: UsageError, when there are no partitions, or not the same keys everywhere.
    """
    names, values = _split(directories, where)
    given = [each for each in values if HIVE_NULL not in each]
    if not given:
        raise UsageError(f"every partition is {HIVE_NULL}", where=where, fix=_WRITE)
    columns = zip(*given, strict=True)
    keys = tuple(
        PartitionKey(name=name, type=_type_of(column)) for name, column in zip(names, columns, strict=True)
    )
    filled = [path for path, each in zip(directories, values, strict=True) if HIVE_NULL not in each]
    return HiveNames(
        keys=keys, lowest=min(filled), highest=max(filled), n_null=len(directories) - len(filled)
    )


def _split(directories: Sequence[str], where: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The keys' names, and each directory's values."""
    if "" in directories and len(directories) > 1:
        raise UsageError(
            "a Parquet file lies outside of any partition: no run would read it",
            where=where,
            fix="move it into the directory of its partition",
        )
    first = _names(directories[0])
    for path in directories:
        if _names(path) is None:
            raise _not_partitioned(path, where)
        if _names(path) != first:
            raise UsageError(
                f'"{path}" does not have the partition keys of "{directories[0]}"',
                where=where,
                fix="name the directory of one table, whose partitions all have the same keys",
            )
    values = [tuple(_decoded(part.partition("=")[2]) for part in path.split("/")) for path in directories]
    return first or (), values


def _names(path: str) -> tuple[str, ...] | None:
    """None: some part of the path is not `key=value`."""
    parts = [part.partition("=") for part in path.split("/")]
    if not all(equals and _KEY.fullmatch(name) for name, equals, _ in parts):
        return None
    return tuple(name for name, _, _ in parts)


def _decoded(raw: str) -> str:
    return unquote_to_bytes(raw).decode("utf-8", errors="replace")


def _type_of(values: Sequence[str]) -> KeyType:
    for key_type in (KeyType.DATE, KeyType.INT):
        key = PartitionKey(name="guessed", type=key_type)
        try:
            for value in values:
                parse_partition_value(key, value)
        except ValueError:
            continue
        return key_type
    return KeyType.STRING


def _not_partitioned(path: str, where: str) -> UsageError:
    what = f'"{path}" is no hive partition' if path else "its files lie beside each other"
    return UsageError(
        f"a job scores a table partition by partition, and this one has no directories key=value: {what}",
        where=where,
        fix=_WRITE,
    )
