"""Runs by what a person calls them, in whichever of the project's ledgers they are."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from batch_scorer.cli.asked import asked_jobs
from batch_scorer.cli.settings import Settings
from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.core.records import RunRecord, RunState

if TYPE_CHECKING:
    from batch_scorer.ledger.ledger import Ledger
    from batch_scorer.ledger.shared import SharedLedger


def find_run(settings: Settings, what: str) -> tuple[SharedLedger, RunRecord]:
    """The ledger that knows the run, and the run.

    what: a run's id, its beginning, or `last`: in one ledger what started last, whatever a clock said.
    Raises: UsageError, when it is none, or several.
    """
    if not what:  # an unset variable in a script: every id begins with nothing
        raise UsageError("a run's id is empty", fix="name it, or last", next_command="batch-scorer runs")
    from batch_scorer.execution.at_work import as_it_stands

    problem: UsageError | None = None
    found: list[tuple[SharedLedger, RunRecord]] = []
    for shared in ledgers(settings, None):
        try:
            found.append((shared, as_it_stands(shared.ledger, shared.ledger.run(what))))
        except UsageError as error:
            problem = error
    names = {run.run_id for _, run in found}
    if len(names) > 1 and what != "last":
        raise UsageError(f'"{what}" is the start of several runs', fix=f"one of {', '.join(sorted(names))}")
    if found:
        return max(found, key=lambda one: one[1].run_id)
    raise problem or UsageError("nothing has run yet", next_command="batch-scorer run JOB")


def newest_runs(
    settings: Settings, job: str | None, limit: int, *, unsuccessful: bool
) -> Iterator[RunRecord]:
    """Of all ledgers together, newest first; runs of one ledger stay in the order they started.

    Read as they are asked for.
    """
    each = [_runs(shared.ledger, job, limit, unsuccessful=unsuccessful) for shared in ledgers(settings, job)]
    return islice(_merged(*each), limit)


def _runs(ledger: Ledger, job: str | None, limit: int, *, unsuccessful: bool) -> Iterator[RunRecord]:
    from batch_scorer.execution.at_work import as_it_stands

    found = (as_it_stands(ledger, run) for run in ledger.each_run(job, limit, unsuccessful=unsuccessful))
    if not unsuccessful:
        return found
    # The ledger does not know yet of those that have died since its last run.
    begun = (as_it_stands(ledger, run) for run in ledger.unfinished_runs() if job in (None, run.job))
    died = {run.run_id: run for run in begun if run.state is RunState.DIED}
    # It may learn of one while we look, and tell of it too.
    return _merged((run for run in found if run.run_id not in died), iter(died.values()))


def _merged(*runs: Iterator[RunRecord]) -> Iterator[RunRecord]:
    return heapq.merge(*runs, key=lambda run: run.run_id, reverse=True)


def ledgers(settings: Settings, job: str | None) -> tuple[SharedLedger, ...]:
    """The ledger of one job, or those of all jobs of the project.

    Raises: ConfigInvalid, when all of them are broken.
    """
    from batch_scorer import wiring

    project = settings.find_project()
    loaded = asked_jobs(settings, project, job, lambda name: wiring.load(project, name, settings.target))
    opened = wiring.open_ledgers(project, loaded)
    if not opened and project.job_names():  # each was told; that nothing has run would be a lie
        raise ConfigInvalid(
            "no job file can be read, so nobody knows where their ledgers are",
            where=str(project.root / "jobs"),
            next_command="batch-scorer validate-config",
        )
    return opened
