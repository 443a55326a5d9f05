"""`show RUN --logs`: what a run logged, as text or as JSON Lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output
from batch_scorer.cli.settings import Settings
from batch_scorer.core.records import RunRecord

if TYPE_CHECKING:
    from batch_scorer.ledger.shared import SharedLedger


def show_log(settings: Settings, shared: SharedLedger, run: RunRecord) -> None:
    """A log that is not there is told as a warning. Raises: StoreUnavailable."""
    from batch_scorer.ops.run_logs import log_file, log_lines, log_path

    path, kept = log_path(run.job, run.run_id), shared.kept_of(run.job)
    here = log_file(shared.state_of(run.job), run.job, run.run_id)  # all there is while the run goes on
    try:
        content = here.read_bytes() if here.exists() else kept.read(path)
    except OSError as error:
        output.warn(settings, f"run {run.run_id} has no log: {error.strerror}: {kept.at(path)}")
        return
    for line in log_lines(content):
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
