"""`models …`: the model registry, one file per family of verbs."""

from __future__ import annotations

# Importing a file makes its verbs join the group.
from batch_scorer.cli.models import (
    aliases,
    comparing,
    importing,
    listing,
    past,
    registering,
    showing,
    trusting,
)
from batch_scorer.cli.models.group import models

__all__ = [
    "aliases",
    "comparing",
    "importing",
    "listing",
    "models",
    "past",
    "registering",
    "showing",
    "trusting",
]
