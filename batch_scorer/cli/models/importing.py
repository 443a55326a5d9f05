"""`models import`: a version of MLflow becomes a version of the registry."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.moving import Move, point_alias
from batch_scorer.cli.models.registry import named_on_the_command_line, open_registry
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError
from batch_scorer.core.whoami import user_name

if TYPE_CHECKING:
    from batch_scorer.config.mlflow import MlflowRef
    from batch_scorer.models.mlflow.source import Mirrored


@models.command("import")
@click.argument("uri", metavar="models:/NAME@ALIAS|models:/NAME/V")
@click.option(
    "--tracking-uri", metavar="URI", help="Of MLflow (default: the jobs', else MLFLOW_TRACKING_URI)."
)
@click.option("--name", help="The model's name here (default: MLflow's, in lower case).")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="TRAIN.parquet",
    help="What it was trained on (default: MLflow's input example): gives types, and golden rows.",
)
@click.option("--no-golden-rows", is_flag=True, help="Import without golden rows; every run will mention it.")
@click.option("--allow-pickle", is_flag=True, help="Accept a pickle: it runs code when it is loaded.")
@click.option("--alias", help="Also let this alias of the registry point to the version.")
@global_options
def import_model(
    settings: Settings,
    uri: str,
    tracking_uri: str | None,
    name: str | None,
    reference: Path | None,
    no_golden_rows: bool,
    allow_pickle: bool,
    alias: str | None,
) -> None:
    """Import a version of a model registered in MLflow as a new immutable version, once."""
    from batch_scorer.models.mlflow.source import MlflowSource
    from batch_scorer.models.mlflow.wishes import ImportWishes
    from batch_scorer.models.registry.names import require_alias, require_name

    asked = _asked(uri)
    if alias:
        require_alias(alias)
    registry = open_registry(settings)
    source = MlflowSource(registry, _tracking_uri(settings, tracking_uri), who=user_name())
    wishes = ImportWishes(
        who=user_name(),
        name=require_name(name) if name else None,
        reference=reference,
        no_golden_rows=no_golden_rows,
        allow_pickle=allow_pickle,
        must_have_golden_rows=not no_golden_rows,
    )
    with named_on_the_command_line("batch-scorer models import --help"):
        found = source.mirror(asked, wishes)
    manifest = found.manifest
    if alias:
        name, version, reason = manifest.name, manifest.version, f"import of {asked.uri}"
        move = Move(name=name, alias=alias, was=registry.aliases(name).get(alias), version=version)
        do = partial(registry.promote, name, version, alias, reason=reason, who=user_name())
        point_alias(settings, registry, move, do)
    _tell(settings, asked, found, alias)


def _asked(uri: str) -> MlflowRef:
    from batch_scorer.config.mlflow import parse_mlflow_ref

    try:
        return parse_mlflow_ref(uri)
    except ValueError as error:
        raise UsageError(str(error), next_command="batch-scorer models import models:/NAME@ALIAS") from None


def _tracking_uri(settings: Settings, given: str | None) -> str:
    """What is given, what the project's jobs name, or MLflow's own variable. Raises: UsageError."""
    from batch_scorer.config.registries import project_tracking_uri

    found = given or project_tracking_uri(settings.find_project(), settings.target)
    if found is None:
        raise UsageError(
            "nobody says which MLflow",
            fix="add --tracking-uri http://host:5000, or set MLFLOW_TRACKING_URI",
        )
    return found


def _tell(settings: Settings, asked: MlflowRef, found: Mirrored, alias: str | None) -> None:
    manifest = found.manifest
    origin = manifest.origin.uri if manifest.origin else asked.uri
    reference = f"{manifest.name}@{manifest.version}"
    if settings.json:
        output.emit_summary(
            0, name=manifest.name, version=manifest.version, alias=alias, origin=origin, imported=found.is_new
        )
        return
    said = (
        f"{asked.uri} is version {manifest.origin.version} there: " if asked.alias and manifest.origin else ""
    )
    if not found.is_new:
        click.echo(f"{said}{origin} is {reference} already: nothing was imported")
        return
    if manifest.origin and manifest.origin.name != manifest.name:
        click.echo(f'"{manifest.origin.name}" of MLflow is called {manifest.name} here')
    click.echo(
        f"{said}{origin} is {reference} now: {manifest.estimator}, "
        f"{len(manifest.signature.columns)} columns, "
        f"{manifest.n_golden_rows} golden rows replayed, {manifest.format}"
        + (f", {alias} points to it" if alias else "")
    )
    click.echo(f"next: {output.command(settings, f'batch-scorer models show {reference}')}")
