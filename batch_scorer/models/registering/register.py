"""Registering a model: look into it, ask it, remember its answers, store it whole.

What is stored is what was given: a skops file stays that file, a joblib file stays that file.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import skops.io

from batch_scorer.core.errors import ModelRefused, SignatureInvalid, UsageError
from batch_scorer.core.models import ModelFormat, ModelManifest, Signature, TrainingReference
from batch_scorer.models.estimators import describe, feature_names, use_one_thread
from batch_scorer.models.registering.probing import imagined_rows, probe
from batch_scorer.models.registering.time_spans import spans_of, spans_of_frame, time_columns
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import GOLDEN_INPUT_FILE, GOLDEN_OUTPUT_FILE
from batch_scorer.models.registry.names import require_name
from batch_scorer.models.scoring.compatibility import current_environment
from batch_scorer.models.scoring.golden import golden_outputs, table_bytes
from batch_scorer.models.scoring.loader import open_version
from batch_scorer.models.signature.columns import (
    GUESSED,
    columns_from_frame,
    guessed_columns,
    require_columns,
)
from batch_scorer.models.trust.allow_list import refused_types
from batch_scorer.models.trust.artefacts import load_artefact
from batch_scorer.models.trust.signing import configured_key, sign_version

_FORMATS = {
    ".skops": ModelFormat.SKOPS,
    ".joblib": ModelFormat.JOBLIB,
    ".pkl": ModelFormat.JOBLIB,
    ".pickle": ModelFormat.JOBLIB,
}


def register(
    estimator: object,
    *,
    registry: FileRegistry,
    name: str,
    reference: pd.DataFrame | None,
    who: str,
    allow_pickle: bool = False,
    no_golden_rows: bool = False,
    notes: str = "",
) -> ModelManifest:
    """Register a fitted estimator from Python as the next version of `name`.

    reference: the table it was trained on; its dtypes become the signature's, labels and keys may be in it.
    The estimator is saved with skops; with joblib only if that cannot be and allow_pickle says so.
    Raises: as register_file.
    """
    require_name(name)
    _require_reference(reference is not None, no_golden_rows)
    data, model_format = _saved(estimator, allow_pickle=allow_pickle)
    training = None
    if reference is not None:
        training = _Training(frame=reference, record=_record_of(reference))
    return _add(
        _Submission(data=data, format=model_format, label=name, training=training),
        registry=registry,
        name=name,
        who=who,
        allow_pickle=allow_pickle,
        notes=notes,
    )


def register_file(
    path: Path,
    *,
    registry: FileRegistry,
    name: str,
    reference_path: Path | None,
    who: str,
    allow_pickle: bool = False,
    no_golden_rows: bool = False,
    notes: str = "",
) -> ModelManifest:
    """Register a saved estimator as the next version of `name`.

    path: .skops, or .joblib and .pkl with allow_pickle. reference_path: the Parquet file it was trained on;
    without it, no_golden_rows must say that this is meant.
    Returns: the manifest as stored.
    Raises: UsageError, ModelRefused, ModelUnloadable, SignatureInvalid, GoldenRowsDiffer, LockHeld, DiskFull,
    OutputUnwritable; in each case nothing was registered.
    """
    require_name(name)
    _require_reference(reference_path is not None, no_golden_rows)
    model_format = _FORMATS.get(path.suffix.lower())
    if model_format is None:
        raise UsageError(
            f"{path.name} is no model file that can be registered",
            where=str(path),
            fix=f"save the estimator with skops.io.dump; known endings: {', '.join(_FORMATS)}",
        )
    submission = _Submission(
        data=_read(path),
        format=model_format,
        label=path.name,
        training=reference_path,
    )
    return _add(submission, registry=registry, name=name, who=who, allow_pickle=allow_pickle, notes=notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Training:
    frame: pd.DataFrame
    record: TrainingReference


@dataclass(frozen=True, slots=True, kw_only=True)
class _Submission:
    """training: a Path is read once the estimator has said which columns it needs."""

    data: bytes
    format: ModelFormat
    label: str
    training: _Training | Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    signature: Signature
    golden: dict[str, bytes]
    n_golden_rows: int
    record: TrainingReference | None
    remarks: tuple[str, ...]


def _add(
    submission: _Submission,
    *,
    registry: FileRegistry,
    name: str,
    who: str,
    allow_pickle: bool,
    notes: str,
) -> ModelManifest:
    key = configured_key()  # before anything is stored: a key that cannot be used stops it here
    estimator = load_artefact(
        submission.data, submission.format, allow_pickle=allow_pickle, label=submission.label
    ).estimator
    use_one_thread(estimator)
    found = _examine(estimator, submission.training)
    artefact = f"model.{submission.format.value}"
    files = {artefact: submission.data, **found.golden}
    draft = ModelManifest(
        name=name,
        version=0,  # decided under the registry's lock, like registered_at
        format=submission.format,
        artefact=artefact,
        files={file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
        signature=found.signature,
        environment=current_environment(),
        registered_at="",
        registered_by=who,
        allow_pickle=submission.format is ModelFormat.JOBLIB,
        n_golden_rows=found.n_golden_rows,
        reference=found.record,
        estimator=describe(estimator),
        notes="; ".join(filter(None, [notes, *found.remarks])),
    )
    open_version(draft, files.__getitem__)  # as a worker will: it must load and repeat its golden rows
    manifest = registry.add_version(draft, files, why=notes)
    if key is not None:
        sign_version(registry, name, manifest.version, key, who=who)
    return manifest


def _examine(estimator: Any, training: _Training | Path | None) -> _Findings:
    if training is None:
        columns = guessed_columns(estimator)
        probed = probe(estimator, columns, imagined_rows(estimator, columns))
        signature = Signature(
            columns=columns, outputs=probed.signature.outputs, classes=probed.signature.classes
        )
        return _Findings(signature=signature, golden={}, n_golden_rows=0, record=None, remarks=(GUESSED,))
    known = _read_reference(training, feature_names(estimator)) if isinstance(training, Path) else training
    if known.frame.empty:
        raise SignatureInvalid("the training reference has no rows", where=known.record.path)
    columns = columns_from_frame(estimator, known.frame, where=known.record.path)
    probed = probe(estimator, columns, known.frame)
    outputs = golden_outputs(estimator, probed.rows, probed.signature)
    left_out = f"{probed.n_refused} reference rows are no golden rows: {probed.reason}"
    return _Findings(
        signature=probed.signature,
        golden={GOLDEN_INPUT_FILE: table_bytes(probed.rows), GOLDEN_OUTPUT_FILE: table_bytes(outputs)},
        n_golden_rows=probed.rows.num_rows,
        record=known.record,
        remarks=(left_out,) if probed.n_refused else (),
    )


def _read_reference(path: Path, names: tuple[str, ...]) -> _Training:
    """Only the estimator's columns are read; pandas' view of them is what training had."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        with pq.ParquetFile(path) as source:
            columns = tuple(source.schema_arrow.names)
            require_columns(names, columns, where=str(path))
            n_rows = source.metadata.num_rows
            frame = source.read(list(names)).to_pandas()
            spans = spans_of(source.read(time_columns(source.schema_arrow)))
    except (OSError, pa.ArrowInvalid) as error:
        raise UsageError(
            f"the training reference cannot be read as one Parquet file: {error}",
            where=str(path),
            fix="give the table the model was trained on: frame.to_parquet(path)",
        ) from None
    record = TrainingReference(path=str(path), sha256=sha256, n_rows=n_rows, columns=columns, spans=spans)
    return _Training(frame=frame, record=record)


