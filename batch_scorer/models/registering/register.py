"""Registering a model: look into it, ask it, remember its answers, store it whole.

What is stored is what was given: a skops file stays that file, a joblib file stays that file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import ThreadpoolController

from batch_scorer.core.baselines.documents import encode_baseline
from batch_scorer.core.errors import UsageError
from batch_scorer.core.models import ModelFormat, ModelManifest, Signature, TrainingReference
from batch_scorer.models.estimators import describe, use_one_thread
from batch_scorer.models.registering.about import NOTHING_SAID, About
from batch_scorer.models.registering.baseline import training_baseline
from batch_scorer.models.registering.inputs import inputs_of
from batch_scorer.models.registering.naming import require_positive_class
from batch_scorer.models.registering.probing import imagined_rows, probe
from batch_scorer.models.registering.reference import Training, TrainingFiles, TrainingFrame
from batch_scorer.models.registering.repeating import repeated_outputs, require_rows_alone
from batch_scorer.models.registering.saving import saved
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import BASELINE_FILE, GOLDEN_INPUT_FILE, GOLDEN_OUTPUT_FILE
from batch_scorer.models.registry.names import require_name
from batch_scorer.models.scoring.compatibility import current_environment
from batch_scorer.models.scoring.golden import table_bytes
from batch_scorer.models.scoring.loader import open_version
from batch_scorer.models.signature.columns import GUESSED, columns_from_frame, guessed_columns
from batch_scorer.models.trust.artefacts import load_artefact
from batch_scorer.models.trust.signing import configured_key, sign_version

_FORMATS = {
    ".skops": ModelFormat.SKOPS,
    ".joblib": ModelFormat.JOBLIB,
    ".pkl": ModelFormat.JOBLIB,
    ".pickle": ModelFormat.JOBLIB,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A saved estimator and its training table, None for no golden rows. label: for messages.

    review: what else is known of its signature, said of what was found out: remarks, or SignatureInvalid.
    """

    data: bytes
    format: ModelFormat
    label: str
    training: Training | None
    review: Callable[[Signature], tuple[str, ...]] = lambda _found: ()


def register(
    estimator: object,
    *,
    registry: FileRegistry,
    name: str,
    reference: pd.DataFrame | Path | None,
    who: str,
    allow_pickle: bool = False,
    no_golden_rows: bool = False,
    about: About = NOTHING_SAID,
) -> ModelManifest:
    """Register a fitted estimator from Python as the next version of `name`.

    reference: the table it was trained on; its dtypes become the signature's, labels and keys may be in it.
    The estimator is saved with skops; with joblib only if that cannot be and allow_pickle says so.
    Raises: as submit.
    """
    require_name(name)
    _require_reference(reference is not None, no_golden_rows)
    training = TrainingFrame(reference) if isinstance(reference, pd.DataFrame) else _files(reference)
    data, model_format = saved(estimator, allow_pickle=allow_pickle)
    submission = Submission(data=data, format=model_format, label=name, training=training)
    return submit(submission, registry=registry, name=name, who=who, allow_pickle=allow_pickle, about=about)


