"""Whom a job's `notify` names, as observers of its runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.config.sections import NotifyTarget
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.notices import Event, Notice
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.logs import last_lines
from batch_scorer.ops.notifying import memory
from batch_scorer.ops.notifying.composing import Composer, is_settled
from batch_scorer.ops.notifying.healthcheck import Healthcheck
from batch_scorer.ops.notifying.mail import Mail
from batch_scorer.ops.notifying.notifier import Notifier
from batch_scorer.ops.notifying.webhook import Webhook


def notify_observers(job: Job, composer: Composer, state: Path | None) -> tuple[Messages | Pings, ...]:
    """One for each target, however many entries name it.

    state: the job's directory for state; None: not known, so nobody remembers who was told what.
    """
    events: dict[NotifyTarget, frozenset[Event]] = {}
    for entry in job.notify:
        events[entry.to] = events.get(entry.to, frozenset()) | frozenset(entry.on)
    return tuple(_observer(target, on, job, composer, state) for target, on in events.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Tells people: what is new, what still is once a day, and once that all is good again."""

    notifier: Notifier
    on: frozenset[Event]
    composer: Composer
    memory_file: Path | None
    timezone: zoneinfo.ZoneInfo

    @property
    def name(self) -> str:
        return self.notifier.name

    def started(self, run: RunRecord, plan: Plan) -> None:
        self._tell(self.composer.start(run, plan), lambda _partition: False)

    def ended(self, report: RunReport, plan: Plan) -> None:
        self._tell(self.composer.end(report, plan), lambda partition: is_settled(partition, report, plan))

    def refused(self, error: BatchScorerError) -> None:
        self._tell(self.composer.refusal(error, dt.datetime.now(dt.UTC)), lambda _partition: False)

    def _tell(self, notice: Notice, settled: Callable[[str], bool]) -> None:
        before = memory.load(self.memory_file) if self.memory_file else memory.Memory()
        today = notice.at.astimezone(self.timezone).date()
        decision = memory.decide(before, notice, on=self.on, today=today, is_settled=settled)
        after = decision.unsent
        try:
            if decision.notice is not None:
                self.notifier.send(decision.notice)
            after = decision.sent
        finally:
            if self.memory_file and after != before:
                memory.save(self.memory_file, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """Tells a monitor that counts for itself: every time. It hears of a blocked run where it hears of a
    failed one, or it would wait for the end of a run that has ended.
    """

    notifier: Notifier
    on: frozenset[Event]
    composer: Composer

    @property
    def name(self) -> str:
        return self.notifier.name

    def started(self, run: RunRecord, plan: Plan) -> None:
        self._tell(self.composer.start(run, plan))

    def ended(self, report: RunReport, plan: Plan) -> None:
        self._tell(self.composer.end(report, plan))

    def refused(self, error: BatchScorerError) -> None:
        self._tell(self.composer.refusal(error, dt.datetime.now(dt.UTC)))

    def _tell(self, notice: Notice) -> None:
        heard_as = {
            Event.BLOCKED: {Event.BLOCKED, Event.FAILED},
            Event.SUCCESS: {Event.SUCCESS, Event.RECOVERED},
        }
        if self.on & heard_as.get(notice.event, {notice.event}):
            self.notifier.send(notice)


def _observer(
    target: NotifyTarget, on: frozenset[Event], job: Job, composer: Composer, state: Path | None
) -> Messages | Pings:
    notifier = _notifier(target)
    if isinstance(notifier, Healthcheck):
        return Pings(notifier=notifier, on=on, composer=composer)
    name = hashlib.sha256(notifier.name.encode()).hexdigest()[:16]
    return Messages(
        notifier=notifier,
        on=on,
        composer=composer,
        memory_file=state / "notified" / job.name / f"{name}.json" if state else None,
        timezone=zoneinfo.ZoneInfo(job.schedule.timezone),
    )


def _notifier(target: NotifyTarget) -> Notifier:
    if target.webhook is not None:
        return Webhook(variable=target.webhook.variable)
    if target.healthcheck is not None:
        return Healthcheck(variable=target.healthcheck.variable, log_lines=last_lines)
    smtp = target.smtp
    assert smtp is not None  # noqa: S101 (config.checks: one of the three)
    return Mail(
        host=smtp.host.strip("[]"),
        port=smtp.port,
        security=smtp.security,
        sender=smtp.sender,
        to=smtp.to,
        user=smtp.user.variable if smtp.user else None,
        password=smtp.password.variable if smtp.password else None,
    )
