"""`models list`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.models.using import readable_keys
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import ModelRefused

if TYPE_CHECKING:
    from batch_scorer.core.models import ModelManifest
    from batch_scorer.models.card.signers import Standing
    from batch_scorer.models.registry.files import FileRegistry
    from batch_scorer.models.registry.history import HistoryEntry
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Damaged:
    """label: `taxi_tips@3`, or the model where its history is damaged."""

    label: str
    problem: ModelRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    name: str
    listed: tuple[_Listed, ...] = ()
    damaged: tuple[_Damaged, ...] = ()
    n_hidden: int = 0


@models.command("list")
@click.argument("name", required=False)
@global_options
def list_models(settings: Settings, name: str | None) -> int:
    """Every model with its aliases and newest versions, or every version of NAME."""
    registry = open_registry(settings)
    names = registry.names() if name is None else (known_version(registry, name)[0],)
    newest = None if name or settings.json else _NEWEST
    keys = readable_keys(settings)
    models = [_model(registry, each, newest, keys) for each in names]
    damaged = [each for model in models for each in model.damaged]
    if settings.json:
        for model in models:
            _emit(model.listed)
    elif not names:
        click.echo("no models yet; next: batch-scorer models register PATH --name N --reference T.parquet")
    else:
        _print(settings, models)
    code = output.fail(settings, _refusal(damaged)) if damaged else 0
    if settings.json:
        output.emit_summary(code, n_versions=sum(len(model.listed) for model in models))
    return code


def _model(
    registry: FileRegistry, name: str, newest: int | None, keys: Mapping[str, PublicKey] | None
) -> _Model:
    """newest: None for every version; else so many, the newest first, and those that an alias means."""
    from batch_scorer.models.registry.history import aliases_of, pinned_manifests

    try:
        history = registry.history(name)
    except ModelRefused as problem:
        return _Model(name=name, damaged=(_Damaged(label=name, problem=problem),))
    numbers = sorted(pinned_manifests(history))
    shown = numbers
    if newest is not None:
        shown = sorted({*numbers[-newest:], *aliases_of(history).values()}, reverse=True)
    listed, damaged = [], []
    for version in shown:
        try:
            listed.append(_listed(registry.manifest(name, version), history, keys))
        except ModelRefused as problem:
            damaged.append(_Damaged(label=f"{name}@{version}", problem=problem))
    return _Model(name=name, listed=tuple(listed), damaged=tuple(damaged), n_hidden=len(numbers) - len(shown))


def _listed(
    manifest: ModelManifest, history: tuple[HistoryEntry, ...], keys: Mapping[str, PublicKey] | None
) -> _Listed:
    from batch_scorer.models.card.signers import best_of, standing
    from batch_scorer.models.registry.history import aliases_of, pinned_manifests
    from batch_scorer.models.trust.signing import signatures_of

    name, version = manifest.name, manifest.version
    sha256 = pinned_manifests(history)[version]
    signatures = signatures_of(history, version)
    return _Listed(
        manifest=manifest,
        aliases=tuple(sorted(alias for alias, means in aliases_of(history).items() if means == version)),
        signed=best_of({standing(entry, name, sha256, keys) for entry in signatures}),
    )


def _print(settings: Settings, models: Sequence[_Model]) -> None:
    """The table goes to stdout whole, whatever is damaged: the rest of a registry still counts."""
    lines = [output.table([each.row for model in models for each in model.listed])]
    for model in models:
        lines += [f"{each.label}  REFUSED  {each.problem.what}" for each in model.damaged]
        if model.n_hidden:
            command = output.command(settings, f"batch-scorer models list {model.name}")
            lines.append(f"{words.count(model.n_hidden, 'older version')} of {model.name}: {command}")
    click.echo("\n".join(filter(None, lines)))


def _refusal(damaged: Sequence[_Damaged]) -> ModelRefused:
    labels = ", ".join(each.label for each in damaged[:5]) + (", …" if len(damaged) > 5 else "")
    first = damaged[0].problem
    return ModelRefused(
        f"refused: {labels}; {first.what}",
        where=first.where,
        fix=first.fix,
        next_command="batch-scorer models verify",
    )


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
