"""A cluster that is still starting, for a driver that has other things to do meanwhile."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet

from batch_scorer.core.chunks import ChunkTask
from batch_scorer.execution.clusters.protocol import Cluster, Done


class StartingCluster:
    """Takes tasks at once and hands them on when the cluster is there. slots: that it will have.

    check_stop: raises when the run is to end. Raises, in every method but `close`: what starting it raised,
    unless the run is to end: who stops us may stop the workers too, and that comes first.
    """

    def __init__(
        self, start: Callable[[], Cluster], slots: int, check_stop: Callable[[], None] = lambda: None
    ) -> None:
        self.slots = slots
        self._check_stop = check_stop
        self._waiting: list[ChunkTask] = []
        self._started: Future[Cluster] = Future()
        # A daemon, so that a second Ctrl-C need not wait for it. In our context: it logs as the run.
        within = contextvars.copy_context()
        threading.Thread(target=within.run, args=(_start, start, self._started), daemon=True).start()

    def submit(self, task: ChunkTask) -> None:
        if not self._started.done():
            self._waiting.append(task)
            return
        self._handed_on().submit(task)

    def next_done(self, timeout_s: float) -> Done | None:
        try:
            self._started.exception(timeout=timeout_s)
        except NotYet:
            return None
        return self._handed_on().next_done(timeout_s)

    def close(self) -> None:
        """Waits for its start: what half of it started would stay behind."""
        if self._started.exception() is None:
            self._started.result().close()

    def _handed_on(self) -> Cluster:
        if self._started.exception() is not None:
            self._check_stop()
        cluster = self._started.result()
        while self._waiting:
            cluster.submit(self._waiting.pop(0))
        return cluster


def _start(start: Callable[[], Cluster], started: Future[Cluster]) -> None:
    try:
        started.set_result(start())
    except BaseException as error:  # told in the driver's thread
        started.set_exception(error)
