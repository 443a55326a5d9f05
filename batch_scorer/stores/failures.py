"""What the client of an object store says, in our words."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from batch_scorer.core.errors import BatchScorerError, StoreUnavailable
from batch_scorer.core.stores import ObjectChanged

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
_ASKED = re.compile(
    r"Error performing (?P<method>[A-Z]+) \S+ in [^,]+?"
    r"(, after (?P<retries>\d+) retries.*?)? +- (?P<answer>.+)"
)
_REFUSALS = ("401", "403")
_MAX_REASON = 240
_AGAIN = "run again later; what was published stays. storage.retry_for says how long a request is repeated"


@contextmanager
def asking(where: str) -> Iterator[None]:
    """Raises: FileNotFoundError, FileExistsError, PermissionError, ObjectChanged, StoreUnavailable."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        raise _told(error, where) from None


def is_refusal(text: str) -> bool:
    """Whether a client that knows no errors of its own tells that the store refuses, be it after retries."""
    return _found(_STATUS, text) in _REFUSALS


def _told(error: Exception, where: str) -> OSError | BatchScorerError:
    from obstore import exceptions as said

    text = str(error)
    status, code = _found(_STATUS, text), _found(_CODE, text)
    if code == "NoSuchBucket":
        return FileNotFoundError(errno.ENOENT, "there is no such bucket", where)
    if isinstance(error, said.AlreadyExistsError):
        return FileExistsError(errno.EEXIST, "there is an object of this name already", where)
    if isinstance(error, said.PreconditionError):
        return ObjectChanged(where)
    if isinstance(error, FileNotFoundError) or status == "404":
        return FileNotFoundError(errno.ENOENT, "there is no such object", where)
    if isinstance(error, said.PermissionDeniedError | said.UnauthenticatedError) or status in _REFUSALS:
        why = f" ({code})" if code else ""
        return PermissionError(errno.EACCES, f"the object store refuses this to our credentials{why}", where)
    if isinstance(error, said.InvalidPathError):
        return OSError(errno.EINVAL, f"a key that no path can be: {_reason(text)}", where)
    return StoreUnavailable(
        f"the object store does not answer: {_reason(text, code)}", where=where, fix=_AGAIN
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[1] if match else None


def _reason(text: str, code: str | None = None) -> str:
    """`GET: 503 Service Unavailable (SlowDown), after 5 retries`, where the client says it in its usual way.

    The first line says it; what follows are the client's own structures.
    """
    line = text.partition("\n")[0].removeprefix("Generic S3 error: ").rstrip(" :.")
    if asked := _ASKED.search(line):
        answer = asked["answer"].removeprefix("Server returned non-2xx status code: ")
        answer = answer.partition(": <")[0].rstrip(" :.")
        tries = f", after {asked['retries']} retries" if asked["retries"] else ""
        line = f"{asked['method']}: {answer}{f' ({code})' if code else ''}{tries}"
    return line if len(line) <= _MAX_REASON else f"{line[:_MAX_REASON]}…"
