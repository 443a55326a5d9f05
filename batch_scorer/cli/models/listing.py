"""`models list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.models.using import readable_keys
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.core.models import ModelManifest
    from batch_scorer.models.card.signers import Standing
    from batch_scorer.models.registry.files import FileRegistry
    from batch_scorer.models.trust.keys import PublicKey

_NEWEST = 5  # of each model, besides those that an alias means
_MAX_ESTIMATOR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    manifest: ModelManifest
    aliases: tuple[str, ...]
    signed: Standing | None

    @property
    def row(self) -> tuple[str, ...]:
        from batch_scorer.models.card.facts import moment_in_words

        manifest = self.manifest
        estimator = manifest.estimator
        if len(estimator) > _MAX_ESTIMATOR:
            estimator = estimator[: _MAX_ESTIMATOR - 1] + "…"
        return (
            f"{manifest.name}@{manifest.version}",
            ", ".join(self.aliases) or "-",
            moment_in_words(manifest.registered_at),
            manifest.registered_by,
            f"signed: {self.signed}" if self.signed else "unsigned",
            estimator,
        )


@models.command("list")
@click.argument("name", required=False)
@global_options
def list_models(settings: Settings, name: str | None) -> None:
    """Every model with its aliases and newest versions, or every version of NAME."""
    registry = open_registry(settings)
    names = registry.names() if name is None else (known_version(registry, name)[0],)
    versions, keys = {each: registry.versions(each) for each in names}, readable_keys(settings)
    if settings.json:
        for each in names:
            _emit(_listed(registry, each, versions[each], keys))
        output.emit_summary(0, n_versions=sum(map(len, versions.values())))
    elif not names:
        click.echo("no models yet; next: batch-scorer models register PATH --name N --reference T.parquet")
    else:
        _print(settings, registry, versions, None if name else _NEWEST, keys)


def _listed(
    registry: FileRegistry, name: str, versions: Iterable[int], keys: Mapping[str, PublicKey] | None
) -> list[_Listed]:
    """In the order of versions."""
    from batch_scorer.models.card.signers import best_of, standing
    from batch_scorer.models.registry.history import aliases_of, pinned_manifests
    from batch_scorer.models.trust.signing import signatures_of

    history = registry.history(name)
    held, pinned = aliases_of(history), pinned_manifests(history)
    return [
        _Listed(
            manifest=manifest,
            aliases=tuple(sorted(alias for alias, version in held.items() if version == manifest.version)),
            signed=best_of(
                {
                    standing(entry, name, pinned[manifest.version], keys)
                    for entry in signatures_of(history, manifest.version)
                }
            ),
        )
        for manifest in registry.manifests(name, versions)
    ]


def _print(
    settings: Settings,
    registry: FileRegistry,
    versions: Mapping[str, Sequence[int]],
    only: int | None,
    keys: Mapping[str, PublicKey] | None,
) -> None:
    """only: so many of the newest of each model, and those that an alias means."""
    rows, hints = [], []
    for name, numbers in versions.items():
        shown = numbers if only is None else {*numbers[-only:], *registry.aliases(name).values()}
        rows += [each.row for each in _listed(registry, name, sorted(shown, reverse=True), keys)]
        if hidden := len(numbers) - len(shown):
            command = output.command(settings, f"batch-scorer models list {name}")
            hints.append(f"{words.count(hidden, 'older version')} of {name}: {command}")
    click.echo("\n".join([output.table(rows), *hints]))


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
            signed=each.signed and each.signed.value,
        )
