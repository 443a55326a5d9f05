"""The sections of a job file, one model each. Attributes are named as the keys are; see docs/job.md."""

from __future__ import annotations

import posixpath
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from batch_scorer.config.clusters import ClusterSpec
from batch_scorer.config.fields import (
    Columns,
    Count,
    Cron,
    Duration,
    Endpoint,
    EnvName,
    FileName,
    Flag,
    HostName,
    HttpUrl,
    MailAddress,
    ModelUri,
    Outputs,
    PartitionKeys,
    PathText,
    Port,
    Positive,
    Rate,
    Size,
    StateDb,
    SuiteName,
    Text,
    TextfilePath,
    TimeLimit,
    TimeZone,
    Tolerance,
    Where,
    Workers,
)
from batch_scorer.config.mlflow import is_of_mlflow, parse_mlflow_ref
from batch_scorer.config.model_refs import ModelRef, parse_model_ref
from batch_scorer.core.expressions.parser import parse_condition
from batch_scorer.core.expressions.trees import Expression
from batch_scorer.core.models import Method
from batch_scorer.core.notices import Event
from batch_scorer.core.stores import StoreOptions
from batch_scorer.core.validation import OnFail

STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

MB = 10**6
GB = 10**9
DEFAULT_TOLERANCE = 0.5
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class Owner(BaseModel):
    model_config = STRICT

    team: Text | None = None
    email: Text | None = None


class Catchup(BaseModel):
    model_config = STRICT

    max_partitions: Positive | None = Field(None, description="missing partitions taken per run; absent: all")
    order: Literal["newest_first", "oldest_first"] = "newest_first"
    give_up_after: Positive | None = Field(None, description="tries, after which a partition is left alone")


class Schedule(BaseModel):
    model_config = STRICT

    timezone: TimeZone = Field(description='decides what "a day" is')
    cron: Cron | None = Field(None, description="when it runs; `schedule render` uses it")
    expect: Literal["daily"] | None = Field(None, description="a completed day that never arrived is WAIT")
    include_today: Flag = Field(False, description="a day may be scored before it has ended")
    lookback: Duration | None = Field(None, description="how far back stale partitions are due")
    catchup: Catchup = Catchup()


class Ready(BaseModel):
    model_config = STRICT

    marker: FileName | None = Field(None, description="a file that must be in the directory first")
    min_age: Duration | None = Field(None, description="how long no file of the partition has changed")


class Input(BaseModel):
    model_config = STRICT

    path: PathText = Field(description="root of the hive-partitioned Parquet table")
    partition_by: PartitionKeys = Field(description="hive keys and their types, in directory order")
    key: Columns = Field(min_length=1, description="carried to the output; unique in a partition")
    columns: Literal["auto"] = "auto"
    where_source: Where | None = Field(None, alias="where", description="rows for which it is not true drop")
    limit_rows: Positive | None = Field(None, description="read at most so many rows of each partition")
    ready: Ready = Ready()

    @property
    def where(self) -> Expression | None:
        return None if self.where_source is None else parse_condition(self.where_source)


class SuiteUse(BaseModel):
    model_config = STRICT

    suite: SuiteName = Field(description="a file in jobs/suites, without .json")
    on_fail: OnFail = OnFail.BLOCK
    max_quarantined_rate: Rate | None = Field(None, description="more than this share of rows blocks")


class Volume(BaseModel):
    model_config = STRICT

    min_rows: Count = Field(1, description="fewer rows read block the partition")
    against: Duration | None = Field(None, description="compare with the median of so many days before")
    tolerance: Tolerance | None = Field(
        default_factory=lambda data: DEFAULT_TOLERANCE if data["against"] is not None else None,
        description="how far from that median is still good, in either direction",
    )


class Validation(BaseModel):
    model_config = STRICT

    input: tuple[SuiteUse, ...] = Field((), description="checked on the rows read")
    output: tuple[SuiteUse, ...] = Field((), description="checked on predictions before they are visible")
    volume: Volume = Volume()


class ModelUse(BaseModel):
    model_config = STRICT

    uri: ModelUri = Field(description="name@alias, name@version, or mlflow:models:/name@alias")
    method: Method = Field(Method.PREDICT, description="what is called on the estimator")
    output: Outputs = Field(description='columns to publish, each "type = expression"')
    max_error_rows: Count = Field(0, description="rows the model may fail on before the partition fails")
    trust: Literal["pinned", "signed"] = Field(
        "pinned", description="signed: only versions that a key in jobs/keys/ has signed"
    )

    @property
    def name(self) -> str:
        return self._ref.name

    @property
    def alias(self) -> str | None:
        return self._ref.alias

    @property
    def version(self) -> int | None:
        return self._ref.version

    @property
    def _ref(self) -> ModelRef:
        if is_of_mlflow(self.uri):
            asked = parse_mlflow_ref(self.uri)
            version = None if asked.version is None else int(asked.version)
            return ModelRef(name=asked.name, alias=asked.alias, version=version)
        return parse_model_ref(self.uri)


