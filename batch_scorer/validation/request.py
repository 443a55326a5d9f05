"""What is asked of the validation process: one suite on the files of one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from batch_scorer.core.validation import OnFail, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRequest:
    """partition: its label, for messages. stage: input | output. files: absolute paths, in row order.

    key: columns that name a row in the examples. limit_rows: only the first rows of the partition.
    result_format: BOOLEAN_ONLY | BASIC | SUMMARY | COMPLETE, as GX defines them.
    """

    partition: str
    suite: Suite
    on_fail: OnFail
    stage: str
    files: tuple[str, ...]
    key: tuple[str, ...] = ()
    limit_rows: int | None = None
    result_format: str = "SUMMARY"

    @property
    def columns(self) -> tuple[str, ...] | None:
        """What is read: the suite's columns and the key; None: everything."""
        if self.suite.columns is None:
            return None
        return tuple(dict.fromkeys((*self.suite.columns, *self.key)))

    def as_message(self) -> dict[str, Any]:
        """As JSON for the process; it knows nothing of our values."""
        return {
            "suite": self.suite.document,
            "files": self.files,
            "columns": self.columns,
            "key": self.key,
            "limit_rows": self.limit_rows,
            "result_format": self.result_format,
        }
