"""`show`: one run, or one partition, in full, from the ledger and the manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.attempts import attempt_dict, cost_lines, echo_attempt, place
from batch_scorer.cli.finding import find_run
from batch_scorer.cli.health import tally
from batch_scorer.cli.logs import show_log
from batch_scorer.cli.runs import run_dict
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.show_partition import show_partition
from batch_scorer.cli.verdicts import emit_results
from batch_scorer.core.errors import LockHeld, UsageError
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.partitions import typed
from batch_scorer.core.records import RunRecord

if TYPE_CHECKING:
    from batch_scorer.ledger.ledger import Ledger

_MAX_ANCESTORS = 100


@click.command()
@click.argument("what")
@click.option("--validation", is_flag=True, help="Suite results, expectation by expectation.")
@click.option("--files", is_flag=True, help="Input and output files with their hashes.")
@click.option("--config", is_flag=True, help="The job file as it was resolved for the run.")
@click.option("--logs", is_flag=True, help="What the run logged.")
@global_options
def show(settings: Settings, what: str, validation: bool, files: bool, config: bool, logs: bool) -> None:
    """One run (an id, its beginning, or `last`), or one partition (JOB/PARTITION), in full."""
    if "/" in what:
        if logs:
            raise UsageError("--logs is for one run", next_command="batch-scorer show RUN --logs")
        job, partition = what.split("/", 1)
        run = show_partition(settings, job, partition, validation=validation, files=files, config=config)
        if run is not None:
            _echo_config(run)
    elif files:
        raise UsageError(
            "--files is for one partition", next_command="batch-scorer show JOB/PARTITION --files"
        )
    else:
        _show_run(settings, what, validation=validation, config=config, logs=logs)


def _show_run(settings: Settings, what: str, *, validation: bool, config: bool, logs: bool) -> None:
    shared, run = find_run(settings, what)
    ledger, kept = shared.ledger, shared.kept_of(run.job)
    if settings.json:
        _emit_run(ledger, run, kept, validation=validation)
        if logs:
            show_log(settings, shared, run)
        output.emit_summary(0, run_id=run.run_id)
        return
    for line in _head(ledger, run):
        click.echo(line)
    for attempt in ledger.attempts(run.run_id):
        echo_attempt(settings, attempt, kept, validation=validation)
    if config:
        _echo_config(run)
    if logs:
        show_log(settings, shared, run)
    for line in _what_is_left(ledger, run):
        click.echo(line if not line.startswith("next: ") else output.command(settings, line))


def _emit_run(ledger: Ledger, run: RunRecord, kept: KeptFiles, *, validation: bool) -> None:
    parents, retries = _ancestors(ledger, run), ledger.retries_of(run.run_id)
    output.emit(
        "run",
        **run_dict(run),
        attempt=len(parents) + 1,
        retried_by=[retry.run_id for retry in retries],
    )
    for attempt in ledger.attempts(run.run_id):
        output.emit("attempt", **attempt_dict(attempt))
        if validation:
            emit_results(place(attempt), attempt.verdicts, kept=kept)


def _model_words(run: RunRecord) -> str:
    is_one = "," not in run.model
    return f"{run.model} ({run.model_sha256[:12]}…)" if is_one else f"{run.model}, each for its days"


def _head(ledger: Ledger, run: RunRecord) -> Iterator[str]:
    ended = f"exit {run.exit_code}" if run.exit_code is not None else run.state.value
    yield f"run {run.run_id} of {run.job}: {tally(run)}, {ended}"
    yield f"  started   {words.moment(run.started_at)} by {run.user} on {run.host}"
    if run.finished_at:
        for line in cost_lines(run.cost, (run.finished_at - run.started_at).total_seconds()):
            word, _, rest = line.partition(" ")
            yield f"  {word.rstrip(':'):<9} {rest}"
    yield f"  model     {_model_words(run)}, code {run.code_version}"
    if run.guarantee:
        yield f"  visible   by {run.guarantee}"
    if run.reason:
        yield f"  reason    {run.reason}"
    yield from _chain(ledger, run)
    if run.error:
        yield f"  stopped   {run.error['what']}"


def _chain(ledger: Ledger, run: RunRecord) -> Iterator[str]:
    """Which try it is, of what, and who tried again."""
    parents, retries = _ancestors(ledger, run), ledger.retries_of(run.run_id)
    if parents:
        yield f"  attempt   {len(parents) + 1}, a retry of {', of '.join(each.run_id for each in parents)}"
    for retry in retries:
        ended = f"exit {retry.exit_code}" if retry.exit_code is not None else retry.state.value
        yield f"  retried   by {retry.run_id}, {words.moment(retry.started_at)}: {tally(retry)}, {ended}"


def _ancestors(ledger: Ledger, run: RunRecord) -> list[RunRecord]:
    """Its parent first. A rebuilt ledger does not know every run."""
    found: list[RunRecord] = []
    while run.parent_run_id and len(found) < _MAX_ANCESTORS:
        try:
            run = ledger.run(run.parent_run_id)
        except UsageError:
            break
        found.append(run)
    return found


def _what_is_left(ledger: Ledger, run: RunRecord) -> Iterator[str]:
    """And the command for it. Lines; the command behind `next: `."""
    from batch_scorer.execution.retrying import Left, rest_of

    try:
        rest = rest_of(ledger, run)
    except LockHeld as error:
        yield "it is still going on"
        yield f"next: {error.next_command}"
        return
    for path, left in rest.partitions.items():
        if left is Left.UNFINISHED:
            yield f" {path.rpartition('=')[2] if '/' not in path else path} UNFINISHED"
    for path, why in rest.passed_over:
        yield f" {path}: {why}"
    if rest.partitions:
        yield f"still as it left them: {rest.words}"
        yield f"next: batch-scorer retry {run.run_id}"
    elif run.n_published == 1 and not rest.passed_over:
        paths = [place(attempt) for attempt in ledger.attempts(run.run_id)]
        yield from (f"next: batch-scorer show {typed(run.job, path)}" for path in paths[:1])


def _echo_config(run: RunRecord) -> None:
    for key, value in sorted(run.config.items()):
        click.echo(f"  {key}: {json.dumps(value, ensure_ascii=False, default=str)}")
