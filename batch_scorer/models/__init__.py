"""Models: registering them from Python. The rest of this room is batch-scorer's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import UsageError
from batch_scorer.core.models import EXACT, Tolerance

if TYPE_CHECKING:
    import pandas as pd

    from batch_scorer.models.registering.registered import RegisteredModel

__all__ = ["Tolerance", "register"]


def register(
    estimator: object,
    *,
    name: str,
    reference: pd.DataFrame | Path | str | None = None,
    registry: Path | str | None = None,
    metrics: Mapping[str, float] | None = None,
    author: str | None = None,
    owner: str = "",
    purpose: str = "",
    notes: str = "",
    git_commit: str | None = None,
    positive_class: object = None,
    columns: Sequence[str] = (),
    tolerance: Tolerance | None = None,
    alias: str | None = None,
    reason: str = "at registration",
    allow_pickle: bool = False,
    no_golden_rows: bool = False,
) -> RegisteredModel:
    """Register a fitted scikit-learn estimator as the next version of a model.

    In a notebook::

        from batch_scorer.models import register

        rides = pd.read_parquet("data/training/rides.parquet")
        pipeline.fit(rides[FEATURES], rides.big_tip)
        model = register(
            pipeline,
            name="taxi_tips",
            reference=rides,  # keys, labels and other columns may be in it
            metrics={"auc": roc_auc_score(test.big_tip, scores)},
            owner="rides team",
            purpose="which rides end with a big tip; not for pricing",
            positive_class=1,
        )
        model.reference  # "taxi_tips@1": for model.uri of a job file

    estimator: fitted; saved with skops, so that loading it runs no code.
    name: up to 64 lower-case letters, digits, `_`, `.` and `-`.
    reference: what it was trained on: a frame, a Parquet file, or a directory of Parquet files (n_rows × at
        least the estimator's columns). It gives the types of the signature and the golden rows, which every
        worker replays before it scores.
    registry: its directory; by default that of the project (the folder with `jobs/`) above the working
        directory.
    metrics: finite numbers by name. author: by default the user's login name. owner: who answers for it.
    git_commit: of the training code; by default that of the repository above the working directory, with
        `-dirty` where it has changes; "" for none.
    positive_class: of a classifier, the class that a score speaks of.
    columns: the names of the input columns, in order, of an estimator that was fitted on an array or on a
        series of texts; every other one knows them.
    tolerance: of the golden rows; by default they repeat to the last bit.
    alias, reason: also let an alias, e.g. "champion", point to the version, and why; one that means another
        version already is moved by `batch-scorer models promote`, which asks the jobs that use it.
    allow_pickle: save with joblib what skops cannot; loading that runs code, on every worker.
    no_golden_rows: register without a reference; every later run will mention it.

    Raises: UsageError (an argument), ModelRefused (not safe to save), SignatureInvalid (it does not answer,
    or the reference does not fit), GoldenRowsDiffer (it is not deterministic), LockHeld, DiskFull,
    OutputUnwritable; in each case nothing was registered.
    """
    from batch_scorer.models.registering import from_python
    from batch_scorer.models.registering.about import About

    if isinstance(columns, str):
        raise UsageError(f"columns are a text: {columns!r}", fix=f"write columns=[{columns!r}]")
    about = About(
        metrics=metrics or {},
        author=author or "",
        owner=owner,
        purpose=purpose,
        notes=notes,
        git_commit=from_python.commit(git_commit),
        positive_class=None if positive_class is None else str(positive_class),
        columns=tuple(map(str, columns)),
        tolerance=EXACT if tolerance is None else tolerance,
    )
    return from_python.register_version(
        estimator,
        about,
        name=name,
        reference=reference,
        registry=registry,
        alias=alias,
        reason=reason,
        allow_pickle=allow_pickle,
        no_golden_rows=no_golden_rows,
    )
