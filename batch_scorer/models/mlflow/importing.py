"""A version of MLflow becomes a version of the file registry: the same bytes, looked into like any other.

Nothing of it is loaded before its format is known and allowed; MLflow's own loaders are never called.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from batch_scorer.core.errors import ModelRefused, UsageError
from batch_scorer.core.models import ModelFormat, ModelManifest, ModelOrigin
from batch_scorer.models.mlflow.agreement import remarks_on
from batch_scorer.models.mlflow.client import MlflowClient, MlflowVersion, ModelFiles
from batch_scorer.models.mlflow.examples import read_example
from batch_scorer.models.mlflow.mirror import RemoteVersion, local_name
from batch_scorer.models.mlflow.mlmodel import MLMODEL_FILE, LoggedModel, read_mlmodel
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.reference import Training, TrainingFiles, TrainingFrame
from batch_scorer.models.registering.register import Submission, submit
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import require_name

_MAX_MLMODEL_BYTES = 1 << 20
_MAX_EXAMPLE_BYTES = 64 << 20
_MAX_ARTEFACT_BYTES = 4 << 30
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_MAX_LINE = 200
_MAX_PARAMS = 2_000  # characters of the notes


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWishes:
    """name: here, None for MLflow's own. reference: the training table; without it the input example serves,
    and without that no_golden_rows must say that this is meant, if a person is asking.
    """

    who: str
    name: str | None = None
    reference: Path | None = None
    no_golden_rows: bool = False
    allow_pickle: bool = False
    only_with_golden_rows: bool = False


def import_version(
    client: MlflowClient, remote: RemoteVersion, *, registry: FileRegistry, wishes: ImportWishes
) -> ModelManifest:
    """Mirror one version of MLflow that is not mirrored yet; the caller holds `mirror.importing`.

    Raises: UsageError, ModelNotFound, ModelRefused (a pickle, no scikit-learn model), ModelUnloadable,
    SignatureInvalid, GoldenRowsDiffer, StoreUnavailable, LockHeld, DiskFull, OutputUnwritable.
    """
    name = require_name(wishes.name) if wishes.name else local_name(registry, remote)
    version = client.version(remote.name, remote.version)
    _require_ready(version, client.address)
    with client.files(version) as files:
        logged = read_mlmodel(files.read(MLMODEL_FILE, max_bytes=_MAX_MLMODEL_BYTES), version.uri)
        _require_allowed(logged, version, wishes, client.address)
        training, golden = _training(files, logged, version, wishes)
        data = files.read(logged.artefact, max_bytes=_MAX_ARTEFACT_BYTES)
    submission = Submission(
        data=data,
        format=logged.format,
        label=f"{logged.artefact} of {version.uri}",
        training=training,
        review=partial(remarks_on, logged.columns, seen=training is not None, uri=version.uri),
    )
    about = _about(version, golden, client.address)
    return submit(
        submission,
        registry=registry,
        name=name,
        who=wishes.who,
        allow_pickle=wishes.allow_pickle,
        about=about,
    )


def _require_ready(version: MlflowVersion, address: str) -> None:
    if version.status != "READY":
        raise ModelRefused(
            f"{version.uri} is not ready in MLflow: {version.status}",
            where=address,
            fix="wait until its upload has ended, or log the model again",
        )


def _require_allowed(logged: LoggedModel, version: MlflowVersion, wishes: ImportWishes, address: str) -> None:
    if logged.format is ModelFormat.JOBLIB and not wishes.allow_pickle:
        raise ModelRefused(
            f"{version.uri} is a pickle ({logged.serialization}), and loading a pickle can run any code of "
            "its author; nothing of it was loaded",
            fix='log it with mlflow.sklearn.log_model(…, serialization_format="skops"); or, if you trust who '
            "made it, import it once with --allow-pickle",
            next_command=f"batch-scorer models import {shlex.quote(version.uri)} "
            f"--tracking-uri {shlex.quote(address)} --allow-pickle",
        )


def _training(
    files: ModelFiles, logged: LoggedModel, version: MlflowVersion, wishes: ImportWishes
) -> tuple[Training | None, str]:
    """The table that gives types and golden rows, and what to say of it in the notes."""
    if wishes.reference is not None and wishes.no_golden_rows:
        raise UsageError(
            "a training reference and --no-golden-rows contradict each other", fix="leave one of them out"
        )
    if wishes.reference is not None:
        return TrainingFiles(wishes.reference), ""
    if wishes.no_golden_rows:
        return None, "no golden rows, as asked for"
    if logged.example is not None:
        data = files.read(logged.example, max_bytes=_MAX_EXAMPLE_BYTES)
        frame = read_example(data, logged.columns, version.uri)
        if frame is not None:
            told = f"types and golden rows are of MLflow's input example ({len(frame)} rows)"
            return TrainingFrame(frame, where=f"the input example of {version.uri}"), told
    if wishes.only_with_golden_rows:
        raise UsageError(
            f"{version.uri} has no input example that is a table, and so gives no golden rows",
            fix="add --reference TRAIN.parquet; or --no-golden-rows, which every later run will mention",
        )
    return None, "MLflow has no input example that is a table, so there are no golden rows"


def _about(version: MlflowVersion, golden: str, address: str) -> About:
    run = version.run
    metrics = {name: value for name, value in (run.metrics if run else {}).items() if _is_metric(name, value)}
    commit = run.git_commit if run and run.git_commit and _COMMIT.fullmatch(run.git_commit) else None
    return About(
        metrics=metrics,
        author=_line(run.user) if run else "",
        purpose=_text(version.description or (run.description if run else "")),
        git_commit=commit,
        notes="; ".join(filter(None, [f"imported from {version.uri}", golden, *_notes(version)])),
        origin=ModelOrigin(
            tracking_uri=address,
            uri=version.uri,
            name=version.name,
            version=version.version,
            run_id=run.run_id if run else None,
        ),
    )


def _notes(version: MlflowVersion) -> Iterator[str]:
    """Of the run, what has no place of its own in a manifest."""
    run = version.run
    if run is None:
        yield "its run is not in MLflow any more"
        return
    if left_out := sorted(name for name, value in run.metrics.items() if not _is_metric(name, value)):
        yield f"metrics that are no finite numbers: {', '.join(left_out)}"
    for what, pairs in (("params", run.params), ("tags", version.tags)):
        shown = {name: value for name, value in pairs.items() if not name.startswith("mlflow.")}
        if shown:
            yield _text(f"{what}: " + ", ".join(f"{name}={shown[name]}" for name in sorted(shown)))


def _is_metric(name: str, value: float) -> bool:
    return math.isfinite(value) and name == _line(name) and bool(name.strip())


def _line(text: str) -> str:
    return text if text.isprintable() and len(text) <= _MAX_LINE else ""


def _text(text: str) -> str:
    return text if len(text) <= _MAX_PARAMS else f"{text[:_MAX_PARAMS]}…"
