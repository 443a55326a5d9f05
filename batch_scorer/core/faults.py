"""Named points where a test may stop, kill or fail this process, to see what is left behind.

They do nothing, unless the environment variable BATCH_SCORER_FAULTS is set *and* the module
`batch_scorer_test_build` can be imported. Only the tests have that module.
"""

from __future__ import annotations

import importlib
import os
from enum import StrEnum
from typing import Any

_VARIABLE = "BATCH_SCORER_FAULTS"
_TEST_BUILD = "batch_scorer_test_build"


class FaultPoint(StrEnum):
    """In the order in which a run passes them."""

    RECOVERY_BEGUN = "recovery-begun"
    RECOVERY_RENAMING = "recovery-renaming"
    RECOVERY_FENCED = "recovery-fenced"
    RECOVERY_SETTLED = "recovery-settled"
    RUN_STARTED = "run-started"
    LEASE_TAKEN = "lease-taken"
    GENERATION_OPENED = "generation-opened"
    STAGING_MADE = "staging-made"
    CHUNK_READ = "chunk-read"
    CHUNK_SCORED = "chunk-scored"
    FILE_WRITTEN = "file-written"
    FILE_SYNCED = "file-synced"
    CHUNK_HANDED_IN = "chunk-handed-in"
    CHUNK_RECORDED = "chunk-recorded"
    PARTITION_SCORED = "partition-scored"
    QUARANTINE_PLACED = "quarantine-placed"
    BEFORE_MANIFEST = "before-manifest"
    AFTER_MANIFEST = "after-manifest"
    PUBLISHING_RECORDED = "publishing-recorded"
    MANIFEST_IN_PLACE = "manifest-in-place"
    BEFORE_EXCHANGE = "before-exchange"
    BETWEEN_RENAMES = "between-renames"  # parquet, without an atomic exchange
    AFTER_EXCHANGE = "after-exchange"
    AFTER_REPLACED = "after-replaced"
    FILES_MOVED = "delta-files-moved"
    BEFORE_COMMIT = "delta-before-commit"
    AFTER_COMMIT = "delta-after-commit"
    BEFORE_PUBLISHED = "before-published"
    PUBLISHED_RECORDED = "published-recorded"
    BEFORE_CLEANUP = "before-cleanup"
    AFTER_CLEANUP = "after-cleanup"
    ATTEMPT_RECORDED = "attempt-recorded"
    RUN_FINISHED = "run-finished"
    ROLLBACK_STAGED = "rollback-staged"


def fault_point(point: FaultPoint) -> None:
    """Here a test may break us off. Raises: what it was told to."""
    if _test_build is not None:
        _test_build.reached(point.value)


def setting(name: str) -> str | None:
    """A value that a test build sets otherwise, such as how soon silence means death."""
    return None if _test_build is None else _test_build.setting(name)


def arm() -> None:
    """Look at the environment again: after a fork, for a test that starts runs from a warm process."""
    global _test_build
    _test_build = _find_test_build()


def _find_test_build() -> Any:
    if not os.environ.get(_VARIABLE):
        return None
    try:
        module = importlib.import_module(_TEST_BUILD)
    except ModuleNotFoundError:
        return None
    module.arm(os.environ[_VARIABLE])
    return module


_test_build = _find_test_build()
