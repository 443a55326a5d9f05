"""The ledger's tables. The same text serves SQLite and PostgreSQL; docs/format.md explains the columns.

Times are ISO 8601 text in UTC with microseconds, so they sort as text. A change here needs a step in
migrations.py.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcTime(TypeDecorator[dt.datetime]):
    """An aware datetime, as `2024-04-01T04:30:12.000000Z`."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy hands it in)
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else dt.datetime.fromisoformat(value)


_JSON = JSON(none_as_null=True)
_BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by INTEGER keys only


def _ingredients(*, nullable: bool) -> tuple[Column[Any], ...]:
    return (
        Column("stamps", String, nullable=nullable),
        Column("model_name", String, nullable=nullable),
        Column("model_version", Integer, nullable=nullable),
        Column("model_sha256", String, nullable=nullable),
        Column("suite_fingerprint", String, nullable=nullable),
        Column("config_fingerprint", String, nullable=nullable),
    )


def _rows(*, nullable: bool) -> tuple[Column[Any], ...]:
    names = ("n_read", "n_scored", "n_quarantined", "n_dropped")
    return tuple(Column(name, BigInteger, nullable=nullable) for name in names)


metadata = MetaData()

ledger_info = Table(
    "ledger_info",
    metadata,
    Column("schema_version", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# A run that ended with another exit code than 0, or never; most do not. An index holds these few only, and is
# used where a query says the same in the same words.
UNSUCCESSFUL = "exit_code <> 0 OR state = 'died'"

runs = Table(
    "runs",
    metadata,
    Column("id", _BIG, primary_key=True),  # in the order they started: no clock decides what is last
    Column("run_id", String, nullable=False, unique=True),
    Column("job", String, nullable=False),
    Column("state", String, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("exit_code", Integer),
    Column("model", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("command", _JSON, nullable=False),
    Column("host", String, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("user", String, nullable=False),
    Column("code_version", String, nullable=False),
    Column("target", String),
    Column("reason", String),
    Column("n_published", Integer, nullable=False),
    Column("n_blocked", Integer, nullable=False),
    Column("n_failed", Integer, nullable=False),
    Column("config", _JSON, nullable=False),
    Column("cost", _JSON, nullable=False),
    Column("error", _JSON),
    Column("guarantee", String),
    Column("parent_run_id", String),  # no foreign key: a rebuilt ledger lacks runs
    Column("suite_fingerprint", String),
    Column("planned", _JSON),
    Column("choice", _JSON),
    Index("runs_of_job", "job", "id"),
    Index("runs_of_parent", "parent_run_id"),
    Index("runs_in_state", "state"),
    Index("runs_unsuccessful", "id", sqlite_where=text(UNSUCCESSFUL), postgresql_where=text(UNSUCCESSFUL)),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
    Column("job", String, nullable=False),
    Column("partition_path", String, nullable=False),
    Column("partition_label", String, nullable=False),
    Column("partition_values", _JSON),
    Column("after_generation", Integer, nullable=False),  # the current one then; 0: none
    Column("state", String, nullable=False),
    *_ingredients(nullable=True),
    Column("reasons", _JSON, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    *_rows(nullable=True),
    Column("generation", Integer),
    Column("headline", String, nullable=False),
    Column("error", _JSON),
    Column("verdicts", _JSON, nullable=False),
    Column("warnings", _JSON, nullable=False),
    Column("cost", _JSON, nullable=False),
    Index("attempts_of_run", "run_id"),
    Index("attempts_of_partition", "job", "partition_path", "after_generation"),
    Index("attempts_in_state", "job", "state"),  # most are published, and nobody looks for those
)

generations = Table(
    "generations",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("job", String, nullable=False),
    Column("partition_path", String, nullable=False),
    Column("partition_values", _JSON, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
    Column("state", String, nullable=False),
    *_ingredients(nullable=False),
    *_rows(nullable=False),
    Column("input_fingerprint", String, nullable=False),  # of the content, as in its manifest
    Column("output_names", _JSON, nullable=False),
    Column("manifest_sha256", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("published_at", UtcTime),
    Column("restores", Integer),  # the generation whose files it shows again, when it is a rollback
    Column("pin", _JSON),
    UniqueConstraint("job", "partition_path", "number"),
    Index("generations_in_state", "job", "state", "partition_path", "number"),
)

currents = Table(
    "currents",
    metadata,
    Column("job", String, primary_key=True),
    Column("partition_path", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("generation_id", _BIG, ForeignKey("generations.id"), nullable=False),
    Column("day", String, nullable=False),  # of its one date key; "" without one
    Index("currents_by_day", "job", "day", "partition_path"),
)

generation_inputs = Table(
    "generation_inputs",
    metadata,
    Column("generation_id", _BIG, ForeignKey("generations.id"), primary_key=True),
    Column("path", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("ctime_ns", BigInteger, nullable=False),
    Column("inode", String, nullable=False),  # unsigned 64 bit: more than either database's integers hold
    Column("etag", String),
    Column("sha256", String),
)

holders = Table(
    "holders",
    metadata,
    Column("token", String, primary_key=True),
    Column("job", String, nullable=False),
    Column("verb", String, nullable=False),
    Column("run_id", String),
    Column("host", String, nullable=False),
    Column("boot", String, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", String, nullable=False),
    Column("user", String, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("cancelled_by", String),
    Index("holders_of_job", "job"),
)

leases = Table(
    "leases",
    metadata,
    Column("job", String, primary_key=True),
    Column("partition_path", String, primary_key=True),
    Column("partition_values", _JSON, nullable=False),
    Column("token", String, nullable=False),  # of the holder, who may be gone: then anybody may take it
    Column("taken_at", UtcTime, nullable=False),
    Index("leases_of_holder", "token"),
)

openings = Table(
    "openings",
    metadata,
    Column("job", String, primary_key=True),
    Column("partition_path", String, primary_key=True),
    Column("partition_values", _JSON, nullable=False),
    Column("number", Integer, nullable=False),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),
    Column("key", String, nullable=False),
    Column("staging", String, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("previous_sha256", String),
    Column("renamed_from", String),
)

waivers = Table(
    "waivers",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("job", String, nullable=False),
    Column("partition_path", String, nullable=False),
    Column("partition_values", _JSON, nullable=False),
    Column("input_fingerprint", String, nullable=False),
    Column("stamps", String, nullable=False),
    Column("after_generation", Integer, nullable=False),  # the current one then; 0: none
    Column("rules", _JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("why", String, nullable=False),
    Index("waivers_of_partition", "job", "partition_path"),
)

output_columns = Table(
    "output_columns",
    metadata,
    Column("job", String, primary_key=True),
    Column("columns", _JSON, nullable=False),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False),  # since when
)
