"""What a project has to do with a version: which jobs score with it, whose signatures of it count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from batch_scorer.cli import output
from batch_scorer.cli.asked import asked_jobs
from batch_scorer.cli.settings import Settings
from batch_scorer.config.mlflow import MLFLOW, is_of_mlflow, parse_mlflow_ref
from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.models import ModelOrigin

if TYPE_CHECKING:
    from batch_scorer.config.load import LoadedJob
    from batch_scorer.models.trust.keys import PublicKey


def jobs_using(
    settings: Settings, uris: frozenset[str], origin: ModelOrigin | None = None
) -> Iterator[LoadedJob]:
    """Jobs whose `model.uri` is one of these; a broken job file is left out, with a warning.

    origin: of an imported version. What an alias of MLflow means is not asked: a job that names one counts.
    """
    from batch_scorer import wiring

    project = settings.find_project()
    for job in asked_jobs(settings, project, None, lambda name: wiring.load(project, name, settings.target)):
        uri = job.job.model_reference
        if uri in uris or (origin is not None and _names(uri, origin)):
            yield job


def readable_keys(settings: Settings) -> Mapping[str, PublicKey] | None:
    """The keys that the project trusts; None, and a warning, when one of their files is no key."""
    from batch_scorer.models.trust.keys import trusted_keys

    try:
        return trusted_keys(settings.find_project().keys)
    except ConfigInvalid as error:
        output.warn(settings, f"signatures are not checked: {error.what}")
        return None


def _names(uri: str, origin: ModelOrigin) -> bool:
    if uri == f"{MLFLOW}{origin.uri}":
        return True
    asked = parse_mlflow_ref(uri) if is_of_mlflow(uri) else None
    return asked is not None and asked.name == origin.name and asked.alias is not None
