"""Model versions and signatures as every room sees them: names, hashes and types, no estimator."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ModelFormat(StrEnum):
    SKOPS = "skops"
    JOBLIB = "joblib"


class Method(StrEnum):
    """What is called on the estimator. Its result has the name that `model.output` uses for it."""

    PREDICT = "predict"
    PREDICT_PROBA = "predict_proba"
    DECISION_FUNCTION = "decision_function"

    @property
    def result_name(self) -> str:
        return {"predict": "prediction", "predict_proba": "proba", "decision_function": "decision"}[
            self.value
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """One input column of an estimator.

    type: the Arrow type that scoring reads, as text: float64 float32 int64 int32 int16 int8 uint8 uint16
    uint32 uint64 bool string date32, timestamp[us] or timestamp[us, UTC] (any unit and zone).
    nullable: nulls are accepted (in a float64 column they become NaN).
    pandas_dtype: the dtype the estimator saw at training: float64, int64, object, str, category, bool,
    boolean, Int64, datetime64[us] … · missing: what stood for a missing value there: nan, none, NA, NaT.
    categories: of a pandas category column, in order.
    """

    name: str
    type: str
    nullable: bool
    pandas_dtype: str
    missing: str = "nan"
    categories: tuple[str | int | float | bool, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The estimator's own input columns in training order, and what it gives.

    outputs: per method the shape of one row's result: () for a number or label, (n,) for n columns.
    classes: of a classifier, in the column order of predict_proba, as text.
    """

    columns: tuple[ColumnSpec, ...]
    outputs: Mapping[Method, tuple[int, ...]]
    classes: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """What a column of dates or times reaches over. first and last: both included; without a time zone
    where the column has none.
    """

    column: str
    first: dt.date | dt.datetime
    last: dt.date | dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReference:
    """The table a model was trained on. path as given at registration; sha256 of the file's bytes.

    spans: of its columns of dates and times; None: registered before that was recorded.
    """

    path: str
    sha256: str
    n_rows: int
    columns: tuple[str, ...]
    spans: tuple[TimeSpan, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """The immutable record of one model version; `manifest.json` in its directory.

    files: sha256 per file name in the version's directory (artefact, golden rows), without the manifest.
    environment: package name to version, with `python`.
    """

    name: str
    version: int
    format: ModelFormat
    artefact: str
    files: Mapping[str, str]
    signature: Signature
    environment: Mapping[str, str]
    registered_at: str
    registered_by: str
    allow_pickle: bool = False
    n_golden_rows: int = 0
    reference: TrainingReference | None = None
    estimator: str = ""
    notes: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPin:
    """One model version, fixed before planning: what a worker needs to load exactly these bytes.

    directory: of the version, absolute or a URI. alias: what the job named, None for an explicit version.
    trained_on: of the training table's columns of dates and times; empty when that is not known.
    """

    name: str
    version: int
    alias: str | None
    directory: str
    artefact: str
    format: ModelFormat
    sha256: str  # of the artefact
    manifest_sha256: str
    signature: Signature
    files: Mapping[str, str]
    n_golden_rows: int
    trained_on: tuple[TimeSpan, ...] = ()

    @property
    def reference(self) -> str:
        """`taxi_tips@7`."""
        return f"{self.name}@{self.version}"

    @property
    def label(self) -> str:
        """`taxi_tips@champion = v7 (a91c…)`."""
        named = f"{self.name}@{self.alias} = " if self.alias else f"{self.name} "
        return f"{named}v{self.version} ({self.sha256[:4]}…)"
