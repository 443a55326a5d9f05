"""What workers log, and what libraries log or warn of in them, told by the driver as its own.

Each worker gets a handler that sends records through the scheduler, whichever machine it is on. What a killed
worker said last may be lost with it.
"""

from __future__ import annotations

import logging
from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

from batch_scorer.ops.logs import listen, run_id_of

_log = logging.getLogger(__name__)
_WAIT_S = 10


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

    def setup(self, worker: Any) -> None:
        if self._run_id is None:
            listen(self._level)
        self._handler = _Sender(worker, self._topic, self._run_id)
        logging.getLogger().addHandler(self._handler)

    def teardown(self, worker: Any) -> None:  # noqa: ARG002 (distributed's signature)
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)


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


def hear_workers(client: Any, topic: str, *, run_id: str | None) -> None:
    """From now on this process logs what the client's workers log. It is no reason to fail if it cannot."""
    level = logging.getLogger("batch_scorer").getEffectiveLevel()
    try:
        client.subscribe_topic(topic, _log_again)
        client.register_plugin(WorkerLogs(topic, level, run_id))
    except Exception as error:
        _log.warning("what workers log is not heard: %s", error)


def leave_workers(client: Any, topic: str) -> None:
    """Take the handlers from workers that live on after us."""
    try:
        client.unregister_worker_plugin(topic)
    except Exception as error:
        _log.debug("the workers keep a handler: %s", error)


def _log_again(event: tuple[float, dict[str, Any]]) -> None:
    told = event[1]
    record = logging.makeLogRecord(told)
    if logging.getLogger(record.name).isEnabledFor(record.levelno):
        logging.getLogger(record.name).handle(record)