def register_file(
    path: Path,
    *,
    registry: FileRegistry,
    name: str,
    reference_path: Path | None,
    who: str,
    allow_pickle: bool = False,
    no_golden_rows: bool = False,
    about: About = NOTHING_SAID,
) -> ModelManifest:
    """Register a saved estimator as the next version of `name`.

    path: .skops, or .joblib and .pkl with allow_pickle. reference_path: the Parquet file it was trained on,
    or a directory of them; without it, no_golden_rows must say that this is meant.
    Raises: as submit; UsageError.
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
    submission = Submission(
        data=_read(path), format=model_format, label=path.name, training=_files(reference_path)
    )
    return submit(submission, registry=registry, name=name, who=who, allow_pickle=allow_pickle, about=about)


def submit(
    submission: Submission,
    *,
    registry: FileRegistry,
    name: str,
    who: str,
    allow_pickle: bool,
    about: About,
) -> ModelManifest:
    """Examine a saved estimator and store it as the next version of `name`.

    Returns: the manifest as stored.
    Raises: UsageError, ModelRefused, ModelUnloadable, SignatureInvalid, GoldenRowsDiffer, LockHeld, DiskFull,
    OutputUnwritable; in each case nothing was registered.
    """
    key = configured_key()  # before anything is stored: a key that cannot be used stops it here
    estimator = load_artefact(
        submission.data, submission.format, allow_pickle=allow_pickle, label=submission.label
    ).estimator
    use_one_thread(estimator)
    with ThreadpoolController().limit(limits=1):  # as workers score: more threads add in another order
        found = _examine(estimator, submission.training, about)
    found = replace(found, remarks=(*found.remarks, *submission.review(found.signature)))
    require_positive_class(about.positive_class, found.signature.classes)
    draft = _draft(submission, found, describe(estimator), name=name, who=who, about=about)
    files = {draft.artefact: submission.data, **found.files}
    open_version(draft, files.__getitem__)  # as a worker will: it must load and repeat its golden rows
    manifest = registry.add_version(draft, files, why=about.notes)
    if key is not None:
        sign_version(registry, name, manifest.version, key, who=who)
    return manifest


def _draft(
    submission: Submission, found: _Findings, estimator: str, *, name: str, who: str, about: About
) -> ModelManifest:
    """What only the registry knows under its lock is still missing: version and registered_at."""
    artefact = f"model.{submission.format.value}"
    files = {artefact: submission.data, **found.files}
    return ModelManifest(
        name=name,
        version=0,
        format=submission.format,
        artefact=artefact,
        files={file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
        signature=replace(found.signature, positive_class=about.positive_class),
        environment=current_environment(),
        registered_at="",
        registered_by=who,
        allow_pickle=submission.format is ModelFormat.JOBLIB,
        n_golden_rows=found.n_golden_rows,
        reference=found.record,
        estimator=estimator,
        metrics=about.metrics,
        author=about.author or who,
        owner=about.owner,
        purpose=about.purpose,
        git_commit=about.git_commit,
        notes="; ".join(filter(None, [about.notes, *found.remarks])),
        tolerance=about.tolerance,
        origin=about.origin,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    signature: Signature
    files: dict[str, bytes]  # golden rows and baseline, by name
    n_golden_rows: int
    record: TrainingReference | None
    remarks: tuple[str, ...]


def _examine(estimator: Any, training: Training | None, about: About) -> _Findings:
    names, takes = inputs_of(estimator, about.columns)
    if training is None:
        columns = guessed_columns(estimator, names)
        probed = probe(estimator, columns, imagined_rows(estimator, columns), takes)
        signature = replace(probed.signature, columns=columns)
        return _Findings(signature=signature, files={}, n_golden_rows=0, record=None, remarks=(GUESSED,))
    look = training.look(names)
    columns = columns_from_frame(estimator, look.typed, where=training.where, names=names)
    probed = probe(estimator, columns, look.sample, takes)
    baseline = training_baseline(
        estimator, probed.signature, lambda: training.batches(columns), look.record.n_rows
    )
    outputs = repeated_outputs(estimator, probed.rows, probed.signature, about.tolerance)
    require_rows_alone(estimator, probed.rows, probed.signature, outputs)
    return _Findings(
        signature=probed.signature,
        files={
            GOLDEN_INPUT_FILE: table_bytes(probed.rows),
            GOLDEN_OUTPUT_FILE: table_bytes(outputs),
            BASELINE_FILE: encode_baseline(baseline),
        },
        n_golden_rows=probed.rows.num_rows,
        record=look.record,
        remarks=probed.remarks,
    )


def _files(path: Path | None) -> Training | None:
    return None if path is None else TrainingFiles(path)


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
