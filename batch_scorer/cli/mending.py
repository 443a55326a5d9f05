"""`rollback`, `unpin`, `repair`, `unlock`, `cancel`, `gc`: verbs for the morning after."""

from __future__ import annotations

import shlex
import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.durations import DURATION
from batch_scorer.cli.finding import find_run
from batch_scorer.cli.settings import Settings, global_options

if TYPE_CHECKING:
    from batch_scorer.execution.parts import JobParts

_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done and change nothing.")
_partition = click.option(
    "--partition", required=True, metavar="P", help="2024-01-31, or ride_date=2024-01-31."
)


@click.command()
@click.argument("job")
@_partition
@click.option(
    "--to", "generation", type=click.IntRange(min=1), metavar="GENERATION", help="Default: the one before."
)
@click.option("--reason", metavar="TEXT", default="rolled back", help="Why, for the audit.")
@_dry_run
@global_options
def rollback(
    settings: Settings, job: str, partition: str, generation: int | None, reason: str, dry_run: bool
) -> None:
    """Show an earlier generation of a partition again, as a new one that is pinned."""
    from batch_scorer.execution.publishing import rollback as rolling

    if dry_run:
        done = rolling.choose(_reading(settings, job), partition, generation)
    else:
        done = rolling.rollback(
            _writing(settings, job), partition, generation, why=reason, command=tuple(sys.argv)
        )
    target, current = done.target, done.current
    if settings.json:
        output.emit_summary(
            0, job=job, partition=current.partition.path, was=current.number, shows=target.number,
            generation=done.number, run_id=done.run_id, dry_run=dry_run,
        )  # fmt: skip
        return
    model = f"{target.ingredients.model_name}@{target.ingredients.model_version}"
    did = "would show" if dry_run else f"generation {done.number} shows"
    click.echo(
        f"{job}/{current.partition.path}: {did} the files of generation {target.number} again "
        f"({target.rows.n_scored:,} rows, {model}) instead of {current.number}; pinned"
    )
    if not dry_run:
        command = f"batch-scorer unpin {job} --partition {shlex.quote(current.partition.label)}"
        click.echo(f"next: {output.command(settings, command)} lets it be scored again")


@click.command()
@click.argument("job")
@_partition
@_dry_run
@global_options
def unpin(settings: Settings, job: str, partition: str, dry_run: bool) -> None:
    """Let a pinned partition be due like any other."""
    from batch_scorer.execution.publishing import rollback as rolling

    if dry_run:
        current = rolling.pinned(_reading(settings, job), partition)
    else:
        current = rolling.unpin(_writing(settings, job), partition)
    if settings.json:
        output.emit_summary(
            0, job=job, partition=current.partition.path, generation=current.number, dry_run=dry_run
        )
        return
    pin = current.pin
    why = f" (pinned by {pin.by}, {words.moment(pin.at)}: {pin.why})" if pin else ""
    did = "would be unpinned" if dry_run else "is not pinned any more"
    click.echo(f"{job}/{current.partition.path}: generation {current.number} {did}{why}")


@click.command()
@click.argument("job")
@_dry_run
@global_options
def repair(settings: Settings, job: str, dry_run: bool) -> None:
    """Settle what runs that died left behind, as every run does first."""
    from batch_scorer.execution.publishing import mending

    done = mending.unfinished(_reading(settings, job)) if dry_run else mending.repair(_writing(settings, job))
    for line in done:
        if settings.json:
            output.emit("repaired", text=line)
        else:
            click.echo(f" {line}")
    if settings.json:
        output.emit_summary(0, job=job, n_repaired=len(done), dry_run=dry_run)
    elif not done:
        output.remark(settings, f"{job}: nothing to repair")