def _record_of(frame: pd.DataFrame) -> TrainingReference:
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return TrainingReference(
        path="(a DataFrame in memory)",
        sha256=hashlib.sha256(hashes.tobytes()).hexdigest(),
        n_rows=len(frame),
        columns=tuple(str(column) for column in frame.columns),
        spans=spans_of_frame(frame),
    )


def _saved(estimator: object, *, allow_pickle: bool) -> tuple[bytes, ModelFormat]:
    try:
        data = skops.io.dumps(estimator)
        refused = ", ".join(refused_types(data))
    except Exception as error:
        data, refused = b"", f"{type(error).__name__}: {error}"
    if not refused:
        return data, ModelFormat.SKOPS
    if not allow_pickle:
        raise ModelRefused(
            f"{type(estimator).__name__} cannot be saved as a file that is safe to load: {refused}",
            fix="build it from scikit-learn's own parts and NumPy ufuncs, or say allow_pickle=True",
        )
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    return buffer.getvalue(), ModelFormat.JOBLIB


def _require_reference(given: bool, no_golden_rows: bool) -> None:
    if given and no_golden_rows:
        raise UsageError(
            "a training reference and --no-golden-rows contradict each other",
            fix="leave one of them out",
        )
    if not given and not no_golden_rows:
        raise UsageError(
            "a model is registered together with the table it was trained on",
            fix="add --reference TRAIN.parquet; or --no-golden-rows, which every later run will mention",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the model file cannot be read: {error.strerror}",
            where=str(path),
            fix="name the file that holds the estimator",
        ) from None
