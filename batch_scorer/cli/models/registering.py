"""`models register`."""

from __future__ import annotations

from pathlib import Path

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import open_registry
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.whoami import user_name


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
    from batch_scorer.models.registering.register import register_file

    registry = open_registry(settings)
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
