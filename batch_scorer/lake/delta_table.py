"""A Delta table on a local disk, as far as DeltaSink needs one: its columns, its active files, one commit.

deltalake is imported inside of functions: it is an extra, and its threads do not survive a fork.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from batch_scorer.core.durable import fsync_directory
from batch_scorer.core.errors import (
    DamageFound,
    DiskFull,
    OutputError,
    OutputOccupied,
    OutputSchemaChanged,
    OutputUnwritable,
)
from batch_scorer.core.holdings import DELTA_LOG
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.arrow_types import parse_arrow_type

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, Field, Schema

_KEY_TYPES = {KeyType.DATE: pa.date32(), KeyType.INT: pa.int64(), KeyType.STRING: pa.string()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A file that a commit makes visible. path: below the table, as it is on disk."""

    path: str
    n_bytes: int
    n_rows: int


def open_table(root: Path) -> DeltaTable | None:
    """The table as it is now; None when there is none. Raises: DamageFound."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(str(root))
    except TableNotFoundError:
        return None
    except Exception as error:
        raise DamageFound(
            f"the Delta table cannot be read: {first_line(error)}",
            where=str(root / DELTA_LOG),
            fix="put its log back from a backup; or move table, manifests and ledger away to begin anew",
        ) from error


def open_or_create(
    root: Path, columns: Sequence[tuple[str, str]], keys: Sequence[PartitionKey]
) -> DeltaTable:
    """Raises: OutputOccupied, OutputSchemaChanged, OutputUnwritable, DiskFull, DamageFound."""
    from deltalake import DeltaTable

    schema, names = table_schema(root, columns, keys), [key.name for key in keys]
    table = open_table(root)
    if table is None:
        _refuse_other_files(root)
        try:
            DeltaTable.create(str(root), schema, partition_by=names, mode="error")
        except Exception as error:
            if open_table(root) is None:  # else somebody else was faster
                raise unwritable(root, "create the Delta table", error) from error
        sync_log(root, since=0)
        table = open_table(root)
    if table is None or table.metadata().partition_columns != names:
        raise OutputSchemaChanged(
            f"the Delta table is not partitioned by {', '.join(names)}",
            where=str(root),
            fix="give the job an output.path of its own",
        )
    return table


def missing_columns(table: DeltaTable, root: Path, columns: Sequence[tuple[str, str]]) -> list[Field]:
    """Those that the table lacks. Raises: OutputSchemaChanged, when it has one with another type."""
    has = {field.name: field.type for field in table.schema().fields}
    wanted = table_schema(root, columns, ()).fields
    for field in wanted:
        if field.name in has and has[field.name] != field.type:
            raise OutputSchemaChanged(
                f'column "{field.name}" is {has[field.name]} in the Delta table, and would be {field.type}',
                where=str(root),
                fix="give the new column another name, or the job an output.path of its own",
            )
    return [field for field in wanted if field.name not in has]


def active_names(table: DeltaTable, partition: Partition) -> frozenset[str]:
    """Names of a partition's files; of one that lies outside its directory, the whole path."""
    found = table.file_uris(file_pruning_predicate=_filters(partition))
    home = f"/{partition.path}/"
    return frozenset(Path(path).name if path.endswith(home + Path(path).name) else path for path in found)


def replace_partition(
    table: DeltaTable, partition: Partition, added: Sequence[Added], commit: CommitProperties
) -> None:
    """One commit: exactly these files are the partition. Raises: whatever deltalake does."""
    from deltalake.transaction import AddAction

    table.create_write_transaction(
        [
            AddAction(
                path=file.path,  # deltalake itself writes it URL-encoded, as the protocol wants it
                size=file.n_bytes,
                partition_values=_values(partition),
                modification_time=0,
                data_change=True,
                stats=f'{{"numRecords":{file.n_rows}}}',
            )
            for file in added
        ],
        "overwrite",
        table.schema(),
        list(partition.names),
        partition_filters=_filters(partition),
        commit_properties=commit,
    )


def commit_nothing(table: DeltaTable, partition: Partition, commit: CommitProperties) -> None:
    """One commit that carries its transaction only. Raises: whatever deltalake does."""
    table.create_write_transaction(
        [], "append", table.schema(), list(partition.names), commit_properties=commit
    )


def sync_log(root: Path, *, since: int) -> None:
    """deltalake syncs nothing: without this a power cut could take back, or tear, what was committed.

    Raises: OSError.
    """
    log = root / DELTA_LOG
    for name in os.listdir(log):
        version = name[:20]
        if name == "_last_checkpoint" or (version.isdigit() and int(version) >= since):
            try:
                _fsync(log / name)
            except FileNotFoundError:  # a temporary name, or a log that was cleaned up
                continue
    fsync_directory(log)
    fsync_directory(root)


def unwritable(where: Path, doing: str, error: Exception) -> OutputError:
    """What deltalake's refusal means; a full disk it tells in its text only."""
    text = first_line(error)
    if os.strerror(errno.ENOSPC) in str(error) or os.strerror(errno.EDQUOT) in str(error):
        return DiskFull(
            "no space left on the device",
            where=str(where),
            fix="free some space, then repeat the command: what was there before is untouched",
        )
    return OutputUnwritable(
        f"cannot {doing}: {text}",
        where=str(where),
        fix="check the owner, the permissions and the mount; what was there before is untouched",
    )


def first_line(error: Exception) -> str:
    """deltalake appends a native backtrace."""
    return str(error).split("\n", 1)[0]


def table_schema(root: Path, columns: Sequence[tuple[str, str]], keys: Sequence[PartitionKey]) -> Schema:
    from deltalake import Schema

    found = [pa.field(key.name, _KEY_TYPES[key.type]) for key in keys]
    for name, kind in reversed(columns):
        try:
            found.insert(0, pa.field(name, _held(parse_arrow_type(kind))))
            Schema.from_arrow(pa.schema(found[:1]))
        except Exception as error:
            raise OutputUnwritable(
                f'a Delta table cannot hold column "{name}": it is {kind}',
                where=str(root),
                fix="leave it out of output.keep_columns, or give it another type; or use format: parquet",
            ) from error
    return Schema.from_arrow(pa.schema(found))


def _held(arrow: pa.DataType) -> pa.DataType:
    """deltalake takes unsigned numbers for signed ones, whose readers then overflow; nanoseconds are beyond
    the format. Raises: ValueError.
    """
    if pa.types.is_unsigned_integer(arrow):
        raise ValueError("unsigned")
    if pa.types.is_timestamp(arrow):
        if arrow.unit == "ns":
            raise ValueError("nanoseconds")
        return pa.timestamp("us", tz="UTC" if arrow.tz else None)
    return arrow


def _refuse_other_files(root: Path) -> None:
    """A table that begins among plain Parquet would hide it from some readers, and mix it in for others."""
    if (
        root.is_dir()
        and (entries := sorted(set(os.listdir(root)) - {DELTA_LOG}))
        and open_table(root) is None
    ):
        raise OutputOccupied(
            f'"{entries[0]}" lies where a Delta table would begin',
            where=str(root),
            fix="give the job an output.path of its own, or move what lies there away",
        )


def _values(partition: Partition) -> dict[str, str | None]:
    return {name: str(value) for name, value in zip(partition.names, partition.values, strict=True)}


def _filters(partition: Partition) -> list[tuple[str, str, str]]:
    return [(name, "=", str(value)) for name, value in zip(partition.names, partition.values, strict=True)]


def _fsync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
