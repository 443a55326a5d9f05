"""Log lines on stderr and in a file: text for people, JSON for machines, each naming its run.

What is said where is decided by the handlers, not by the loggers: the log that a run keeps (`run_logs`) hears
more than a terminal does, and `distributed` sets levels of its own.
"""

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

TOLD = "batch_scorer.told"  # what the command tells in words of its own, for logs that nobody watches
EXTRA = ("worker", "error", "where", "fix", "next", "exit_code")  # of a record, for machines
_HANDLER = "batch_scorer"  # the name by which we know our own on the root logger
_DEBUG = 2
_OURS = (logging.WARNING, logging.INFO, logging.DEBUG)
_N_LAST = 50
# What these say at lower levels is either ours to say, or raised to us as well.
_LIBRARIES = {
    "distributed": logging.CRITICAL,
    "tornado": logging.CRITICAL,
    "asyncio": logging.CRITICAL,
    "bokeh": logging.ERROR,
    "great_expectations": logging.ERROR,
    "py": logging.ERROR,  # py.warnings: what Python's own warnings are logged as
    "sqlalchemy": logging.ERROR,
    "stamina": logging.ERROR,
}
_TASK_RUN_ID: ContextVar[str | None] = ContextVar("run_id", default=None)
_process_run_id: str | None = None


def configure_logging(verbosity: int = 0, format: LogFormat = "text", file: Path | None = None) -> None:
    """Sends log lines to stderr, and to `file` (appended) too; a second call replaces the first.

    verbosity: 0 and less warnings, 1 what a run does too, from 2 everything, libraries' warnings included.
    Raises: UsageError when the file cannot be opened.
    """
    root = logging.getLogger()
    handlers = [logging.StreamHandler(sys.stderr), _LastLines(), *([_file_handler(file)] if file else [])]
    for old in [handler for handler in root.handlers if handler.name == _HANDLER]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        handler.set_name(_HANDLER)
        handler.setFormatter(JsonLines() if format == "json" else _TextLines())
        handler.addFilter(_Shown(verbosity))
        root.addHandler(handler)
    listen(logging.DEBUG if verbosity >= _DEBUG else logging.INFO)


def listen(level: int) -> None:
    """Let loggers hand on what a handler might want. level: of our own; libraries' warnings always."""
    logging.getLogger("batch_scorer").setLevel(level)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    # distributed sets levels and handlers of its own when imported, unless it finds a configuration that
    # changes nothing. The environment is how worker processes get it, too.
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__VERSION", "1")
    os.environ.setdefault("DASK_DISTRIBUTED__LOGGING__INCREMENTAL", "True")


@contextmanager
def logging_run(run_id: str) -> Iterator[None]:
    """Meanwhile log lines carry the run's id, whichever thread they come from."""
    global _process_run_id
    before, _process_run_id = _process_run_id, run_id
    try:
        yield
    finally:
        _process_run_id = before


@contextmanager
def logging_task(run_id: str) -> Iterator[None]:
    """Log lines of this thread carry the run's id: a worker may serve several runs at once."""
    token = _TASK_RUN_ID.set(run_id)
    try:
        yield
    finally:
        _TASK_RUN_ID.reset(token)


def run_id_of(record: logging.LogRecord) -> str | None:
    """The run that a record belongs to: as a worker said, or the one that is at work here."""
    said: str | None = getattr(record, "run_id", None)
    return said or _TASK_RUN_ID.get() or _process_run_id


class _Shown(logging.Filter):
    """What a verbosity lets through."""

    def __init__(self, verbosity: int) -> None:
        super().__init__()
        self._verbosity = min(max(verbosity, 0), _DEBUG)

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        if library != "batch_scorer":
            needed = _LIBRARIES.get(library, logging.WARNING)
            return record.levelno >= (needed if self._verbosity < _DEBUG else logging.WARNING)
        return record.levelno >= _OURS[self._verbosity] and record.name != TOLD


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
        run_id, worker = run_id_of(record), getattr(record, "worker", None)
        moment = f"{_time(record):%Y-%m-%d %H:%M:%S}Z"
        line = f"{moment} {record.levelname} {record.name}: {record.getMessage()}"
        names = [f"{label} {name}" for label, name in (("run", run_id), ("worker", worker)) if name]
        return "\n".join([line + (f" [{', '.join(names)}]" if names else ""), *_traceback(self, record)])


class JsonLines(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, run_id; where there is one: exception, worker,
    and of an error told to a person its class, where, fix, next and exit code.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": run_id_of(record),
        }
        line |= {name: getattr(record, name) for name in EXTRA if hasattr(record, name)}
        if traceback := _traceback(self, record):
            line["exception"] = "\n".join(traceback)
        return json.dumps(line, ensure_ascii=False)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    if record.exc_info:
        return [formatter.formatException(record.exc_info)]
    return [record.exc_text] if record.exc_text else []  # a worker's: already text


def _time(record: logging.LogRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.created, tz=dt.UTC)


def _file_handler(file: Path) -> logging.Handler:
    try:
        return logging.FileHandler(file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file: {error.strerror}",
            where=str(file),
            fix="name a file in a directory that exists and that you may write to",
        ) from error
