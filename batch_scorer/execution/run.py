"""One run of a job from plan to report: enter, recover, plan, record, drive, conclude, leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ulid import ULID

from batch_scorer.core.errors import BatchScorerError, ClusterUnavailable, ConfigInvalid
from batch_scorer.core.faults import FaultPoint, fault_point
from batch_scorer.core.machine import usable_cpus
from batch_scorer.core.outcomes import Failed
from batch_scorer.core.plans import Action, Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import Recorded, RunListener, RunOptions, RunReport
from batch_scorer.core.surprises import as_internal_error
from batch_scorer.execution import attempts
from batch_scorer.execution.clusters.choice import choose, open_cluster
from batch_scorer.execution.clusters.local.workers import stop_fork_server
from batch_scorer.execution.clusters.protocol import Cluster
from batch_scorer.execution.clusters.starting import StartingCluster
from batch_scorer.execution.clusters.task import run_chunk
from batch_scorer.execution.exits import report_of
from batch_scorer.execution.observing import Observers
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.leases import at_work
from batch_scorer.execution.publishing.recovery import recover
from batch_scorer.execution.publishing.run_records import new_run, record_end
from batch_scorer.execution.stop import StopRequest, listening
from batch_scorer.execution.under_way import RunUnderWay
from batch_scorer.execution.worker_needs import worker_needs
from batch_scorer.ops.logs import TOLD, logging_run
from batch_scorer.ops.run_logs import handing_over, keeping_log, log_file, log_path

_told = logging.getLogger(TOLD)

_GX_BYTES = 4 << 30
_MAX_NAMED = 5


def run_job(
    parts: JobParts,
    make_plan: Callable[[], Plan],
    options: RunOptions,
    listener: RunListener,
    recorded: Recorded = lambda _code, _was_signalled: None,
) -> RunReport:
    """Do everything the plan says. make_plan: called once recovery is done, so that the plan sees what a
    run that died really left behind. recorded: called once the ledger has the exit code, which no signal
    changes from then on.

    Returns: what happened, exit code included. Raises: a stop, and whatever planning raises; after that
    every failure is in the report.
    """
    run_id = str(ULID())
    with (
        logging_run(run_id),
        handing_over(parts.places.state, parts.kept, log_path(parts.job.name, run_id)),
        keeping_log(log_file(parts.places.state, parts.job.name, run_id)),
        listening(StopRequest(_timeout(parts, options))) as stop,
        at_work(
            parts.ledger,
            parts.places.presence,
            job=parts.job.name,
            verb="run",
            run_id=run_id,
            on_cancel=stop.cancel,
        ) as leases,
    ):
        recovered = recover(parts, leases)
        with stop.at_once():  # a plan may hash for hours, and writes nothing
            plan = make_plan()
        _check_layout(parts, plan)
        _refresh(parts, plan)
        run = RunUnderWay(
            record=_run_record(parts, plan, options, run_id),
            parts=parts,
            plan=plan,
            options=options,
            listener=listener,
            stop=stop,
            leases=leases,
        )
        return _run(run, recovered, recorded)


def _timeout(parts: JobParts, options: RunOptions) -> timedelta | None:
    return parts.job.compute.timeout if options.timeout is None else options.timeout


def _check_layout(parts: JobParts, plan: Plan) -> None:
    """Two layouts in one table would show every row twice. Raises: ConfigInvalid."""
    keys = tuple(key.name for key in parts.job.input.partition_by)
    others = [
        e.partition for e in plan.with_action(Action.VANISHED) if e.partition and e.partition.names != keys
    ]
    if others and plan.order:
        raise ConfigInvalid(
            f"{parts.job.name} has published partitions by {', '.join(others[0].names)}, "
            f"and input.partition_by says {', '.join(keys)}",
            where=f"jobs/{parts.job.name}.yml, input.partition_by; {parts.places.predictions}",
            fix="give the new layout an output.path of its own, or a job of its own",
        )


def _refresh(parts: JobParts, plan: Plan) -> None:
    """Files whose stamps changed and whose content did not: remember the new stamps."""
    for partition, files in plan.refreshed:
        parts.ledger.refresh_inputs(parts.job.name, partition, files)


def _run(run: RunUnderWay, warnings: Sequence[str], recorded: Recorded) -> RunReport:
    parts, plan, record = run.parts, run.plan, run.record
    warnings = [*warnings, *plan.warnings, *_waiting(plan)]
    parts.ledger.start_run(record)
    fault_point(FaultPoint.RUN_STARTED)
    _told.info("%s partitions of %s to score with %s", len(plan.order), record.job, record.model)
    for text in warnings:
        _told.warning("%s", text)
    observers = Observers(parts.observers)
    observers.started(record, plan)
    stopped_by = _carry_out(run)
    report = report_of(run, stopped_by, warnings)
    if stopped_by is not None:
        _told.error("%s", stopped_by.what)
    unrecorded = record_end(parts, report.run)
    run.stop.too_late()
    fault_point(FaultPoint.RUN_FINISHED)
    if unrecorded is not None and stopped_by is None:
        report = report_of(run, unrecorded, warnings)
    recorded(report.exit_code, run.stop.was_signalled)
    run.stop.outcome_stands()
    _told.info("ended with exit code %s", report.exit_code)
    untold: tuple[str, ...] = ()
    with run.stop.unless_hurried():
        untold = observers.ended(report, plan)
    return replace(report, warnings=(*report.warnings, *untold))


def _carry_out(run: RunUnderWay) -> BatchScorerError | None:
    """Returns: what ended the run as a whole, if anything."""
    try:
        if run.plan.order:
            run.listener.run_started(run.record, run.plan)
        _report_refused(run)
        _drive(run)
    except BatchScorerError as error:
        return error
    except KeyboardInterrupt:
        return run.stop.signalled
    except Exception as surprise:
        return as_internal_error(surprise)
    return None


def _report_refused(run: RunUnderWay) -> None:
    """A directory that is no partition fails loudly every night: silence would lose its rows."""
    for entry in run.plan.with_action(Action.REFUSED):
        assert entry.problem is not None  # noqa: S101 (REFUSED always says why)
        outcome = Failed(partition=entry.partition, label=entry.label, error=entry.problem)
        run.outcomes.append(outcome)
        attempts.record(run, entry, outcome, started_at=datetime.now(UTC), under_lease=False)
        run.listener.partition_done(outcome)


def _drive(run: RunUnderWay) -> None:
    if not run.plan.order:
        stop_fork_server()
        return
    cluster = _cluster(run)
    from batch_scorer.execution.driver import Driver
    from batch_scorer.validation.gx.process import GxProcess

    try:
        with GxProcess(max_bytes=_GX_BYTES, code=run.parts.code) as judge:
            Driver(run, cluster=cluster, judge=judge).run()
    finally:
        cluster.close()


def _cluster(run: RunUnderWay) -> Cluster:
    parts, plan, options, stop = run.parts, run.plan, run.options, run.stop
    compute = parts.job.compute
    n_bytes = sum(entry.found.n_bytes for entry in plan.to_score if entry.found)
    spec = choose(
        options.cluster or compute.cluster, n_rows=plan.n_rows, n_chunks=1 + n_bytes // compute.chunk
    )
    start = partial(
        open_cluster,
        spec,
        run_chunk,
        memory_per_worker=compute.memory_per_worker,
        run_id=run.run_id,
        needs=lambda: worker_needs(parts, plan.models, [e.found for e in plan.to_score if e.found]),
        check_stop=stop.check,
    )
    workers = options.workers or compute.workers
    if spec == "local":  # half a second in which partitions are prepared
        n_workers = workers or usable_cpus()
        return StartingCluster(partial(start, workers=n_workers), slots=n_workers, check_stop=stop.check)
    stop_fork_server()
    try:
        return start(workers=workers)
    except ClusterUnavailable:
        stop.check()  # who stops us may stop the workers too, and that comes first
        raise


def _waiting(plan: Plan) -> list[str]:
    """Why the run ends with 75, by name: the newest few."""
    entries = plan.not_ready
    lines = [f"{entry.label} waits: {entry.why}" for entry in entries[-_MAX_NAMED:]]
    n_more = len(entries) - len(lines)
    return [*lines, f"{n_more} more wait"] if n_more else lines


def _run_record(parts: JobParts, plan: Plan, options: RunOptions, run_id: str) -> RunRecord:
    run = new_run(
        parts,
        run_id,
        model=", ".join(model.reference for model in plan.models),
        model_sha256=", ".join(model.sha256 for model in plan.models),
        command=options.command,
        reason=options.reason,
    )
    return replace(
        run,
        parent_run_id=options.parent_run_id,
        planned={e.partition.path: e.base_generation or 0 for e in plan.to_score if e.partition},
        choice=plan.choice,
    )
