"""What an operating system's error means to the person who reads it: one place, so that all say the same."""

from __future__ import annotations

import errno

from batch_scorer.core.errors import (
    BatchScorerError,
    FileUnreadable,
    InputMoved,
    StoreUnavailable,
)
from batch_scorer.core.stores import ObjectChanged

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


def as_input_error(error: OSError, *, where: str) -> BatchScorerError:
    """The error to raise when an input file could not be read.

    Arrow reports damaged bytes as an OSError without errno; those are the file's fault, never the store's.
    """
    if isinstance(error, ObjectChanged):
        return InputMoved(
            "the file changed since the plan was made",
            where=where,
            fix="run again once its writer has finished; input.ready can wait for it",
        )
    if error.errno is None:
        return damaged(where, str(error))
    if error.errno == errno.ELOOP:
        return FileUnreadable(
            "a symlink below the input root is not followed",
            where=where,
            fix="put the file itself there; only the input root may be a symlink",
        )
    if error.errno in _GONE:
        return InputMoved(
            "a file that was listed is gone",
            where=where,
            fix="run again: the next plan lists the partition anew",
        )
    if error.errno in _FORBIDDEN:
        return FileUnreadable("no permission to read", where=where, fix="grant read permission to this user")
    if error.errno == errno.EINVAL:
        return FileUnreadable(
            error.strerror or str(error),
            where=where,
            fix='remove what lies there under a name with an empty part, ".", ".." or a control character',
        )
    return StoreUnavailable(
        f"reading failed: {error.strerror or error}",
        where=where,
        fix="check the disk or mount, then run again",
    )


def damaged(where: str, reason: str) -> FileUnreadable:
    """Bytes that are not what a writer once wrote."""
    return FileUnreadable(
        f"the file is damaged: {reason.rstrip('.')}",
        where=where,
        fix="write the file again from its source, or remove it",
    )
