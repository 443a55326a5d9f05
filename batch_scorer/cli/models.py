"""`models …`: register, list, show, promote."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import BatchScorerError, ModelNotFound, UsageError
from batch_scorer.core.whoami import user_name

if TYPE_CHECKING:
    from batch_scorer.core.models import TrainingReference
    from batch_scorer.models.history import HistoryEntry
    from batch_scorer.models.registry import FileRegistry


@click.group()
@global_options
def models(settings: Settings) -> None:
    """The model registry."""


@models.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The model's name.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="TRAIN.parquet",
    help="What it was trained on: gives the types of the signature, and golden rows.",
)
@click.option(
    "--no-golden-rows", is_flag=True, help="Register without golden rows; every run will mention it."
)
@click.option("--allow-pickle", is_flag=True, help="Accept a joblib file: it runs code when it is loaded.")
@click.option("--alias", help="Also let this alias point to the new version.")
@click.option("--notes", default="", help="Free text, kept in the manifest.")
@global_options
def register(
    settings: Settings,
    path: Path,
    name: str,
    reference: Path | None,
    no_golden_rows: bool,
    allow_pickle: bool,
    alias: str | None,
    notes: str,
) -> None:
    """Register the model in PATH (.skops, or .joblib with --allow-pickle) as a new immutable version."""
    from batch_scorer.models.register import register_file

    registry = _registry(settings)
    manifest = register_file(
        path,
        registry=registry,
        name=name,
        reference_path=reference,
        allow_pickle=allow_pickle,
        no_golden_rows=no_golden_rows,
        notes=notes,
        who=user_name(),
    )
    if alias:
        registry.promote(name, manifest.version, alias, reason="at registration", who=user_name())
    if settings.json:
        output.emit_summary(0, name=name, version=manifest.version, alias=alias)
        return
    click.echo(
        f"{name}@{manifest.version}: {manifest.estimator}, {len(manifest.signature.columns)} columns, "
        f"{manifest.n_golden_rows} golden rows replayed, {manifest.format}"
        + (f", {alias} points to it" if alias else "")
    )
    if not alias:
        hint = f"batch-scorer models promote {name}@{manifest.version} --alias champion --reason 'why'"
        click.echo(f"next: {output.command(settings, hint)}")


@models.command("list")
@global_options
def list_models(settings: Settings) -> None:
    """Every model, its versions and aliases."""
    registry = _registry(settings)
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
    registry = _registry(settings)
    pin = _known(registry, name)
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


@models.command()
@click.argument("version", metavar="NAME@V")
@click.option("--alias", required=True, help="The movable name, e.g. champion.")
@click.option("--reason", required=True, help="Why; kept in the history.")
@global_options
def promote(settings: Settings, version: str, alias: str, reason: str) -> None:
    """Let ALIAS point to NAME@V from now on."""
    registry = _registry(settings)
    name, number = _known(registry, version)
    registry.promote(name, number, alias, reason=reason, who=user_name())
    if settings.json:
        output.emit_summary(0, name=name, version=number, alias=alias)
    else:
        click.echo(f"{name}@{alias} is now version {number}")
        for job in _jobs_with(settings, f"{name}@{alias}"):
            plan = output.command(settings, f"batch-scorer plan {job}")
            click.echo(f"next: {plan}  # what it made outdated")


def _jobs_with(settings: Settings, uri: str) -> list[str]:
    """Jobs that score with it; a job file that is broken is left out, and says so elsewhere."""
    from batch_scorer import wiring

    project = settings.find_project()
    found = []
    for name in project.job_names():
        with suppress(BatchScorerError):
            if wiring.load(project, name, settings.target).job.model.uri == uri:
                found.append(name)
    return found


def _known(registry: FileRegistry, reference: str) -> tuple[str, int]:
    """(name, version) of `name`, `name@3` or `name@alias`. On a command line an unknown name is exit 2."""
    try:
        if "@" in reference:
            pin = registry.resolve(reference)
            return pin.name, pin.version
        return reference, registry.versions(reference)[-1]
    except ModelNotFound as error:
        raise UsageError(
            error.what, where=error.where, fix=error.fix, next_command="batch-scorer models list"
        ) from None


def _registry(settings: Settings) -> FileRegistry:
    from batch_scorer import wiring

    return wiring.project_registry(settings.find_project(), settings.target)


def _history_words(entry: HistoryEntry) -> str:
    what = f"{entry.alias} → v{entry.version}" if entry.alias else f"v{entry.version} registered"
    return f"{entry.at}  {what} by {entry.who}" + (f": {entry.why}" if entry.why else "")


def _reference_words(reference: TrainingReference | None) -> str:
    if reference is None:
        return "not recorded"
    return f"{reference.path}, {words.rows(reference.n_rows)}, sha256 {reference.sha256[:12]}…"
