"""`models keygen`, `models sign`, `models verify`: who says that a version is what it should be?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import (
    exact_version,
    known_version,
    make_own_code_importable,
    open_registry,
)
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import ModelError, ModelRefused
from batch_scorer.core.whoami import user_name

if TYPE_CHECKING:
    from batch_scorer.models.registry.files import FileRegistry
    from batch_scorer.models.trust.keys import PublicKey
    from batch_scorer.models.trust.verifying import VersionReport


@models.command()
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where the private key goes.")
@click.option("--comment", default="", help="Whose key it is, for people: a name or an address.")
@global_options
def keygen(settings: Settings, out: Path | None, comment: str) -> None:
    """Make a key pair to sign models with. BATCH_SCORER_SIGNING_KEY_PASSWORD encrypts the private key."""
    from batch_scorer.models.trust.private_keys import default_key_path, make_key, public_path
    from batch_scorer.models.trust.signing import KEY_VARIABLE

    path = (out or default_key_path()).absolute()
    public = make_key(path, comment=comment)
    if settings.json:
        output.emit_summary(
            0, private_key=str(path), public_key=str(public_path(path)), fingerprint=public.fingerprint
        )
        return
    click.echo(f"{public.label}")
    click.echo(f"  private key  {path}  (keep it secret, and a copy of it safe)")
    click.echo(f"  public key   {public_path(path)}")
    trust = f"mkdir -p jobs/keys && cp {shlex.quote(str(public_path(path)))} jobs/keys/"
    click.echo(f"next: {trust}  # in the project whose jobs are to trust it")
    click.echo(f"next: export {KEY_VARIABLE}={shlex.quote(str(path))}  # signs what is registered")


@models.command()
@click.argument("version", metavar="NAME@V")
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="The private key to sign with.")
@global_options
def sign(settings: Settings, version: str, key: Path | None) -> None:
    """Check every file of NAME@V, then sign it, with --key or with the key in BATCH_SCORER_SIGNING_KEY."""
    from batch_scorer.models.trust.signing import key_from, sign_version

    registry = open_registry(settings)
    name, number = exact_version(registry, version)
    signing_key = key_from(key)
    entry = sign_version(registry, name, number, signing_key, who=user_name())
    if settings.json:
        output.emit_summary(0, name=name, version=number, key=entry.key, signed_at=entry.at)
        return
    click.echo(f"{name}@{number} is signed by {signing_key.public.label}, since {entry.at}")
    if signing_key.public.fingerprint not in _trusted(settings):
        output.warn(
            settings, "jobs of this project do not trust that key: its .pub file is not in jobs/keys/"
        )


@models.command()
@click.argument("version", metavar="[NAME[@V]]", required=False)
@click.option("--load", is_flag=True, help="Also load each version and replay its golden rows.")
@global_options
def verify(settings: Settings, version: str | None, load: bool) -> int:
    """Hold versions against the history and its signatures: every version, those of NAME, or NAME@V."""
    registry, reports = open_registry(settings), []
    if load:
        make_own_code_importable(settings)
    for report in _reports(registry, version, _trusted(settings)):
        reports.append(_loaded(registry, report) if load and not report.problems else report)
        _show(settings, reports[-1])
    for path in _leftovers(registry, reports):
        output.warn(settings, f"{path} belongs to no version; nothing reads it")
    refused = [report for report in reports if report.problems]
    if settings.json:
        code = ModelRefused.exit_code if refused else 0
        output.emit_summary(code, n_versions=len(reports), n_refused=len(refused))
        return code
    if refused:
        return output.fail(settings, _refusal(refused, len(reports)))
    return 0


def _trusted(settings: Settings) -> Mapping[str, PublicKey]:
    from batch_scorer.models.trust.keys import trusted_keys

    return trusted_keys(settings.find_project().keys)


def _reports(
    registry: FileRegistry, reference: str | None, keys: Mapping[str, PublicKey]
) -> Iterator[VersionReport]:
    from batch_scorer.models.registry.names import as_version
    from batch_scorer.models.trust.verifying import verify_models, verify_version

    name, at, selector = (reference or "").partition("@")
    if reference and (at or name not in registry.names()):
        number = as_version(selector)
        if number not in (registry.versions(name) if name in registry.names() else ()):
            name, number = known_version(registry, reference)
        yield verify_version(registry, name, int(number or 0), keys)
    else:
        yield from verify_models(registry, [name] if name else registry.names(), keys)


def _loaded(registry: FileRegistry, report: VersionReport) -> VersionReport:
    from batch_scorer.models.scoring.loader import load_model

    try:
        load_model(registry.resolve(report.label))
    except ModelError as problem:
        return replace(report, problems=(problem,))
    return report


def _leftovers(registry: FileRegistry, reports: list[VersionReport]) -> Iterator[object]:
    from batch_scorer.models.registry.checking import leftovers

    for name in dict.fromkeys(report.name for report in reports if report.version is not None):
        yield from leftovers(registry, name)


def _show(settings: Settings, report: VersionReport) -> None:
    if settings.json:
        output.emit(
            "verified",
            name=report.name,
            version=report.version,
            ok=not report.problems,
            n_files=report.n_files,
            signed_by=[key.fingerprint for key in report.signed_by],
            strangers=list(report.strangers),
            problems=[problem.as_dict() for problem in report.problems],
        )
        return
    if not report.problems:
        click.echo(f"{report.label}  ok  {words.count(report.n_files, 'file')}, {_signers(report)}")
        return
    first, *others = report.problems
    click.echo(f"{report.label}  REFUSED  {first.what}" + (f"; and {len(others)} more" if others else ""))


def _signers(report: VersionReport) -> str:
    known = [f"signed by {key.label}" for key in report.signed_by]
    unknown = [f"signed by {key}, which is not trusted here" for key in report.strangers]
    return ", ".join(known + unknown) or "not signed"


def _refusal(refused: list[VersionReport], n_versions: int) -> ModelRefused:
    problem = refused[0].problems[0]
    labels = ", ".join(report.label for report in refused[:5]) + (", …" if len(refused) > 5 else "")
    return ModelRefused(
        f"{len(refused)} of {words.count(n_versions, 'version')} refused: {labels}; {problem.what}",
        where=problem.where,
        fix=problem.fix,
        next_command=problem.next_command,
    )
