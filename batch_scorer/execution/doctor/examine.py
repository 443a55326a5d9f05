"""All checks of one job, in the order in which a run would trip over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from batch_scorer.core.checks import Check
from batch_scorer.core.errors import (
    BatchScorerError,
    DamageFound,
    OutputError,
    StoreUnavailable,
    UsageError,
)
from batch_scorer.core.models import ModelPin
from batch_scorer.core.plans import JOBS_OWN, Plan, Selection
from batch_scorer.execution.doctor import clock, cluster, data, ledger, model, places, schedule, secrets
from batch_scorer.execution.doctor.asking import LONG_S, PATIENCE_S, answer, within
from batch_scorer.execution.parts import JobParts

# Of the two that are opened at the beginning.
_OF_THE_LEDGER = (DamageFound, StoreUnavailable, OutputError)


def examine(open_parts: Callable[[], JobParts]) -> Iterator[Check]:
    """A check that raises or hangs is a bad one; the others go on. Raises: UsageError, for an unknown job."""
    try:
        parts = within(PATIENCE_S, open_parts)
    except UsageError:
        raise
    except BatchScorerError as error:
        yield Check.bad("ledger" if isinstance(error, _OF_THE_LEDGER) else "job file", error)
        return
    yield answer("places", partial(places.writable, parts))
    yield answer("atomic publish", partial(places.atomic, parts))
    yield answer("ledger", partial(ledger.writable, parts))
    yield answer("leftovers", partial(ledger.leftovers, parts))
    yield answer("registry", partial(model.registry, parts))
    if parts.code:
        yield answer("code", partial(model.code, parts), patience_s=LONG_S)
    pin: ModelPin | None = None
    try:
        pin = within(LONG_S, partial(model.pin, parts))  # of MLflow, it may have to be fetched
    except BatchScorerError as error:
        yield Check.bad("model", error)
    else:
        yield answer("model", partial(model.loads, parts, pin), patience_s=LONG_S)
    yield from _tonight(parts, pin)
    yield answer("cluster", partial(cluster.ready, parts, pin), patience_s=cluster.PATIENCE_S)
    if parts.job.schedule.cron is not None:
        yield answer("schedule", partial(schedule.kept, parts, datetime.now(UTC)))
    if any(True for _ in secrets.named(parts.job)):
        yield answer("secrets", partial(secrets.are_set, parts.job))


def _tonight(parts: JobParts, pin: ModelPin | None) -> Iterator[Check]:
    """What hangs on the input: with a model the plan, without one the newest partition alone."""
    now = datetime.now(UTC)
    plan: Plan | None = None
    can_be_listed = True
    try:
        plan = within(LONG_S, partial(_plan, parts, pin, now))
    except BatchScorerError as error:
        can_be_listed = False
        yield Check.bad("input", error)
    if plan is not None:
        yield answer("plan", partial(data.plan_in_words, plan))
    yield answer("clock", partial(clock.sane, parts, plan, now))
    yield answer("disk space", partial(places.room, parts, plan))
    if can_be_listed:
        yield from data.fits(parts, plan, pin)


def _plan(parts: JobParts, pin: ModelPin | None, now: datetime) -> Plan | None:
    from batch_scorer.execution.survey import survey

    return None if pin is None else survey(parts, JOBS_OWN, Selection(), now).plan
