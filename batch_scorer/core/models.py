"""Model versions and signatures as every room sees them: names, hashes and types, no estimator."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from batch_scorer.core.stores import NO_OPTIONS, StoreOptions


class ModelFormat(StrEnum):
    SKOPS = "skops"
    JOBLIB = "joblib"


class Method(StrEnum):
    """What is called on the estimator. Its result has the name that `model.output` uses for it."""

    PREDICT = "predict"
    PREDICT_PROBA = "predict_proba"
    DECISION_FUNCTION = "decision_function"
    SCORE_SAMPLES = "score_samples"
    TRANSFORM = "transform"

    @property
    def result_name(self) -> str:
        return _RESULT_NAMES[self]


_RESULT_NAMES = {
    Method.PREDICT: "prediction",
    Method.PREDICT_PROBA: "proba",
    Method.DECISION_FUNCTION: "decision",
    Method.SCORE_SAMPLES: "score",
    Method.TRANSFORM: "transformed",
}


class Compiled(StrEnum):
    """Is a known pipeline scored by a compiled one? auto: where it is proven to give the same bits."""

    AUTO = "auto"
    OFF = "off"
    REQUIRE = "require"


class Takes(StrEnum):
    """What the estimator's methods are handed: what they were handed at training.

    frame: a DataFrame · array: its values, for an estimator fitted without column names · series: its one
    column, for a pipeline that begins with a text vectorizer.
    """

    FRAME = "frame"
    ARRAY = "array"
    SERIES = "series"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """One input column of an estimator.

    type: the Arrow type that scoring reads, as text: float64 float32 float16 int64 int32 int16 int8 uint8
    uint16 uint32 uint64 bool string date32, timestamp[us] or timestamp[us, UTC] (any unit and zone),
    decimal128(10, 2). What a file's type must be for it: core/conversions.py.
    nullable: nulls are accepted (in a float64 column they become NaN).
    pandas_dtype: the dtype the estimator saw at training: float64, int64, object, str, category, bool,
    boolean, Int64, datetime64[us], double[pyarrow] … · missing: what stood for a missing value there: nan,
    none, NA, NaT.
    categories: of a pandas category column, in order. ordered: whether that order means something.
    categories_dtype: of these categories, as pandas_dtype; empty in older manifests: what pandas infers.
    """

    name: str
    type: str
    nullable: bool
    pandas_dtype: str
    missing: str = "nan"
    categories: tuple[str | int | float | bool, ...] | None = None
    ordered: bool = False
    categories_dtype: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The estimator's own input columns in training order, and what it gives.

    outputs: per method the shape of one row's result: () for a number or label, (n,) for n columns.
    classes: of a classifier, in the column order of predict_proba, as text. positive_class: the one that a
    score speaks of, of two; None where nobody said so.
    output_classes: of a classifier with several outputs, per output; its predict_proba is one block of
    columns after the other.
    labels: per method the names of its result's columns, where they have names (classes, feature names out).
    """

    columns: tuple[ColumnSpec, ...]
    outputs: Mapping[Method, tuple[int, ...]]
    classes: tuple[str, ...] | None = None
    positive_class: str | None = None
    output_classes: tuple[tuple[str, ...], ...] | None = None
    labels: Mapping[Method, tuple[str, ...]] = field(default_factory=dict)
    takes: Takes = Takes.FRAME

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
class Tolerance:
    """How far a golden row may be from what it was: |got - expected| <= atol + rtol * |expected|.

    Both 0: the same bits. Text, classes and nulls are the same or they differ.
    """

    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.rtol < 1 and 0 <= self.atol < float("inf")):
            raise ValueError(f"a tolerance is not negative, rtol is below 1: {self}")


EXACT = Tolerance()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOrigin:
    """The model version elsewhere that a version was imported from.

    uri: `models:/name/3`, never an alias. tracking_uri: without credentials. run_id: of its training.
    """

    tracking_uri: str
    uri: str
    name: str
    version: str
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """The immutable record of one model version; `manifest.json` in its directory.

    files: sha256 per file name in the version's directory (artefact, golden rows, baseline), without the
    manifest. environment: package name to version, with `python`. metrics: what its author measured.
    author: who trained it · owner: who answers for it · purpose: what it is for, and not for ·
    git_commit: of the training code, with `-dirty` where it had changes.
    tolerance: of the golden rows. origin: where it was imported from.
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
    metrics: Mapping[str, float] = field(default_factory=dict)
    author: str = ""
    owner: str = ""
    purpose: str = ""
    git_commit: str | None = None
    notes: str = ""
    tolerance: Tolerance = EXACT
    origin: ModelOrigin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPin:
    """One model version, fixed before planning: what a worker needs to load exactly these bytes.

    directory: of the version, absolute or a URI. alias: what the job named, None for an explicit version.
    trained_on: of the training table's columns of dates and times; empty when that is not known.
    signed_by: fingerprint of the trusted key whose signature was checked, where the job asks for one.
    origin: where the version was imported from. stores: how to reach a directory in an object store.
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
    signed_by: str | None = None
    origin: ModelOrigin | None = None
    stores: StoreOptions = NO_OPTIONS

    @property
    def reference(self) -> str:
        """`taxi_tips@7`."""
        return f"{self.name}@{self.version}"

    @property
    def label(self) -> str:
        """`taxi_tips@champion = v7 (a91c…)`; of MLflow, with `from mlflow:models:/taxi_tips/3`."""
        named = f"{self.name}@{self.alias} = " if self.alias else f"{self.name} "
        origin = f" from mlflow:{self.origin.uri}" if self.origin else ""
        return f"{named}v{self.version} ({self.sha256[:4]}…){origin}"
