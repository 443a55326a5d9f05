"""`90s`, `10m`, `2h`, `3d`: a duration as an option's value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click


class Duration(click.ParamType[timedelta]):
    """Parsed as the job file's durations are."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        from batch_scorer.config.units import parse_duration

        try:
            return value if isinstance(value, timedelta) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = Duration()
