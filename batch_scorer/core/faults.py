from __future__ import annotations

from enum import StrEnum


class FaultPoint(StrEnum):
    RUN_STARTED = "run-started"
    LEASE_TAKEN = "lease-taken"
    GENERATION_OPENED = "generation-opened"
    STAGING_MADE = "staging-made"
    PARTITION_SCORED = "partition-scored"
    BEFORE_MANIFEST = "before-manifest"
    AFTER_MANIFEST = "after-manifest"
    PUBLISHING_RECORDED = "publishing-recorded"
    BEFORE_EXCHANGE = "before-exchange"
    BETWEEN_RENAMES = "between-renames"
    AFTER_EXCHANGE = "after-exchange"
    AFTER_REPLACED = "after-replaced"
    BEFORE_CLEANUP = "before-cleanup"
    BEFORE_PUBLISHED = "before-published"
    PUBLISHED_RECORDED = "published-recorded"
    COLUMNS_RECORDED = "columns-recorded"
    ATTEMPT_RECORDED = "attempt-recorded"
    AFTER_CLEANUP = "after-cleanup"
    RUN_FINISHED = "run-finished"
    RECOVERY_BEGUN = "recovery-begun"
    RECOVERY_SETTLED = "recovery-settled"
    ROLLBACK_STAGED = "rollback-staged"


def fault_point(name: FaultPoint) -> None: ...


def test_setting(name: str) -> str | None:
    return None
