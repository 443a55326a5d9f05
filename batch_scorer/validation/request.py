"""What is asked about one suite on one partition, and what the validation process is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.validation.formats import key_names
from batch_scorer.validation.suites.catalogue import columns_read

if TYPE_CHECKING:
    from batch_scorer.validation.evidence import Evidence
    from batch_scorer.validation.streaming.compile import Check

DEFAULT_FORMAT: Mapping[str, Any] = {"result_format": "SUMMARY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRequest:
    """partition: its label, for messages. stage: input | output. files: absolute paths, in row order.

    gather: the evidence of all rows; called once, off the driver's thread. at_hand: gives the files as paths
    that GX can open, while it does. key: columns that name a row in
    the examples. limit_rows: only the first rows of the partition. result_format: as GX defines it, a dict.
    """

    partition: str
    suite: Suite
    on_fail: OnFail
    stage: str
    files: tuple[str, ...]
    gather: Callable[[], Evidence]
    at_hand: Callable[[tuple[str, ...]], AbstractContextManager[tuple[str, ...]]] = nullcontext
    key: tuple[str, ...] = ()
    limit_rows: int | None = None
    result_format: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_FORMAT)

    @property
    def sets_aside(self) -> bool:
        return self.on_fail is OnFail.QUARANTINE and self.stage == "input"

    @property
    def format(self) -> dict[str, Any]:
        """With the job's key as GX's unexpected_index_column_names, unless others are given."""
        keys = {"unexpected_index_column_names": list(self.key)} if self.key else {}
        return {**keys, **self.result_format}


def gx_message(
    suite: Mapping[str, Any],
    evidence: Evidence,
    result_format: Mapping[str, Any],
    *,
    files: tuple[str, ...] = (),
    limit_rows: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    refused: str | None = None,
) -> dict[str, Any]:
    """As JSON for the process. refused: why what is left to GX is not to be tried."""
    left = evidence.compiled.left_to_gx
    return {
        "suite": suite,
        "parameters": dict(parameters or {}),
        "evidence": evidence.as_json(),
        "result_format": dict(result_format),
        "files": list(files) if left and refused is None else None,
        "columns": columns_left(left, result_format),
        "limit_rows": limit_rows,
        "refused": refused,
    }


def columns_left(left: tuple[Check, ...], result_format: Mapping[str, Any]) -> list[str] | None:
    """What GX must read for the expectations left to it; None: every column."""
    if result_format.get("include_unexpected_rows"):
        return None
    columns: dict[str, None] = {}
    for check in left:
        read = columns_read({"type": check.type, "kwargs": check.kwargs})
        if read is None:
            return None
        columns |= dict.fromkeys(name for name in read if isinstance(name, str))
    return list(columns | dict.fromkeys(key_names(result_format)))
