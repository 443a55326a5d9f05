"""An exception nobody expected, told like every other error; its traceback goes to the log."""

from __future__ import annotations

import logging
import traceback

from batch_scorer.core.errors import InternalError

_log = logging.getLogger(__name__)
_OURS = "batch_scorer"


def as_internal_error(surprise: BaseException, *, where: str | None = None) -> InternalError:
    """where: what was being worked on; without it, the innermost line of ours that is in the traceback."""
    level = level_of_what_is_shown(logging.ERROR)
    _log.log(level, "unexpected %s", type(surprise).__name__, exc_info=surprise)
    return InternalError(
        f"unexpected {type(surprise).__name__}: {surprise}",
        where=where or _line_of_ours(surprise),
        fix="this is a bug of batch-scorer: please report it, with the traceback that -v or --log-file shows",
    )


def level_of_what_is_shown(level: int) -> int:
    """A log file gets it always, a terminal only with -v: there the error or the warning itself is shown."""
    return level if _has_log_file() else logging.INFO


def _has_log_file() -> bool:
    """Whether ops.logs opened one: its handlers bear our name."""
    ours = [handler for handler in logging.getLogger().handlers if handler.name == _OURS]
    return any(isinstance(handler, logging.FileHandler) for handler in ours)


def _line_of_ours(surprise: BaseException) -> str | None:
    frames = traceback.extract_tb(surprise.__traceback__)
    ours = [frame for frame in frames if f"/{_OURS}/" in frame.filename]
    if not ours:
        return None
    inside = ours[-1].filename.rpartition(f"/{_OURS}/")[2]
    return f"{_OURS}/{inside}, line {ours[-1].lineno}, in {ours[-1].name}"