@click.command()
@click.argument("job")
@click.option("--force", is_flag=True, help="Also take leases of silent holders on other hosts.")
@_dry_run
@global_options
def unlock(settings: Settings, job: str, force: bool, dry_run: bool) -> None:
    """Take the leases of runs that are gone; of one that lives, never."""
    from batch_scorer.execution.publishing import mending

    parts = _reading(settings, job) if dry_run else _writing(settings, job)
    found = mending.holdings(parts) if dry_run else mending.unlock(parts, force=force)
    for each in found:
        _show_holder(settings, each, dry_run=dry_run)
    if settings.json:
        output.emit_summary(0, job=job, n_holders=len(found), dry_run=dry_run)
    elif not found:
        output.remark(settings, f"{job}: nobody holds anything")


def _show_holder(settings: Settings, each: Any, *, dry_run: bool) -> None:
    from datetime import UTC, datetime

    holder = each.holder
    if settings.json:
        output.emit(
            "holder", run_id=holder.run_id, verb=holder.verb, user=holder.user, host=holder.process.host,
            pid=holder.process.pid, since=holder.since, heartbeat_at=holder.heartbeat_at,
            state=each.verdict, partitions=list(each.partitions),
        )  # fmt: skip
        return
    what = words.count(len(each.partitions), "partition")
    did = f"is {each.verdict}" if dry_run else f"was {each.verdict}, unlocked"
    click.echo(f" {holder.words(datetime.now(UTC))}: {did}, {what}")
    for path in each.partitions:
        click.echo(f"   {path}")


@click.command()
@click.argument("run")
@_dry_run
@global_options
def cancel(settings: Settings, run: str, dry_run: bool) -> None:
    """Ask a run to stop, wherever it runs; what it published stays."""
    from batch_scorer.execution.publishing import mending
    from batch_scorer.ledger.opening import open_ledger

    shared, found = find_run(settings, run)
    holder = mending.cancellable(shared.ledger, found)
    if not dry_run:
        # What was opened to look into may be a copy of an older ledger.
        with closing(open_ledger(shared.database)) as ledger:
            mending.cancel(ledger, found)
    if settings.json:
        output.emit_summary(
            0, run_id=found.run_id, host=holder.process.host, pid=holder.process.pid, dry_run=dry_run
        )
        return
    where = f"on {holder.process.host}, pid {holder.process.pid}"
    did = "would be asked" if dry_run else "was asked"
    click.echo(f"run {found.run_id} {where} {did} to stop; it ends (exit 143) after the chunk in hand")


@click.command()
@click.argument("job", required=False)
@click.option(
    "--older-than", type=DURATION, required=True, metavar="90d", help="Only what is older than this."
)
@_dry_run
@global_options
def gc(settings: Settings, job: str | None, older_than: timedelta, dry_run: bool) -> None:
    """Remove replaced generations, unfinished work and logs that nothing needs any more."""
    from batch_scorer.execution.publishing import cleaning

    n_all = 0
    for name in [job] if job else settings.find_project().job_names():
        if dry_run:
            found = cleaning.garbage(_reading(settings, name), older_than)
        else:
            found = cleaning.collect(_writing(settings, name), older_than)
        with closing(found):
            for each in found:
                n_all += 1
                _show_garbage(settings, name, each, "would remove" if dry_run else "removed")
    if settings.json:
        output.emit_summary(0, n_removed=n_all, dry_run=dry_run)
    elif not n_all:
        output.remark(settings, "nothing to remove")


def _show_garbage(settings: Settings, job: str, each: Any, did: str) -> None:
    age_s = int(each.age.total_seconds())
    if settings.json:
        output.emit("garbage", job=job, partition=each.partition, kind=each.kind, name=each.name, age_s=age_s)
    else:
        of = job if each.partition is None else f"{job}/{each.partition}"
        click.echo(f" {did} {each.kind} {each.name} of {of}, {age_s // 86_400} days old")


def _reading(settings: Settings, job: str) -> JobParts:
    from batch_scorer import wiring

    return wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)


def _writing(settings: Settings, job: str) -> JobParts:
    from batch_scorer import wiring

    return wiring.open_job(settings.find_project(), job, target=settings.target)
