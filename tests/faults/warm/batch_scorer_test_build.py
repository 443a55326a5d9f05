"""What makes this a test build: put on the path by tests that break runs off, and by nobody else.

BATCH_SCORER_FAULTS is a list of orders, separated by commas:
`kill:POINT:N`, `stop:POINT:N`, `error:POINT:N:ENOSPC` at the Nth time the point is reached; `log:FILE` writes
down every point; `set:NAME=VALUE` for `faults.setting`; `no-exchange` takes the atomic exchange away.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import threading
from collections import Counter

_orders: list[list[str]] = []
_settings: dict[str, str] = {}
_reached: Counter[str] = Counter()


def arm(text: str) -> None:
    _reached.clear()
    _settings.clear()
    _orders[:] = [order.split(":") for order in text.split(",")]
    for what, *rest in _orders:
        if what == "no-exchange":
            exchange = importlib.import_module("batch_scorer.lake.storage.exchange")
            vars(exchange)["_renameat2"] = None  # as on a file system that knows no exchange
        if what == "set":
            name, _, value = rest[0].partition("=")
            _settings[name] = value


def setting(name: str) -> str | None:
    return _settings.get(name)


def reached(point: str) -> None:
    _reached[point] += 1
    for what, *rest in _orders:
        if what == "log":
            with open(rest[0], "a", encoding="utf-8") as log:
                log.write(f"{point}\n")
        elif rest[:1] == [point] and _reached[point] == int(rest[1]):
            _obey(what, rest[2:])


def _obey(what: str, rest: list[str]) -> None:
    match what:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            for thread in threading.enumerate():
                if thread.name == "heartbeat":
                    thread.stop()  # type: ignore[attr-defined]  # a transaction of its would lock all others out
            os.kill(os.getpid(), signal.SIGSTOP)
        case "error":
            number = getattr(errno, rest[0])
            raise OSError(number, os.strerror(number))
