"""An alias moves: gates before, consequences after. The same for `promote` and `rollback`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.using import jobs_using
from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import AliasNotMoved, BatchScorerError

if TYPE_CHECKING:
    from batch_scorer.core.models import ModelPin
    from batch_scorer.execution.promotion.consequences import Consequence
    from batch_scorer.execution.promotion.gates import Gate
    from batch_scorer.execution.promotion.uses import AliasUse
    from batch_scorer.models.registry.files import FileRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """was: what the alias means until then, None when it points nowhere."""

    name: str
    alias: str
    was: int | None
    version: int

    @property
    def uri(self) -> str:
        return f"{self.name}@{self.alias}"

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


def not_blank(_context: click.Context, _option: click.Parameter, text: str) -> str:
    """An unset variable must not become the reason that the history keeps. Raises: click.BadParameter."""
    if not text.strip():
        raise click.BadParameter("it is empty: say why, the history keeps it")
    return text.strip()


def move_alias(
    settings: Settings, registry: FileRegistry, move: Move, do: Callable[[], object] | None
) -> None:
    """do: moves it; None only shows what would be. Raises: AliasNotMoved; whatever `do` raises."""
    if move.was == move.version:
        _say(settings, f"{move.uri} means version {move.version} already: nothing was written")
        _summarize(settings, move, moved=False, dry_run=do is None)
        return
    _through_gates(settings, registry, move, do)
    _summarize(settings, move, moved=do is not None, dry_run=do is None)


def point_alias(settings: Settings, registry: FileRegistry, move: Move, do: Callable[[], object]) -> None:
    """Of a version that was registered just now. Where the alias pointed nowhere, nothing can be outdated.

    Raises: AliasNotMoved; whatever `do` raises.
    """
    if move.was == move.version:
        return
    try:
        if move.was is None:
            _require_welcome(settings, registry, move)
            do()
        else:
            _through_gates(settings, registry, move, do)
    except AliasNotMoved as error:
        error.what = f"{move.reference} is registered, but {move.alias} does not mean it: {error.what}"
        raise


def _require_welcome(settings: Settings, registry: FileRegistry, move: Move) -> None:
    """By the jobs that wait for the alias, if there are any. Raises: AliasNotMoved."""
    from batch_scorer.execution.promotion.gates import gates

    if uses := _uses(settings, move.uri):
        _require_passed(move, list(gates(registry.resolve(move.reference), registry, uses)))


def _through_gates(
    settings: Settings, registry: FileRegistry, move: Move, do: Callable[[], object] | None
) -> None:
    from batch_scorer.execution.promotion.gates import gates

    pin = registry.resolve(move.reference)
    uses = _uses(settings, move.uri)
    asked = list(gates(pin, registry, uses))
    _show_gates(settings, asked, all_shown=do is None or bool(settings.verbose))
    _require_passed(move, asked)
    if do is not None:
        do()
    before = f"before, it meant version {move.was}" if move.was else "it pointed nowhere before"
    _say(settings, f"{move.uri} {'is now' if do else 'would be'} version {move.version}; {before}")
    for use in uses:
        _tell_consequence(settings, use, pin, moved=do is not None)


def _uses(settings: Settings, uri: str) -> list[AliasUse]:
    from batch_scorer import wiring

    project = settings.find_project()
    return [wiring.use_of_alias(project, loaded) for loaded in jobs_using(settings, frozenset({uri}))]


def _show_gates(settings: Settings, asked: Sequence[Gate], *, all_shown: bool) -> None:
    from batch_scorer.execution.promotion.gates import GateState

    for gate in asked:
        if settings.json:
            state = gate.state.value
            output.emit("gate", gate=gate.name, job=gate.job, state=state, found=gate.found, fix=gate.fix)
        elif all_shown:
            click.echo(_gate_line(settings, gate))
        if gate.state is GateState.NOT_ASKED and not all_shown:
            output.warn(settings, f"not asked: {_gate_name(gate)}: {gate.found}")


def _require_passed(move: Move, asked: Sequence[Gate]) -> None:
    """Raises: AliasNotMoved, with every gate that failed."""
    failed = [gate for gate in asked if gate.failed]
    if not failed:
        return
    still = f"still means version {move.was}" if move.was else "points nowhere"
    what = f"{move.reference} failed {len(failed)} of {len(asked)} gates; {move.uri} {still}"
    raise AliasNotMoved(
        "\n".join([what, *(f"  {_gate_name(gate)}: {gate.found}" for gate in failed)]),
        fix="; ".join(dict.fromkeys(gate.fix for gate in failed if gate.fix)) or None,
        next_command=f"batch-scorer models show {move.reference}",
    )


def _gate_name(gate: Gate) -> str:
    return f"{gate.job}, {gate.name}" if gate.job else gate.name


def _gate_line(settings: Settings, gate: Gate) -> str:
    from batch_scorer.execution.promotion.gates import GateState

    marks = {
        GateState.PASSED: output.styled(settings, "ok ", fg="green"),
        GateState.FAILED: output.styled(settings, "BAD", fg="red"),
        GateState.NOT_ASKED: " - ",
    }
    return f" {marks[gate.state]} {_gate_name(gate)}: {gate.found}"


def _say(settings: Settings, text: str) -> None:
    if not settings.json:
        click.echo(text)


def _summarize(settings: Settings, move: Move, *, moved: bool, dry_run: bool) -> None:
    if settings.json:
        output.emit_summary(0, **asdict(move), moved=moved, dry_run=dry_run)


def _tell_consequence(settings: Settings, use: AliasUse, pin: ModelPin, *, moved: bool) -> None:
    """The alias may have moved already: what cannot be found out now is no reason to end badly."""
    from batch_scorer.execution.promotion.consequences import consequence, runs_that_go_on

    now = datetime.now(UTC)
    try:
        parts = use.open_parts()
        with closing(parts.ledger):
            going_on = runs_that_go_on(parts, pin, now, moved=moved)
            found = consequence(parts, pin, now)
    except BatchScorerError as error:
        job = use.job.name
        see = output.command(settings, f"batch-scorer plan {job}")
        output.warn(settings, f"what became outdated of {job} is not known: {error.what}; later: {see}")
        return
    command = output.command(settings, found.command) if found.command else None
    if settings.json:
        output.emit("consequence", **{**asdict(found), "command": command})
    else:
        click.echo(_consequence_lines(found, command))
    for run in going_on:
        see = output.command(settings, f"batch-scorer plan {found.job}")
        output.warn(settings, f"{found.job}: {run}; then: {see}")


def _consequence_lines(found: Consequence, command: str | None) -> str:
    kept = (
        f"; {words.count(found.n_kept, 'pinned partition')} of another version stay" if found.n_kept else ""
    )
    if not found.n_outdated:
        return f"{found.job}: nothing that is published is outdated{kept}"
    span = f"{found.first} to {found.last}" if found.n_outdated > 1 else f"{found.first}"
    when = f"the next run, {found.due_at:%Y-%m-%d %H:%M}" if found.due_at else "the next run"
    more = ", …" if found.n_outdated > len(found.examples) else ""
    return "\n".join(
        [
            f"{found.job}: {words.count(found.n_outdated, 'published partition')} outdated, scored with "
            f"{', '.join(found.scored_with)}: {span}{kept}",
            f"  {', '.join(found.examples)}{more}",
            f"  {found.n_due} due at {when}; {found.n_not_due} not without being asked for",
            f"next: {command}",
        ]
    )
