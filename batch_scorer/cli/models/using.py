"""What a project has to do with a version: which jobs score with it, whose signatures of it count."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from batch_scorer.cli import output
from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import BatchScorerError, ConfigInvalid

if TYPE_CHECKING:
    from batch_scorer.models.card.known import Use
    from batch_scorer.models.trust.keys import PublicKey


def uses_of(settings: Settings, uris: frozenset[str]) -> tuple[Use, ...]:
    """Jobs whose `model.uri` is one of these; a broken job file is left out: it is told elsewhere."""
    from batch_scorer import wiring
    from batch_scorer.models.card.known import Use

    project = settings.find_project()
    found = []
    for name in project.job_names():
        with suppress(BatchScorerError):
            uri = wiring.load(project, name, settings.target).job.model_reference
            if uri in uris:
                found.append(Use(job=name, uri=uri))
    return tuple(found)


def readable_keys(settings: Settings) -> Mapping[str, PublicKey] | None:
    """The keys that the project trusts; None, and a warning, when one of their files is no key."""
    from batch_scorer.models.trust.keys import trusted_keys

    try:
        return trusted_keys(settings.find_project().keys)
    except ConfigInvalid as error:
        output.warn(settings, f"signatures are not checked: {error.what}")
        return None
