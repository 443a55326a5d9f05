"""Log lines on stderr and in a file: text for people, JSON for machines, each naming its run."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from batch_scorer.core.errors import UsageError

LogFormat = Literal["text", "json"]

_RUN_ID: ContextVar[str | None] = ContextVar("run_id", default=None)
_HANDLER = "batch_scorer"  # the name by which we know our own on the root logger
_DEBUG = 2
_N_LAST = 50
# What these say at lower levels is either ours to say, or raised to us as well.
_LIBRARIES = {
    "distributed": logging.CRITICAL,
    "tornado": logging.CRITICAL,
    "asyncio": logging.CRITICAL,
    "bokeh": logging.ERROR,
    "great_expectations": logging.ERROR,
    "sqlalchemy": logging.ERROR,
    "stamina": logging.ERROR,
}


def configure_logging(verbosity: int = 0, format: LogFormat = "text", file: Path | None = None) -> None:
    """Sends log lines to stderr, and to `file` (appended) too; a second call replaces the first.

    verbosity: 0 and less warnings, 1 what a run does too, from 2 everything, libraries' warnings included.
    Raises: UsageError when the file cannot be opened.
    """
    formatter = _JsonLines() if format == "json" else _TextLines()
    root = logging.getLogger()
    handlers = [logging.StreamHandler(sys.stderr), _LastLines(), *([_file_handler(file)] if file else [])]
    for old in [handler for handler in root.handlers if handler.name == _HANDLER]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.set_name(_HANDLER)
        handler.setFormatter(formatter)
        root.addHandler(handler)
    ours = (logging.WARNING, logging.INFO, logging.DEBUG)
    logging.getLogger("batch_scorer").setLevel(ours[min(max(verbosity, 0), _DEBUG)])
    for name, level in _LIBRARIES.items():
        logging.getLogger(name).setLevel(level if verbosity < _DEBUG else logging.WARNING)
    # distributed sets levels and handlers of its own when imported, unless it finds a configuration that
    # changes nothing. The environment is how worker processes get it, too.
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__VERSION", "1")
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__INCREMENTAL", "True")


@contextmanager
def logging_run(run_id: str) -> Iterator[None]:
    """Log lines from within carry the run's id."""
    token = _RUN_ID.set(run_id)
    try:
        yield
    finally:
        _RUN_ID.reset(token)


def last_lines() -> tuple[str, ...]:
    """The newest log lines, oldest first: for a message that is read where the log is not."""
    keepers = [handler for handler in logging.getLogger().handlers if isinstance(handler, _LastLines)]
    return tuple(keepers[-1].lines) if keepers else ()


class _LastLines(logging.Handler):
    """Keeps the newest lines in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=_N_LAST)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class _TextLines(logging.Formatter):
    """`2024-03-28 04:30:07Z WARNING batch_scorer.execution: message [run 01JQ8Z…]`, then a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        run_id = _RUN_ID.get()
        moment = f"{_time(record):%Y-%m-%d %H:%M:%S}Z"
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}"
        return "\n".join([line + (f" [run {run_id}]" if run_id else ""), *_traceback(self, record)])


class _JsonLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, run_id; exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": _RUN_ID.get(),
        }
        if traceback := _traceback(self, record):
            line["exception"] = "\n".join(traceback)
        return json.dumps(line, ensure_ascii=False)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    return [formatter.formatException(record.exc_info)] if record.exc_info else []


def _time(record: logging.LogRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.created, tz=dt.UTC)


def _file_handler(file: Path) -> logging.Handler:
    try:
        return logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file: {error.strerror}",
            where=str(file),
            fix="name a file in a directory that exists and that you may write to",
        ) from error
