"""Who works on what: holders (processes of ours), leases (one partition each), openings (unfinished work)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from batch_scorer.core.partitions import Partition
from batch_scorer.core.processes import Fate, ProcessIdentity

# A holder says that it lives so often, and is taken for dead after so many seconds of silence.
BEAT_S = 5.0
SILENCE_S = 60.0
_FUTURE = dt.timedelta(hours=1)  # clocks may differ by less


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process of ours at work on a job. token: known to nobody else, new for every process.

    verb: what it does, `run`, `rollback`. run_id: None for verbs that are no runs.
    cancelled_by: who asked it to stop, through `cancel`.
    """

    token: str
    job: str
    verb: str
    process: ProcessIdentity
    user: str
    since: dt.datetime
    heartbeat_at: dt.datetime
    run_id: str | None = None
    cancelled_by: str | None = None

    def is_gone(self, fate: Fate, now: dt.datetime, silence: dt.timedelta) -> bool:
        """Whether its leases may be taken: it is dead, or it has said nothing for too long."""
        if fate is Fate.DEAD:
            return True
        quiet = now - self.heartbeat_at
        # From the future: a clock is wrong. Only who is known to live here is then believed.
        return quiet > silence or (fate is Fate.UNKNOWN and quiet < -_FUTURE)

    def words(self, now: dt.datetime) -> str:
        """`run 01JQ8Z… by ana on box, pid 4711, for 3 min 2 s`."""
        what = f"run {self.run_id}" if self.run_id else self.verb
        who = f"{self.user} on {self.process.host}, pid {self.process.pid}"
        return f"{what} by {who}, for {age(now - self.since)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right of one holder to publish one partition. holder: None when it left without giving it back."""

    job: str
    partition: Partition
    token: str
    taken_at: dt.datetime
    holder: Holder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A generation that was opened and is not published: what a later run may go on with.

    key: everything that decides what its files hold; equal keys make equal files. run_id: the run that
    opened it, which its files name. staging: its directory's name below the partition's staging; until
    a take-over has renamed it, it is still called renamed_from.
    previous_sha256: of the manifest it will follow, None for a first generation.
    """

    job: str
    partition: Partition
    number: int
    run_id: str
    key: str
    staging: str
    opened_at: dt.datetime
    previous_sha256: str | None = None
    renamed_from: str | None = None


def age(span: dt.timedelta) -> str:
    """`2 h 5 min`, `3 min 2 s`."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)  # clocks of hosts differ
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
