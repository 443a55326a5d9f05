"""`models at`, `models history`: what an alias meant, and everything that happened to a model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.models.group import models
from batch_scorer.cli.models.registry import open_registry, require_known
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import ConfigInvalid, ModelRefused, UsageError

if TYPE_CHECKING:
    from batch_scorer.models.registry.files import FileRegistry
    from batch_scorer.models.registry.history import HistoryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A day, at its end, or a moment. zone_from: who said in which zone a day is one, in words."""

    text: str
    zone: str
    zone_from: str
    happened: Callable[[dt.datetime], bool]


@models.command()
@click.argument("date", metavar="DATE")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--alias", help="Only this alias.")
@click.option("--timezone", metavar="TZ", help="Where the day ends, as Europe/Berlin; else as the jobs say.")
@global_options
def at(
    settings: Settings, date: str, names: tuple[str, ...], alias: str | None, timezone: str | None
) -> None:
    """Which version each alias meant at the end of DATE (2026-11-30), or at a moment (2026-11-30T14:00Z)."""
    registry = open_registry(settings)
    for name in names:
        require_known(registry, name)
    when = _when(date, *_zone(settings, timezone))
    if not settings.json:
        click.echo(f"at {when.text}, {when.zone} ({when.zone_from})")
    asked = _aliases(registry, names or registry.names(), alias)
    rows = []
    for name, one in asked:
        move = _meaning(registry, name, one, when)
        if settings.json:
            output.emit("meaning", name=name, alias=one, **_meant(move))
        rows.append((f"  {name}@{one}", *_meaning_words(move)))
    if settings.json:
        output.emit_summary(0, at=date, timezone=when.zone, timezone_from=when.zone_from, n_aliases=len(rows))
    else:
        click.echo(output.table(rows) or "  no alias has ever pointed anywhere")


@models.command()
@click.argument("name")
@click.option("--alias", help="Only what happened to this alias.")
@global_options
def history(settings: Settings, name: str, alias: str | None) -> None:
    """Everything that happened to NAME: registrations, moves of aliases, signatures; when, by whom, why."""
    registry = open_registry(settings)
    require_known(registry, name)
    if alias is not None:
        _aliases(registry, [name], alias)
    meant: dict[str, int] = {}
    rows = []
    for entry in registry.history(name):
        was = meant.get(entry.alias) if entry.alias else None
        if entry.alias:
            meant[entry.alias] = entry.version
        if alias is not None and entry.alias != alias:
            continue
        if settings.json:
            told = {**asdict(entry), "event": entry.event.value}
            output.emit("model_event", name=name, **told, was=was)
        rows.append((entry.at[:19].replace("T", " ") + "Z", event_words(entry, was), entry.who, entry.why))
    if settings.json:
        output.emit_summary(0, name=name, n_events=len(rows))
    else:
        click.echo(output.table(rows))


def event_words(entry: HistoryEntry, was: int | None) -> str:
    """`champion v1 → v2`. was: what the alias meant before."""
    from batch_scorer.models.registry.history import HistoryEvent

    match entry.event:
        case HistoryEvent.REGISTERED:
            return f"v{entry.version} registered"
        case HistoryEvent.SIGNED:
            return f"v{entry.version} signed with {entry.key}"
        case HistoryEvent.ALIAS_ROLLED_BACK:
            return f"{entry.alias} v{was} → v{entry.version}, rolled back"
        case HistoryEvent.ALIAS_MOVED:
            return f"{entry.alias} " + (f"v{was} → v{entry.version}" if was else f"→ v{entry.version}")


def _when(text: str, zone: str, zone_from: str) -> When:
    """Raises: UsageError."""
    here = _zone_info(zone)
    try:
        if "T" not in text and " " not in text:
            day = dt.date.fromisoformat(text)
            return When(
                text=f"the end of {day}",
                zone=zone,
                zone_from=zone_from,
                happened=lambda moment: moment.astimezone(here).date() <= day,
            )
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f'"{text}" is neither a day nor a moment', fix="write 2026-11-30, or 2026-11-30T14:00Z"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=here)
    if moment.tzinfo is not None:
        zone, zone_from = "UTC" if not moment.utcoffset() else f"UTC{moment:%z}", "as it is written"
    return When(text=text, zone=zone, zone_from=zone_from, happened=lambda each: each <= aware)


def _zone(settings: Settings, given: str | None) -> tuple[str, str]:
    """(time zone, who says so)."""
    if given is not None:
        return given, "as asked"
    zones = set(_zones_of_jobs(settings))
    if len(zones) == 1:
        return zones.pop(), "as the jobs say"
    return "UTC", "the jobs do not agree on one" if zones else "there is no job to say another"


def _zones_of_jobs(settings: Settings) -> Iterable[str]:
    from batch_scorer import wiring

    project = settings.find_project()
    for name in project.job_names():
        with suppress(ConfigInvalid):
            yield wiring.load(project, name, settings.target).job.schedule.timezone


def _zone_info(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f'there is no time zone "{name}"', fix="write one such as Europe/Berlin or UTC"
        ) from None


def _aliases(registry: FileRegistry, names: Iterable[str], only: str | None) -> list[tuple[str, str]]:
    """(model, alias) of all aliases that ever were. Raises: UsageError, where `only` never was one."""
    from batch_scorer.core.nearest import suggestion

    found = [(name, alias) for name in names for alias in sorted(registry.aliases(name))]
    wanted = [pair for pair in found if only in (None, pair[1])]
    if only is not None and not wanted:
        known = sorted({alias for _name, alias in found})
        raise UsageError(
            f'no model here ever had an alias "{only}"{suggestion(only, known)}',
            fix=f"known aliases: {', '.join(known)}" if known else "no alias points anywhere yet",
            next_command="batch-scorer models list",
        )
    return wanted


def _meaning(registry: FileRegistry, name: str, alias: str, when: When) -> HistoryEntry | None:
    from batch_scorer.models.registry.history import last_move

    try:
        return last_move(registry.history(name), alias, when.happened)
    except ValueError as reason:
        raise ModelRefused(
            f"the history of {name} has a move of {alias} without a time: {reason}",
            where=str(registry.root / name),
            fix="restore history.jsonl from a backup",
        ) from None


def _meant(move: HistoryEntry | None) -> dict[str, object]:
    if move is None:
        return dict.fromkeys(("version", "since", "who", "why"))
    return {"version": move.version, "since": move.at, "who": move.who, "why": move.why}


def _meaning_words(move: HistoryEntry | None) -> tuple[str, str]:
    if move is None:
        return "nothing", ""
    from batch_scorer.models.registry.history import moment_of

    since = words.moment(moment_of(move).astimezone(dt.UTC))
    return f"v{move.version}", f"since {since}, by {move.who}: {move.why}"
