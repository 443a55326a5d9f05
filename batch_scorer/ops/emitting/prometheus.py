"""The metrics of a job as a file for node_exporter's textfile collector; docs/metrics.md describes each.

All are gauges that tell of the last run or of the ledger: a counter would have to outlive the file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.core.durable import write_beside
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.plans import Action, Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.emitting.facts import History, JobFacts, OpenLedger

_READABLE = 0o644  # node_exporter is another user, whatever the umask of ours
_JOB = "batch_job"  # `job` is what Prometheus calls the scrape configuration

Values = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusTextfile:
    """Observes runs: writes the file whenever one has ended, or could not begin.

    open_ledger: None when a wrong job file does not say where it is.
    """

    path: Path
    job: Job
    open_ledger: OpenLedger | None

    @property
    def name(self) -> str:
        return f"emit.prometheus_textfile {self.path}"

    def started(self, run: RunRecord, plan: Plan) -> None:
        """What the file says of the run before is true still."""

    def ended(self, report: RunReport, plan: Plan) -> None:
        """Raises: DiskFull, OutputUnwritable."""
        run = report.run
        self._write(
            JobFacts(
                timezone=self.job.schedule.timezone,
                suites=_suites(self.job),
                ended_at=run.finished_at or run.started_at,
                exit_code=report.exit_code,
                run=run,
                plan=plan,
                outcomes=report.outcomes,
                history=self._history(),
            )
        )

    def refused(self, error: BatchScorerError) -> None:
        """Raises: as ended."""
        self._write(
            JobFacts(
                timezone=self.job.schedule.timezone,
                suites=_suites(self.job),
                ended_at=dt.datetime.now(dt.UTC),
                exit_code=error.exit_code,
                history=self._history(),
            )
        )

    def _history(self) -> History | None:
        if self.open_ledger is None:
            return None
        try:
            with closing(self.open_ledger()) as ledger:
                return History(
                    partitions=ledger.pasts(self.job.name),
                    last_success=ledger.last_success(self.job.name),
                )
        except BatchScorerError:
            return None  # the run itself tells of it, and its exit code is worth writing

    def _write(self, facts: JobFacts) -> None:
        write_beside(self.path, render(self.job.name, facts), mode=_READABLE)


def _suites(job: Job) -> tuple[tuple[str, str], ...]:
    return (
        *((use.suite, "input") for use in job.validation.input),
        *((use.suite, "output") for use in job.validation.output),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """values: (label values, number); of none there is no series. name: without `batch_scorer_`."""

    name: str
    help: str
    values: Callable[[JobFacts], Values]
    labels: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"batch_scorer_{self.name}"


def render(job: str, facts: JobFacts) -> bytes:
    """The text exposition format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    for metric in METRICS:
        values = list(metric.values(facts))
        if not values:
            continue
        gauge = Gauge(metric.full_name, metric.help, (_JOB, *metric.labels), registry=registry)
        for labels, value in values:
            gauge.labels(job, *labels).set(value)
    return generate_latest(registry)


def _one(value: float) -> Values:
    return [((), value)]


def _last_success(facts: JobFacts) -> Values:
    if facts.history is None:
        return []
    # 0: an alert on its age goes off as well when there never was one.
    return _one(facts.history.last_success.timestamp() if facts.history.last_success else 0)


def _duration(facts: JobFacts) -> Values:
    return [] if facts.run is None else _one((facts.ended_at - facts.run.started_at).total_seconds())


def _info(facts: JobFacts) -> Values:
    if facts.run is None:
        return []
    run = facts.run
    used = [reference.partition("@") for reference in run.model.split(", ")]  # of one model
    versions = ",".join(version for _name, _at, version in used)
    return [((run.run_id, used[0][0], versions, run.code_version, run.target or ""), 1)]


def _rows(facts: JobFacts) -> Values:
    rows = facts.rows
    return [
        (("scored",), rows.n_scored),
        (("quarantined",), rows.n_quarantined),
        (("dropped",), rows.n_dropped),
    ]


def _planned(facts: JobFacts) -> Values:
    plan = facts.plan
    if plan is None:
        return []
    return [((action.value.lower(),), len(plan.with_action(action))) for action in Action]


def _states(facts: JobFacts) -> Values:
    if facts.history is None:
        return []
    return [((state,), n) for state, n in facts.partitions_by_state.items()]


def _newest_day_end(facts: JobFacts) -> Values:
    end = facts.newest_day_end
    return [] if end is None else _one(end.timestamp())


def _lag(facts: JobFacts) -> Values:
    return [] if facts.lag is None else _one(facts.lag.total_seconds())


METRICS = (
    Metric(
        name="last_success_timestamp_seconds",
        help="End of the newest run that published something or had nothing to do; 0: there was none.",
        values=_last_success,
    ),
    Metric(
        name="last_run_timestamp_seconds",
        help="End of the last run, however it ended.",
        values=lambda facts: _one(facts.ended_at.timestamp()),
    ),
    Metric(
        name="last_run_duration_seconds",
        help="How long the last run took.",
        values=_duration,
    ),
    Metric(
        name="last_run_exit_code",
        help="Exit code of the last run.",
        values=lambda facts: _one(facts.exit_code),
    ),
    Metric(
        name="last_run_info",
        help="Always 1; the labels say which run it was and what it scored with.",
        labels=("run_id", "model", "model_version", "code_version", "target"),
        values=_info,
    ),
    Metric(
        name="last_run_partitions",
        help="Partitions that the last run worked on, by what became of them.",
        labels=("outcome",),
        values=lambda facts: [((name,), n) for name, n in facts.partitions_by_outcome.items()],
    ),
    Metric(
        name="last_run_read_rows",
        help="Rows read for what the last run published.",
        values=lambda facts: _one(facts.rows.n_read),
    ),
    Metric(
        name="last_run_rows",
        help="The same rows by what became of them; their sum is the rows read.",
        labels=("outcome",),
        values=_rows,
    ),
    Metric(
        name="last_run_suite_results",
        help="Partitions that a suite checked in the last run, by its result.",
        labels=("suite", "stage", "result"),
        values=lambda facts: facts.suite_results.items(),
    ),
    Metric(
        name="planned_partitions",
        help="Partitions in the range of the last run, by what its plan said.",
        labels=("action",),
        values=_planned,
    ),
    Metric(
        name="partitions",
        help="All partitions the ledger knows, by the newest thing that happened to them.",
        labels=("state",),
        values=_states,
    ),
    Metric(
        name="newest_day_end_timestamp_seconds",
        help="When the newest published day ended in the job's time zone.",
        values=_newest_day_end,
    ),
    Metric(
        name="lag_seconds",
        help="How long ago the newest published day had ended when the last run ended.",
        values=_lag,
    ),
)
