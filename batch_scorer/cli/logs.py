"""`show RUN --logs`: what a run logged, as text or as JSON Lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.settings import Settings
from batch_scorer.core.records import RunRecord


def show_log(settings: Settings, state: Path, run: RunRecord) -> None:
    """state: the state directory of the run's job. A log that is not there is told as a warning."""
    from batch_scorer.ops.run_logs import log_file, read_log

    file = log_file(state, run.job, run.run_id)
    try:
        lines = tuple(read_log(file))
    except OSError as error:
        output.warn(settings, f"run {run.run_id} has no log: {error.strerror}: {file}")
        return
    for line in lines:
        if settings.json:
            output.emit("log", **line)
        else:
            click.echo(_in_words(line))


def _in_words(line: Mapping[str, Any]) -> str:
    """`  2024-03-28 04:30:07Z WARNING batch_scorer.told: message (tcp://…)`, then a traceback."""
    moment = f"{line['time'][:19].replace('T', ' ')}Z"
    worker = f" ({line['worker']})" if "worker" in line else ""
    told = f"  {moment} {line['level'].upper():<7} {line['logger']}: {line['message']}{worker}"
    return "\n".join([told, *line.get("exception", "").splitlines()])
