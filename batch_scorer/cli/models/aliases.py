"""`models promote`, `models rollback`: what an alias means from now on, who decided it and why."""

from __future__ import annotations

from functools import partial

import click

from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.moving import Move, move_alias, not_blank
from batch_scorer.cli.models.registry import exact_version, open_registry, require_known
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.whoami import user_name

_REASON = click.option(
    "--reason", required=True, callback=not_blank, metavar="T", help="Why; kept in the history."
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show gates and consequences, and change nothing.")


@models.command()
@click.argument("version", metavar="NAME@V")
@click.option("--alias", required=True, help="The movable name, e.g. champion.")
@_REASON
@_DRY_RUN
@global_options
def promote(settings: Settings, version: str, alias: str, reason: str, dry_run: bool) -> None:
    """Let ALIAS point to NAME@V from now on, if it passes the gates; say what became outdated."""
    from batch_scorer.models.registry.names import require_alias

    registry = open_registry(settings)
    name, number = exact_version(registry, version)
    require_alias(alias)
    move = Move(name=name, alias=alias, was=registry.aliases(name).get(alias), version=number)
    do = partial(registry.promote, name, number, alias, reason=reason, who=user_name())
    move_alias(settings, registry, move, None if dry_run else do)


@models.command()
@click.argument("name")
@click.option("--alias", default="champion", show_default=True, help="The alias that goes back.")
@click.option("--to", type=click.IntRange(min=1), metavar="V", help="A version that it meant earlier.")
@_REASON
@_DRY_RUN
@global_options
def rollback(settings: Settings, name: str, alias: str, to: int | None, reason: str, dry_run: bool) -> None:
    """Let an alias of NAME mean again what it meant before; a second time, what it meant before that."""
    registry = open_registry(settings)
    require_known(registry, name)
    way = registry.way_back(name, alias, to)
    move = Move(name=name, alias=alias, was=way.was, version=way.to)
    do = partial(registry.roll_back, way, reason=reason, who=user_name())
    move_alias(settings, registry, move, None if dry_run else do)
