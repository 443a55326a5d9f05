"""`models show`: the model card of a version."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.card_text import card_lines, signature_lines
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.models.using import jobs_using, readable_keys
from batch_scorer.cli.pages import STDOUT, require_one_stdout, write_page
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.models.card.known import Known
    from batch_scorer.models.registry.files import FileRegistry


@models.command()
@click.argument("name")
@click.option("--signature", is_flag=True, help="Only the columns that the model reads.")
@click.option(
    "--html", "file", metavar="FILE", type=click.Path(path_type=Path),
    help="Write the card as one HTML page that works offline; - is stdout.",
)  # fmt: skip
@global_options
def show(settings: Settings, name: str, signature: bool, file: Path | None) -> None:
    """The model card of NAME's newest version, or of NAME@VERSION, or NAME@ALIAS."""
    require_one_stdout(settings, file, "--html")
    from batch_scorer.models.card.values import card_of

    registry = open_registry(settings)
    known = _known(settings, registry, *known_version(registry, name))
    card = card_of(known)
    if file is not None:
        from batch_scorer.models.card.page import card_page

        write_page(file, [card_page(card)], "--html")
    if settings.json:
        if file is not None:
            output.emit("page", path=str(file), name=known.manifest.name, version=known.manifest.version)
        output.emit("model_version", **_message(known))
        output.emit_summary(0)
    elif file is not None:
        if file != STDOUT:
            click.echo(file)
    else:
        width = shutil.get_terminal_size().columns
        click.echo("\n".join((signature_lines if signature else card_lines)(card, width)))


def _known(settings: Settings, registry: FileRegistry, name: str, version: int) -> Known:
    from batch_scorer.models.card.known import Known, Use
    from batch_scorer.models.registry.baselines import stored_baseline
    from batch_scorer.models.registry.history import aliases_of, pinned_manifests
    from batch_scorer.models.scoring.compatibility import environment_differences

    manifest, history = registry.manifest(name, version), registry.history(name)
    selectors = [str(version), *(alias for alias, means in aliases_of(history).items() if means == version)]
    uris = frozenset(f"{name}@{selector}" for selector in selectors)
    return Known(
        manifest=manifest,
        manifest_sha256=pinned_manifests(history)[version],
        history=history,
        baseline=stored_baseline(registry, manifest),
        uses=tuple(
            Use(job=loaded.job.name, uri=loaded.job.model_reference)
            for loaded in jobs_using(settings, uris, manifest.origin)
        ),
        differs_here=environment_differences(manifest),
        keys=readable_keys(settings),
    )


def _message(known: Known) -> dict[str, Any]:
    from batch_scorer.core.baselines.documents import baseline_document

    return {
        **asdict(known.manifest),
        "manifest_sha256": known.manifest_sha256,
        "aliases": [entry.alias for entry in known.alias_moves],
        "differs_here": list(known.differs_here),
        "uses": [asdict(use) for use in known.uses],
        "signatures": [
            {"key": entry.key, "who": entry.who, "at": entry.at, "standing": standing.value}
            for entry, standing in known.signatures
        ],
        "history": [asdict(entry) for entry in known.history],
        "baseline": baseline_document(known.baseline) if known.baseline is not None else None,
    }
