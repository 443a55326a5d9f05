"""`models diff`: what one version is otherwise than another."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import known_version, open_registry
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.models.registry.differences import ModelDifference
    from batch_scorer.models.registry.files import FileRegistry

_Version = tuple[str, int]
_LONGEST = 60
_SHA256 = re.compile(r"[0-9a-f]{64}")


@models.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="[B]", required=False)
@global_options
def diff(settings: Settings, old: str, new: str | None) -> None:
    """What B is otherwise than A; both NAME@V or NAME@ALIAS.

    Without B: what the newest version is otherwise than A, or, of a bare NAME, than the one before it.
    """
    from batch_scorer.models.registry.differences import differences

    registry = open_registry(settings)
    before, after = _two_versions(registry, old, new)
    found = differences(registry.manifest(*before), registry.manifest(*after))
    labels = {"old": _label(before), "new": _label(after)}
    if settings.json:
        for each in found:
            output.emit("model_difference", **{**asdict(each), "aspect": each.aspect.value})
        output.emit_summary(0, **labels, n_differences=len(found))
        return
    click.echo(f"{labels['old']} → {labels['new']}" + ("" if found else ": nothing differs"))
    for aspect in dict.fromkeys(each.aspect for each in found):
        click.echo(f"  {aspect.value}")
        click.echo(output.table(_row(each) for each in found if each.aspect is aspect))


def _two_versions(registry: FileRegistry, old: str, new: str | None) -> tuple[_Version, _Version]:
    """Raises: UsageError, when there are no two."""
    before = known_version(registry, old)
    if new is not None:
        return before, known_version(registry, new)
    name, number = before
    newest = registry.versions(name)[-1]
    if "@" not in old:
        number = max((each for each in registry.versions(name) if each < newest), default=newest)
    if number == newest:
        what = "has no version before it" if "@" not in old else "is the newest itself"
        raise UsageError(
            f"{name}@{newest} {what}: there is nothing to compare it to",
            fix="name two versions: models diff A B",
            next_command="batch-scorer models list",
        )
    return (name, number), (name, newest)


def _label(version: _Version) -> str:
    return f"{version[0]}@{version[1]}"


def _row(each: ModelDifference) -> tuple[str, str]:
    if each.old is None or each.new is None:
        mark, values = ("+", _shown(each.new)) if each.old is None else ("-", _shown(each.old))
    else:
        delta = f" ({each.delta:+.6g})" if each.delta is not None else ""
        mark, values = "~", f"{_shown(each.old)} → {_shown(each.new)}{delta}"
    return f"  {mark} {each.what}", values


def _shown(value: Any) -> str:
    """In one line of bearable length; `--json` has all of it."""
    match value:
        case list():
            text = ", ".join(map(str, value)) or "one value"
        case float():
            text = f"{value:g}"
        case dict():
            text = "; ".join(f"{key}: {_shown(each)}" for key, each in value.items())
        case str() if _SHA256.fullmatch(value):
            text = f"{value[:12]}…"
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
