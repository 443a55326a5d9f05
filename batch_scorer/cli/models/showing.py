"""`models list`, `models show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.core.models import TrainingReference
    from batch_scorer.models.registry.history import HistoryEntry


@models.command("list")
@global_options
def list_models(settings: Settings) -> None:
    """Every model, its versions and aliases."""
    registry = open_registry(settings)
    rows = []
    for name in registry.names():
        aliases = registry.aliases(name)
        for number in registry.versions(name):
            manifest = registry.manifest(name, number)
            named = ", ".join(sorted(a for a, version in aliases.items() if version == number))
            if settings.json:
                output.emit(
                    "model_version",
                    name=name,
                    version=number,
                    aliases=named.split(", ") if named else [],
                    format=manifest.format.value,
                    estimator=manifest.estimator,
                    registered_at=manifest.registered_at,
                )
            rows.append((f"{name}@{number}", named, manifest.estimator, manifest.registered_at))
    if settings.json:
        output.emit_summary(0, n_versions=len(rows))
    else:
        click.echo(
            output.table(rows)
            or "no models yet; next: batch-scorer models register PATH --name N --reference T.parquet"
        )


@models.command()
@click.argument("name")
@global_options
def show(settings: Settings, name: str) -> None:
    """The newest version of NAME, or NAME@VERSION, or NAME@ALIAS: signature, environment, history."""
    registry = open_registry(settings)
    pin = known_version(registry, name)
    manifest = registry.manifest(pin[0], pin[1])
    aliases = sorted(a for a, number in registry.aliases(pin[0]).items() if number == pin[1])
    if settings.json:
        from dataclasses import asdict

        output.emit("model_version", **asdict(manifest), aliases=aliases)
        output.emit_summary(0)
        return
    signature = manifest.signature
    lines = [
        f"{manifest.name}@{manifest.version}" + (f" ({', '.join(aliases)})" if aliases else ""),
        f"  estimator   {manifest.estimator}",
        f"  format      {manifest.format}, sha256 {manifest.files[manifest.artefact]}",
        f"  registered  {manifest.registered_at} by {manifest.registered_by}",
        f"  trained on  {_reference_words(manifest.reference)}",
        f"  golden rows {manifest.n_golden_rows}",
        "  environment " + ", ".join(f"{k} {v}" for k, v in sorted(manifest.environment.items())),
        "  gives       " + ", ".join(method.value for method in signature.outputs),
    ]
    if signature.classes:
        lines.append(f"  classes     {', '.join(signature.classes)}")
    lines.append("  columns")
    click.echo("\n".join(lines))
    click.echo(
        output.table(
            (f"    {column.name}", column.type, "nullable" if column.nullable else "", column.pandas_dtype)
            for column in signature.columns
        )
    )
    click.echo("  history")
    for entry in registry.history(pin[0]):
        click.echo(f"    {_history_words(entry)}")


def _history_words(entry: HistoryEntry) -> str:
    what = f"{entry.alias} → v{entry.version}" if entry.alias else f"v{entry.version} {entry.event}"
    what += f" with {entry.key}" if entry.key else ""
    return f"{entry.at}  {what} by {entry.who}" + (f": {entry.why}" if entry.why else "")


def _reference_words(reference: TrainingReference | None) -> str:
    if reference is None:
        return "not recorded"
    return f"{reference.path}, {words.rows(reference.n_rows)}, sha256 {reference.sha256[:12]}…"
