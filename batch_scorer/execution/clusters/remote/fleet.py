"""Which workers of a cluster may score, at any moment: looked at, alike, and heard of lately.

The driver asks here between two outcomes and never waits; the asking itself happens on Dask's own event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from batch_scorer.core.errors import ClusterUnfit
from batch_scorer.execution.clusters.remote.needs import Report, WorkerNeeds, look_around
from batch_scorer.execution.clusters.remote.versions import PACKAGES, differing, differing_scheduler

_log = logging.getLogger(__name__)
_ASK_S = 20.0  # then the worker is asked again
_GOODBYE_S = 3.0
_MAX_NAMED = 5
_FIX = "make every worker like this machine, same versions and same paths; see docs/clusters.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Seconds without a heartbeat until a worker gets no new chunk, and until those it has go to others."""

    quiet_s: float = 10.0
    silent_s: float = 30.0


HEARING = Hearing()
# The same address with another directory of its own is another process.
_Process = tuple[str, str]


@dataclass(slots=True)
class _Known:
    """One worker process. problems: None until it was looked at."""

    host: str
    last_seen: float = -1.0
    heard_at: float = 0.0
    problems: tuple[str, ...] | None = None
    asked: Future[tuple[str, ...]] | None = field(default=None, repr=False)


class Fleet:
    """greeting: every worker that will do runs it once, before its first chunk."""

    def __init__(
        self,
        client: Any,
        needs: WorkerNeeds,
        greeting: Callable[..., None],
        hearing: Hearing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._needs = needs
        self._greeting = greeting
        self._hearing = hearing or HEARING
        self._clock = clock
        self._known: dict[_Process, _Known] = {}
        self._address = str(client.scheduler.address)
        self._told: set[_Process] = set()
        self.n_threads: Mapping[str, int] = {}

    @property
    def able(self) -> tuple[str, ...]:
        """Addresses that new chunks may go to, as of the last look."""
        return tuple(self.n_threads)

    @property
    def known(self) -> frozenset[str]:
        """Addresses of all that are there; empty also when the scheduler did not answer."""
        return frozenset(address for address, _ in self._known)

    def check_scheduler(self) -> None:
        """Raises: ClusterUnfit, OSError, TimeoutError."""
        report = self._client.sync(
            self._client.scheduler.versions, packages=list(PACKAGES), callback_timeout=_ASK_S
        )
        problems = differing_scheduler(report)
        if problems:
            raise ClusterUnfit(f"the scheduler has {'; '.join(problems)}", where=self._address, fix=_FIX)

    def muster(self, workers: Mapping[str, Any]) -> None:
        """Look at all that are there, and wait for what they say. Raises: ClusterUnfit, with all at once."""
        deadline = self._clock() + _ASK_S
        self._note(workers)
        while any(known.asked for known in self._known.values()) and self._clock() < deadline:
            time.sleep(0.01)
            self._note(workers)
        self._refuse(self._known.values())

    def take_note(self, workers: Mapping[str, Any]) -> Mapping[str, Any]:
        """workers: by address, as the scheduler tells. Returns: those that may score.

        Raises: ClusterUnfit, when there are workers and none of them will ever do.
        """
        able = self._note(workers)
        for process, known in self._known.items():
            if known.problems and process not in self._told:
                self._told.add(process)
                _log.warning("worker %s gets no work: %s", process[0], "; ".join(known.problems))
        if self._known and all(known.problems for known in self._known.values()):
            self._refuse(self._known.values())
        return able

    def silent(self) -> tuple[str, ...]:
        """Addresses of workers whose chunks go to others."""
        oldest = self._clock() - self._hearing.silent_s
        return tuple(process[0] for process, known in self._known.items() if known.heard_at < oldest)

    def look_again(self) -> None:
        """A worker died: another process may stand where it stood."""
        for process, known in self._known.items():
            if known.asked is None:
                known.asked = self._ask(process[0])

    def dismiss(self, goodbye: Callable[..., None]) -> None:
        """Have every able worker call it; who does not answer soon is left alone."""
        if self.able:
            self._on_loop(self._each(self.able, goodbye)).result(_GOODBYE_S + 1.0)

    def _note(self, workers: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self._clock()
        there = {_process(address, worker): worker for address, worker in workers.items()}
        for gone in self._known.keys() - there.keys():
            del self._known[gone]
        for process, worker in there.items():
            self._hear(process, worker, now)
        able = {process[0]: there[process] for process, known in self._known.items() if self._may(known, now)}
        self.n_threads = {address: worker["nthreads"] for address, worker in able.items()}
        return able

    def _hear(self, process: _Process, worker: Mapping[str, Any], now: float) -> None:
        known = self._known.setdefault(process, _Known(host=str(worker.get("host", ""))))
        if known.last_seen != worker["last_seen"]:
            known.last_seen, known.heard_at = worker["last_seen"], now
        if known.problems is None and known.asked is None:
            known.asked = self._ask(process[0])
        elif known.asked is not None and known.asked.done():
            asked, known.asked = known.asked, None
            if asked.exception() is None:
                known.problems = asked.result()

    def _may(self, known: _Known, now: float) -> bool:
        return known.problems == () and now - known.heard_at <= self._hearing.quiet_s

    def _ask(self, address: str) -> Future[tuple[str, ...]]:
        return self._on_loop(asyncio.wait_for(self._problems(address), _ASK_S))

    def _on_loop(self, coroutine: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._client.loop.asyncio_loop)

    async def _problems(self, address: str) -> tuple[str, ...]:
        """What keeps a worker from scoring, by distributed's own means first: it may not have ours."""
        found = await self._client.scheduler.broadcast(
            msg={"op": "versions", "packages": list(PACKAGES)}, workers=[address]
        )
        if versions := differing(found[address]):
            return versions
        answers = await self._client.run(look_around, self._needs, workers=[address], on_error="return")
        report = answers[address]
        if not isinstance(report, Report):
            return (f"it cannot look for what it needs: {report}",)
        problems = report.problems
        if not problems and report.signed is not None and self._needs.meeting is not None:
            missed = await asyncio.to_thread(self._needs.meeting.misses, report.signed)
            problems = (missed,) if missed else ()
        if not problems:
            await self._client.run(self._greeting, workers=[address])
        return problems

    async def _each(self, addresses: Iterable[str], call: Callable[..., None]) -> None:
        calls = [
            asyncio.wait_for(self._client.run(call, workers=[address]), _GOODBYE_S) for address in addresses
        ]
        await asyncio.gather(*calls, return_exceptions=True)

    def _refuse(self, all_known: Iterable[_Known]) -> None:
        """Raises: ClusterUnfit, if there are any: each problem once, with the hosts that have it."""
        hosts = defaultdict[str, list[str]](list)
        for known in all_known:
            for problem in known.problems or ():
                hosts[problem].append(known.host)
        if not hosts:
            return
        n_unfit = sum(bool(known.problems) for known in self._known.values())
        lines = [f"  {problem} ({_counted(names)})" for problem, names in hosts.items()]
        raise ClusterUnfit(
            "\n".join([f"{n_unfit} of {len(self._known)} workers cannot score this job:", *lines]),
            where=self._address,
            fix=_FIX,
        )


def _process(address: str, worker: Mapping[str, Any]) -> _Process:
    return address, str(worker.get("local_directory", ""))


def _counted(hosts: list[str]) -> str:
    """`node7` · `3 on node7, node8` · the first few of many."""
    names = list(dict.fromkeys(hosts))
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    listed = f"{', '.join(names[:_MAX_NAMED])}{more}"
    return listed if len(hosts) == 1 else f"{len(hosts)} on {listed}"