class Output(BaseModel):
    model_config = STRICT

    path: PathText = Field(description="root of the predictions; nothing but finished Parquet is in it")
    state: PathText = Field(
        default_factory=lambda data: state_beside(data["path"]),
        description="ledger, manifests, staging; on the same file system as path, or in an object store",
    )
    state_db: StateDb = Field(
        "sqlite",
        description="the ledger: sqlite, in state; or postgresql+psycopg://user:password@host/database",
        repr=False,  # it may hold a password
    )
    format: Literal["parquet", "delta"] = "parquet"
    keep_columns: Columns = Field((), description="input columns carried to the output, besides the key")
    file_size: Size = Field(128 * MB, description="a file is cut when it gets larger")
    keep_generations: Count = Field(3, description="replaced generations kept for rollback")
    success_marker: Flag = Field(False, description="an empty _SUCCESS per partition")
    overwrite: Literal["refuse", "in_place"] = Field(
        "refuse", description="of published partitions of plain Parquet in an object store"
    )


class Compute(BaseModel):
    model_config = STRICT

    cluster: ClusterSpec = Field(
        "auto", description="auto, inline, local, tcp://host:port, or a Dask cluster class to start"
    )
    workers: Workers = Field(
        None, description="processes; auto: as many as cores; of a class, its workers; not for an address"
    )
    memory_per_worker: Size = 2 * GB
    chunk: Size = Field(64 * MB, description="decoded bytes per unit of parallel work")
    timeout: TimeLimit | None = Field(None, description="of a whole run; absent: no limit")
    retries: Count = Field(3, description="of a chunk, for errors that may pass; for deaths at most 2")
    max_failed_partitions: Count | None = Field(None, description="more stop the run; absent: no limit")
    compiled: Literal["auto", "off", "require"] = Field(
        "auto", description="score known pipelines compiled, to the same bits; require: or refuse to score"
    )


class Storage(BaseModel):
    """Credentials are no part of it: every process finds its own."""

    model_config = STRICT

    allow_http: Flag = Field(False, description="http to another machine, where anybody on the way can read")
    endpoint: Endpoint | None = Field(
        None, description="of an S3-compatible store; absent: AWS_ENDPOINT_URL, else the provider's own"
    )
    region: Text | None = Field(None, description="absent: AWS_REGION")
    timeout: TimeLimit = Field(timedelta(seconds=30), description="of one request, its answer included")
    retry_for: Duration = Field(timedelta(minutes=1), description="how long a failed request is repeated")

    @property
    def options(self) -> StoreOptions:
        return StoreOptions(
            endpoint=self.endpoint,
            region=self.region,
            allow_http=self.allow_http,
            timeout_s=self.timeout.total_seconds(),
            retry_s=self.retry_for.total_seconds(),
        )


class Secret(BaseModel):
    """Read where it is used, never here: a job never holds its value."""

    model_config = STRICT

    secret: EnvName = Field(description="env:NAME of an environment variable")

    @property
    def variable(self) -> str:
        return self.secret.removeprefix("env:")


class Smtp(BaseModel):
    model_config = STRICT

    host: HostName = Field(description="the mail server")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the way there is guarded"
    )
    port: Port = Field(
        default_factory=lambda data: SMTP_PORTS[data["security"]],
        description="absent: 587, with security: tls 465, with none 25",
    )
    sender: MailAddress = Field(alias="from")
    to: tuple[MailAddress, ...] = Field(min_length=1)
    user: Secret | None = None
    password: Secret | None = None


class NotifyTarget(BaseModel):
    model_config = STRICT

    webhook: Secret | None = Field(None, description="a URL that takes JSON by POST")
    smtp: Smtp | None = Field(None, description="a mail server")
    healthcheck: Secret | None = Field(None, description="a URL to ping, as healthchecks.io has them")


class Notify(BaseModel):
    model_config = STRICT

    on: tuple[Event, ...] = Field(min_length=1)
    to: NotifyTarget = Field(description="one of them")


class OpenLineage(BaseModel):
    model_config = STRICT

    url: HttpUrl | None = Field(None, description="of the server, without api/v1/lineage")
    api_key: Secret | None = Field(None, description="sent as a bearer token")
    file: PathText | None = Field(None, description="events are appended to it; instead of url")
    namespace: Text = Field("batch-scorer", description="of the job; tables have that of their file system")


class Emit(BaseModel):
    model_config = STRICT

    prometheus_textfile: TextfilePath | None = Field(
        None, description="metrics for node_exporter's textfile collector, NAME.prom"
    )
    openlineage: OpenLineage | None = Field(None, description="lineage events")


def state_beside(predictions: str) -> str:
    """Where state is unless said otherwise: `data/predictions/taxi_tips` → `data/state`."""
    table_root = posixpath.dirname(predictions.rstrip("/"))
    return posixpath.join(posixpath.dirname(table_root), "state")
