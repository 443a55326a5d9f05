"""Options that say which partitions: the same for plan, run and backfill."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click

from batch_scorer.core.plans import ModelChoice, Reprocess, Selection

_LAST_SUCCESS = "last-success"
_DAY = click.DateTime(["%Y-%m-%d"])
_OPTIONS = (
    click.option("--from", "first_day", type=_DAY, metavar="DAY", help="First day, included."),
    click.option("--to", "last_day", type=_DAY, metavar="DAY", help="Last day, included."),
    click.option(
        "--since",
        metavar="DAY|last-success",
        help="From this day, or from the newest day that a run which succeeded published.",
    ),
    click.option(
        "--partition",
        "partitions",
        multiple=True,
        metavar="KEY=VALUE",
        help="Only partitions with this value (repeatable).",
    ),
    click.option(
        "--reprocess",
        type=click.Choice([step.value for step in Reprocess]),
        help="What counts as due; each step includes those before it.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="At most so many partitions."),
)


def _named(_context: click.Context, _option: click.Parameter, version: str | None) -> str | None:
    """An unset variable must not score with the job's own model, and pin what it scored."""
    if version == "":
        raise click.BadParameter("it is empty: write NAME@V, or leave it out")
    return version


_MODEL = click.option(
    "--model", metavar="NAME@V", callback=_named, help="Score with this version instead of the job's."
)
_AS_OF_DATE = click.option(
    "--model-as-of-date",
    is_flag=True,
    help="Each partition with the version that the job's alias meant at the end of its day.",
)


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb a `choice` (ModelChoice) of one version."""

    @functools.wraps(command)
    def with_choice(**arguments: Any) -> Any:
        return command(choice=ModelChoice(version=arguments.pop("model")), **arguments)

    return _MODEL(with_choice)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb a `choice` (ModelChoice). Raises: click.UsageError, when two were made."""

    @functools.wraps(command)
    def with_choice(**arguments: Any) -> Any:
        version, of_its_day = arguments.pop("model"), arguments.pop("model_as_of_date")
        if version is not None and of_its_day:
            what = "--model and --model-as-of-date contradict each other: leave one of them out"
            raise click.UsageError(what)
        return command(choice=ModelChoice(version=version, of_its_day=of_its_day), **arguments)

    return _MODEL(_AS_OF_DATE(with_choice))


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb a `selection`. Raises: click.UsageError for `--partition` without `=`."""

    @functools.wraps(command)
    def with_selection(**arguments: Any) -> Any:
        first, last = arguments.pop("first_day"), arguments.pop("last_day")
        since, from_success = _since(arguments.pop("since"), first)
        reprocess = arguments.pop("reprocess")
        selection = Selection(
            first_day=first.date() if first else since,
            last_day=last.date() if last else None,
            since_last_success=from_success,
            partitions=tuple(_pair(text) for text in arguments.pop("partitions")),
            reprocess=Reprocess(reprocess) if reprocess else None,
            limit=arguments.pop("limit"),
        )
        return command(selection=selection, **arguments)

    for option in reversed(_OPTIONS):
        with_selection = option(with_selection)
    return with_selection


def _since(text: str | None, first_day: datetime | None) -> tuple[date | None, bool]:
    """The day it names, or that it is the day of the last success."""
    if text is None:
        return None, False
    if first_day is not None:
        raise click.UsageError("--since and --from both say where to begin; give one of them")
    if text == _LAST_SUCCESS:
        return None, True
    try:
        return datetime.strptime(text, "%Y-%m-%d").date(), False  # noqa: DTZ007 (a day, not a moment)
    except ValueError:
        raise click.UsageError(
            f'--since takes a DAY such as 2024-01-31, or last-success, not "{text}"'
        ) from None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise click.UsageError(f'--partition takes KEY=VALUE, not "{text}"')
    return key, value
