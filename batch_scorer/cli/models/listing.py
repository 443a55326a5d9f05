"""`models list`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.core.models import ModelManifest
    from batch_scorer.models.registry.files import FileRegistry

_NEWEST = 5  # of each model, besides those that an alias means
_MAX_ESTIMATOR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    manifest: ModelManifest
    aliases: tuple[str, ...]
    is_signed: bool

    @property
    def row(self) -> tuple[str, ...]:
        from batch_scorer.models.card.values import moment_in_words

        manifest = self.manifest
        estimator = manifest.estimator
        if len(estimator) > _MAX_ESTIMATOR:
            estimator = estimator[: _MAX_ESTIMATOR - 1] + "…"
        return (
            f"{manifest.name}@{manifest.version}",
            ", ".join(self.aliases) or "-",
            moment_in_words(manifest.registered_at),
            manifest.registered_by,
            "signed" if self.is_signed else "unsigned",
            estimator,
        )


@models.command("list")
@click.argument("name", required=False)
@global_options
def list_models(settings: Settings, name: str | None) -> None:
    """Every model with its aliases and newest versions, or every version of NAME."""
    registry = open_registry(settings)
    names = registry.names() if name is None else (known_version(registry, name)[0],)
    n_versions = 0
    for each in names:
        versions = registry.versions(each)
        n_versions += len(versions)
        if settings.json:
            _emit(_listed(registry, each, versions))
        else:
            _print(settings, registry, each, versions, only=None if name else _NEWEST)
    if settings.json:
        output.emit_summary(0, n_versions=n_versions)
    elif not names:
        click.echo("no models yet; next: batch-scorer models register PATH --name N --reference T.parquet")


def _listed(registry: FileRegistry, name: str, versions: Sequence[int]) -> list[_Listed]:
    """Oldest first."""
    from batch_scorer.models.registry.history import HistoryEvent, aliases_of

    history = registry.history(name)
    held = aliases_of(history)
    signed = {entry.version for entry in history if entry.event is HistoryEvent.SIGNED}
    return [
        _Listed(
            manifest=manifest,
            aliases=tuple(sorted(alias for alias, version in held.items() if version == manifest.version)),
            is_signed=manifest.version in signed,
        )
        for manifest in registry.manifests(name, versions)
    ]


def _print(
    settings: Settings, registry: FileRegistry, name: str, versions: Sequence[int], only: int | None
) -> None:
    """only: so many of the newest, and those that an alias means."""
    shown = versions if only is None else {*versions[-only:], *registry.aliases(name).values()}
    click.echo(output.table(each.row for each in _listed(registry, name, sorted(shown, reverse=True))))
    hidden = len(versions) - len(shown)
    if hidden:
        command = output.command(settings, f"batch-scorer models list {name}")
        click.echo(f"  and {words.count(hidden, 'older version')}: {command}")


def _emit(listed: Sequence[_Listed]) -> None:
    for each in listed:
        manifest = each.manifest
        output.emit(
            "model_version",
            name=manifest.name,
            version=manifest.version,
            aliases=list(each.aliases),
            format=manifest.format.value,
            estimator=manifest.estimator,
            registered_at=manifest.registered_at,
            registered_by=manifest.registered_by,
            signed=each.is_signed,
        )
