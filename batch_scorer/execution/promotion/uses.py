"""A job that scores with what an alias means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.execution.parts import JobParts
from batch_scorer.lake.storage.storage import LakeStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasUse:
    """input_root, code, keys: absolute; keys: the directory of the public keys that the project trusts.

    open_parts: all the rest, whose suites may be wrong and ledger away.
    """

    job: Job
    input_root: str
    code: tuple[str, ...]
    keys: Path
    storage: LakeStorage
    open_parts: Callable[[], JobParts]
