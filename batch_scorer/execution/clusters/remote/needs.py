"""What a worker must have for a job, as it travels to the worker, and what the worker answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batch_scorer.execution.clusters.remote.delivery import Archive, receive
from batch_scorer.execution.clusters.remote.sights import KnownFile, MeetingPlace, StateStore

_LOOK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerNeeds:
    """files: that it reads as we do. It stages below a directory where we meet, or into a store.

    code: the job's own modules, if it has any.
    """

    files: tuple[KnownFile, ...] = ()
    meeting: MeetingPlace | None = None
    store: StateStore | None = None
    code: Archive | None = None

    def close(self, timeout: float) -> None:  # noqa: ARG002 (as everything that is closed with a cluster)
        if self.meeting is not None:
            self.meeting.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """problems: one sentence each. signed: the name of the file that it left at the meeting place."""

    problems: tuple[str, ...]
    signed: str | None = None


async def look_around(needs: WorkerNeeds, *, dask_worker: Any) -> Report:
    """On a worker. In a thread: a dead mount must not stop the worker's heart."""
    looking = asyncio.to_thread(_look, needs, Path(dask_worker.local_directory))
    try:
        return await asyncio.wait_for(looking, _LOOK_S)
    except TimeoutError:
        return Report(problems=(f"its file systems did not answer for {_LOOK_S:.0f} s",))
    except Exception as error:
        return Report(problems=(f"it cannot look for what it needs: {error}",))


def _look(needs: WorkerNeeds, scratch: Path) -> Report:
    problems = [problem for file in needs.files if (problem := file.differs())]
    signed: str | None = None
    if needs.meeting is not None:
        problem, signed = needs.meeting.sign()
        problems += [problem] if problem else []
    if needs.store is not None and (problem := needs.store.refuses()):
        problems.append(problem)
    if needs.code is not None and (problem := receive(needs.code, scratch)):
        problems.append(problem)
    return Report(problems=tuple(problems), signed=signed)
