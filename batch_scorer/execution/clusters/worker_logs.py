"""What workers log, and what libraries log or warn of in them, told by the driver as its own.

Each worker gets a handler that sends records through the scheduler, whichever machine it is on. What a killed
worker said last may be lost with it.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

from batch_scorer.ops.logs import listen, run_id_of

_log = logging.getLogger(__name__)


class WorkerLogs(WorkerPlugin):  # type: ignore[misc]
    """topic: under which records travel. level: from which on our own are sent.

    run_id: only records of this run, for workers that serve others as well; None on workers of our own.
    """

    def __init__(self, topic: str, level: int, run_id: str | None) -> None:
        self.name = topic
        self._topic = topic
        self._level = level
        self._run_id = run_id
        self._handler: _Sender | None = None
        self._driver = _this_process()

    def setup(self, worker: Any) -> None:
        if self._run_id is None:
            listen(self._level)
        self._handler = _Sender(worker, self._topic, self._run_id)
        logging.getLogger().addHandler(self._handler)

    def join(self, dask_worker: Any) -> None:
        """As `setup`, on one worker only; a second call changes nothing. Nobody else's workers get it.

        A worker that is a thread of the driver has nothing to send: it is heard already.
        """
        if self.name not in _joined and self._driver != _this_process():
            _joined[self.name] = self
            self.setup(dask_worker)

    def leave(self, dask_worker: Any) -> None:
        if self.name in _joined:
            _joined.pop(self.name).teardown(dask_worker)

    def teardown(self, worker: Any) -> None:  # noqa: ARG002 (distributed's signature)
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)


_joined: dict[str, WorkerLogs] = {}


def _this_process() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


class _Sender(logging.Handler):
    def __init__(self, worker: Any, topic: str, run_id: str | None) -> None:
        super().__init__(logging.INFO)
        self._worker = worker
        self._topic = topic
        self._run_id = run_id

    def emit(self, record: logging.LogRecord) -> None:
        run_id = run_id_of(record)
        if self._run_id is not None and run_id != self._run_id:
            return
        told = {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "msg": record.getMessage(),
            "created": record.created,
            "exc_text": logging.Formatter().formatException(record.exc_info) if record.exc_info else None,
            "worker": str(self._worker.address),
            "run_id": run_id,
        }
        self._worker.log_event(self._topic, told)


def hear_workers(client: Any, logs: WorkerLogs) -> None:
    """From now on this process logs what workers send. It is no reason to fail if it cannot."""
    try:
        client.subscribe_topic(logs.name, _log_again)
    except Exception as error:
        _log.warning("what workers log is not heard: %s", error)


def hear_all_workers(client: Any, logs: WorkerLogs) -> None:
    """The same, and all workers of a cluster of our own send, those to come as well."""
    hear_workers(client, logs)
    try:
        client.register_plugin(logs)
    except Exception as error:
        _log.warning("workers do not send what they log: %s", error)


def worker_logs(run_id: str, *, of_others: bool) -> WorkerLogs:
    """of_others: the workers serve others as well, so that only this run's records count."""
    level = logging.getLogger("batch_scorer").getEffectiveLevel()
    return WorkerLogs(f"batch-scorer-logs-{run_id}", level, run_id if of_others else None)


def _log_again(event: tuple[float, dict[str, Any]]) -> None:
    told = event[1]
    record = logging.makeLogRecord(told)
    if logging.getLogger(record.name).isEnabledFor(record.levelno):
        logging.getLogger(record.name).handle(record)
