"""What a run has to tell people: how it went, and what stands in its way. Values only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """What a job file's `notify.*.on` may name."""

    START = "start"
    SUCCESS = "success"
    FAILED = "failed"
    BLOCKED = "blocked"  # by a data gate
    RECOVERED = "recovered"  # good again


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it should be.

    partition: its path, or "" when it is the run's as a whole. label: the same for people. state: one word.
    kind: what makes it the same problem when it comes again, whatever its numbers are then.
    """

    partition: str
    label: str
    state: str  # failed, blocked, held, waiting, stopped
    kind: str
    what: str
    fix: str | None = None

    @property
    def event(self) -> Event:
        return Event.BLOCKED if self.state == "blocked" else Event.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One moment of one run. run_id: None when it ended before it was a run. at: aware, UTC.

    n_due: partitions it set out to score. next_command: complete, with the project it is for.
    since: when the trouble began that this repeats, or that is over. is_repeat: told before, all of it.
    """

    event: Event
    job: str
    at: dt.datetime
    host: str
    run_id: str | None = None
    target: str | None = None
    model: str | None = None
    exit_code: int | None = None
    n_due: int = 0
    n_published: int = 0
    n_blocked: int = 0
    n_failed: int = 0
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    next_command: str | None = None
    since: dt.datetime | None = None
    is_repeat: bool = False
