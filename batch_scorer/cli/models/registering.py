"""`models register`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.moving import Move, point_alias
from batch_scorer.cli.models.registry import make_own_code_importable, open_registry
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError
from batch_scorer.core.whoami import user_name

if TYPE_CHECKING:
    from batch_scorer.core.models import ModelManifest
    from batch_scorer.models.registering.about import About
    from batch_scorer.models.registry.files import FileRegistry


@models.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The model's name.")
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="TRAIN.parquet",
    help="What it was trained on, a file or a directory: gives the types of the signature, and golden rows.",
)
@click.option(
    "--no-golden-rows", is_flag=True, help="Register without golden rows; every run will mention it."
)
@click.option("--allow-pickle", is_flag=True, help="Accept a joblib file: it runs code when it is loaded.")
@click.option("--alias", help="Also let this alias point to the new version.")
@click.option("--reason", default="at registration", help="Why the alias moves; kept in the history.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="E.g. auc=0.83; repeatable.")
@click.option("--author", default="", help="Who trained it (default: you).")
@click.option("--owner", default="", help="Who answers for it.")
@click.option("--purpose", default="", help="What it is for, and what not.")
@click.option("--notes", default="", help="Free text, kept in the manifest.")
@click.option(
    "--git-commit",
    metavar="HASH",
    help="Of the training code (default: of the repository that the model file, or else you, are in).",
)
@click.option("--positive-class", metavar="CLASS", help="The class that a score speaks of.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME",
    help="Input column of a model that was fitted without names; repeat it for each, in order.",
)
@click.option("--rtol", type=float, default=0.0, help="Golden rows may be off by this share (default: 0).")
@click.option("--atol", type=float, default=0.0, help="Golden rows may be off by this much (default: 0).")
@global_options
def register(
    settings: Settings,
    path: Path,
    name: str,
    reference: Path | None,
    no_golden_rows: bool,
    allow_pickle: bool,
    alias: str | None,
    reason: str,
    **said: Any,
) -> None:
    """Register the model in PATH (.skops, or .joblib with --allow-pickle) as a new immutable version."""
    from batch_scorer.models.registering.register import register_file
    from batch_scorer.models.registry.names import require_alias

    if alias:
        require_alias(alias)
    about = _about(path, **said)
    registry = open_registry(settings)
    if allow_pickle:
        make_own_code_importable(settings)
    manifest = register_file(
        path,
        registry=registry,
        name=name,
        reference_path=reference,
        allow_pickle=allow_pickle,
        no_golden_rows=no_golden_rows,
        about=about,
        who=user_name(),
    )
    if alias:
        was = registry.aliases(name).get(alias)
        move = Move(name=name, alias=alias, was=was, version=manifest.version)
        do = partial(registry.promote, name, manifest.version, alias, reason=reason, who=user_name())
        point_alias(settings, registry, move, do)
    _tell(settings, manifest, alias, _signers(registry, manifest))


def _signers(registry: FileRegistry, manifest: ModelManifest) -> list[str]:
    from batch_scorer.models.trust.signing import signatures_of

    return [str(entry.key) for entry in signatures_of(registry.history(manifest.name), manifest.version)]


def _about(
    path: Path,
    *,
    metrics: tuple[str, ...],
    git_commit: str | None,
    rtol: float,
    atol: float,
    **words: Any,
) -> About:
    """What is said of the model. words: the fields of About that are given as they are."""
    from batch_scorer.models.registering.about import About, tolerance_of
    from batch_scorer.models.registering.commits import commit_at

    about = About(
        metrics=_numbers(metrics), git_commit=git_commit or None, tolerance=tolerance_of(rtol, atol), **words
    )
    return about if git_commit is not None else replace(about, git_commit=commit_at(path, Path.cwd()))


def _numbers(metrics: tuple[str, ...]) -> dict[str, float]:
    """Raises: UsageError."""
    found: dict[str, float] = {}
    for text in metrics:
        name, is_pair, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            is_pair = ""
        if not is_pair or name in found:
            raise UsageError(
                f'--metric "{text}" {"is given twice" if name in found else "is no NAME=VALUE"}',
                fix="give a name and one number for each, e.g. --metric auc=0.83 --metric brier=0.11",
            )
        found[name] = number
    return found


def _tell(settings: Settings, manifest: ModelManifest, alias: str | None, signers: list[str]) -> None:
    name, version = manifest.name, manifest.version
    if settings.json:
        output.emit_summary(0, name=name, version=version, alias=alias)
        return
    click.echo(
        f"{name}@{version}: {manifest.estimator}, {len(manifest.signature.columns)} columns, "
        f"{manifest.n_golden_rows} golden rows replayed, {manifest.format}"
        + "".join(f", signed by {key}" for key in signers)
        + (f", {alias} points to it" if alias else "")
    )
    if not alias:
        hint = f"batch-scorer models promote {name}@{version} --alias champion --reason 'why'"
        click.echo(f"next: {output.command(settings, hint)}")
