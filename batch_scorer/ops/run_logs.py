"""The log that each run keeps: JSON Lines, INFO and up, in `state/logs/<job>/<run_id>.jsonl`.

It is for the morning after, so it must never be a reason for a bad night: what cannot be written is left out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from batch_scorer.core.durable import NewNames
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.ops.logs import JsonLines

_log = logging.getLogger(__name__)
_SUFFIX = ".jsonl"


def log_path(job: str, run_id: str) -> str:
    """Relative to the root of the job's state."""
    return f"logs/{job}/{run_id}{_SUFFIX}"


def log_file(state: Path, job: str, run_id: str) -> Path:
    """state: the job's state directory, which other jobs may share."""
    return state / log_path(job, run_id)


def logs_of(state: Path, job: str) -> dict[str, Path]:
    """By run id, oldest first."""
    found = log_file(state, job, "").parent.glob(f"*{_SUFFIX}")
    return {file.name.removesuffix(_SUFFIX): file for file in sorted(found)}


@contextmanager
def keeping_log(file: Path) -> Iterator[None]:
    """Meanwhile log lines also go to `file`, which is made with the first of them."""
    handler = _KeptLog(file)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@contextmanager
def handing_over(state: Path, kept: KeptFiles, path: str) -> Iterator[None]:
    """At its end a log that was written on this machine goes to where the rest of the state is.

    state: what of it is on this machine. path: relative to both.
    """
    try:
        yield
    finally:
        if kept.is_remote:
            try:
                with suppress(FileNotFoundError):  # it had nothing to say
                    kept.write(path, (state / path).read_bytes(), NewNames())
            except (OSError, BatchScorerError) as error:
                _log.warning("the log of this run stays on this machine: %s: %s", error, state / path)


class _KeptLog(logging.FileHandler):
    """The first line that cannot be written is the last that is tried."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, encoding="utf-8", errors="backslashreplace", delay=True)
        self.setLevel(logging.INFO)
        self.setFormatter(JsonLines())
        # What the command says to a person, it says from what is logged already.
        self.addFilter(lambda record: not record.name.startswith("batch_scorer.cli"))

    def _open(self) -> Any:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.stream is None:
                self.stream = self._open()
            self.stream.write(self.format(record) + self.terminator)
            self.stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        logging.getLogger().removeHandler(self)
        _log.warning("the log of this run ends here: %s", error)

    def close(self) -> None:
        with suppress(OSError):  # what a full disk did not take is still in the buffer
            super().close()


def log_lines(content: bytes) -> Iterator[dict[str, Any]]:
    """In order; one that a full disk cut short is left out."""
    for line in content.decode("utf-8", errors="replace").split("\n"):
        with suppress(ValueError):
            yield json.loads(line)
