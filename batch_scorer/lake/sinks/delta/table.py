"""A Delta table, as far as DeltaSink needs one: its columns, its active files, one commit.

deltalake is imported inside of functions: it is an extra, and its threads do not survive a fork.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from batch_scorer.core.errors import (
    OutputOccupied,
    OutputSchemaChanged,
    OutputUnwritable,
)
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.arrow_types import parse_arrow_type
from batch_scorer.lake.sinks.delta.places import DeltaPlace, TableAddress

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable, Field, Schema

_KEY_TYPES = {KeyType.DATE: pa.date32(), KeyType.INT: pa.int64(), KeyType.STRING: pa.string()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A file that a commit makes visible. path: below the table, as it is on disk."""

    path: str
    n_bytes: int
    n_rows: int


def open_table(address: TableAddress) -> DeltaTable | None:
    """The table as it is now; None when there is none. Raises: DamageFound, StoreUnavailable."""
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(address.url, storage_options=_options(address))
    except TableNotFoundError:
        return None
    except Exception as error:
        raise address.unreadable(error) from error


def open_or_create(
    place: DeltaPlace, columns: Sequence[tuple[str, str]], keys: Sequence[PartitionKey]
) -> DeltaTable:
    """Raises: OutputOccupied, OutputSchemaChanged, OutputUnwritable, DiskFull, DamageFound, StoreUnavailable.

    columns, keys: of the table, should it not be there yet.
    """
    address, names = place.address, [key.name for key in keys]
    table = open_table(address)
    if table is None:
        _refuse_other_files(place)
        _create(address, table_schema(address.url, columns, keys), names)
        place.sync_log(0)
        table = open_table(address)
    if table is None or table.metadata().partition_columns != names:
        raise OutputSchemaChanged(
            f"the Delta table is not partitioned by {', '.join(names)}",
            where=address.url,
            fix="give the job an output.path of its own",
        )
    return table


def missing_columns(table: DeltaTable, where: str, columns: Sequence[tuple[str, str]]) -> list[Field]:
    """Those that the table lacks. Raises: OutputSchemaChanged, when it has one with another type."""
    has = {field.name: field.type for field in table.schema().fields}
    wanted = table_schema(where, columns, ()).fields
    for field in wanted:
        if field.name in has and has[field.name] != field.type:
            raise OutputSchemaChanged(
                f'column "{field.name}" is {has[field.name]} in the Delta table, and would be {field.type}',
                where=where,
                fix="give the new column another name, or the job an output.path of its own",
            )
    return [field for field in wanted if field.name not in has]


def active_names(table: DeltaTable, partition: Partition) -> frozenset[str]:
    """Names of a partition's files; of one that lies outside its directory, the whole path."""
    found = table.file_uris(file_pruning_predicate=_filters(partition))
    home = unquote(f"/{partition.path}")  # of a store deltalake tells URLs, with some characters escaped
    return frozenset(
        name if unquote(directory).endswith(home) else f"{directory}/{name}"
        for directory, _, name in (path.rpartition("/") for path in found)
    )


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


def table_schema(where: str, columns: Sequence[tuple[str, str]], keys: Sequence[PartitionKey]) -> Schema:
    from deltalake import Schema

    found = [pa.field(key.name, _KEY_TYPES[key.type]) for key in keys]
    for name, kind in reversed(columns):
        try:
            found.insert(0, pa.field(name, _held(parse_arrow_type(kind))))
            Schema.from_arrow(pa.schema(found[:1]))
        except Exception as error:
            raise OutputUnwritable(
                f'a Delta table cannot hold column "{name}": it is {kind}',
                where=where,
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


def _create(address: TableAddress, schema: Schema, names: list[str]) -> None:
    from deltalake import DeltaTable

    try:
        DeltaTable.create(
            address.url,
            schema,
            partition_by=names,
            mode="error",
            configuration=dict(address.configuration),
            storage_options=_options(address),
        )
    except Exception as error:
        if open_table(address) is None:  # else somebody else was faster, or we were and the answer got lost
            raise address.unwritable("create the Delta table", error) from error


def _options(address: TableAddress) -> dict[str, str] | None:
    return None if address.options is None else dict(address.options)


def _refuse_other_files(place: DeltaPlace) -> None:
    """A table that begins among plain Parquet would hide it from some readers, and mix it in for others."""
    if (others := place.others()) and open_table(place.address) is None:
        raise OutputOccupied(
            f'"{others[0]}" lies where a Delta table would begin',
            where=place.address.url,
            fix="give the job an output.path of its own, or move what lies there away",
        )


def _values(partition: Partition) -> dict[str, str | None]:
    return {name: str(value) for name, value in zip(partition.names, partition.values, strict=True)}


def _filters(partition: Partition) -> list[tuple[str, str, str]]:
    return [(name, "=", str(value)) for name, value in zip(partition.names, partition.values, strict=True)]
