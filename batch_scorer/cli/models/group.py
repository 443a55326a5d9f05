"""`models`: the group that the verbs of this room join."""

from __future__ import annotations

import click

from batch_scorer.cli.settings import Settings, global_options


@click.group()
@global_options
def models(settings: Settings) -> None:
    """The model registry."""
