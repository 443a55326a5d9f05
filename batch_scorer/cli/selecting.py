"""Options that say which partitions: the same for plan, run and backfill."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from batch_scorer.core.plans import Reprocess, Selection

_DAY = click.DateTime(["%Y-%m-%d"])
_OPTIONS = (
    click.option("--from", "first_day", type=_DAY, metavar="DAY", help="First day, included."),
    click.option("--to", "last_day", type=_DAY, metavar="DAY", help="Last day, included."),
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


as_of_date_option = click.option(
    "--model-as-of-date",
    is_flag=True,
    help="Each partition with the version that the job's alias meant at the end of its day.",
)


def check_one_model(model: str | None, as_of_date: bool) -> None:
    """Raises: click.UsageError."""
    if model is not None and as_of_date:
        raise click.UsageError("--model and --model-as-of-date contradict each other: leave one of them out")


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hand the verb a `selection`. Raises: click.UsageError for `--partition` without `=`."""

    @functools.wraps(command)
    def with_selection(**arguments: Any) -> Any:
        first, last = arguments.pop("first_day"), arguments.pop("last_day")
        reprocess = arguments.pop("reprocess")
        selection = Selection(
            first_day=first.date() if first else None,
            last_day=last.date() if last else None,
            partitions=tuple(_pair(text) for text in arguments.pop("partitions")),
            reprocess=Reprocess(reprocess) if reprocess else None,
            limit=arguments.pop("limit"),
        )
        return command(selection=selection, **arguments)

    for option in reversed(_OPTIONS):
        with_selection = option(with_selection)
    return with_selection


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise click.UsageError(f'--partition takes KEY=VALUE, not "{text}"')
    return key, value
