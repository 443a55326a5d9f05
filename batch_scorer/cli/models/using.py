"""Which jobs of the project score with a version."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import BatchScorerError

if TYPE_CHECKING:
    from batch_scorer.models.card.values import Use


def uses_of(settings: Settings, uris: frozenset[str]) -> tuple[Use, ...]:
    """Jobs whose `model.uri` is one of these; a broken job file is left out: it is told elsewhere."""
    from batch_scorer import wiring
    from batch_scorer.models.card.values import Use

    project = settings.find_project()
    found = []
    for name in project.job_names():
        with suppress(BatchScorerError):
            uri = wiring.load(project, name, settings.target).job.model.uri
            if uri in uris:
                found.append(Use(job=name, uri=uri))
    return tuple(found)
