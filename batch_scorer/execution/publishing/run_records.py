"""The row of a run in the ledger, from its start to its end: of runs that score, and of rollbacks."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.records import RunRecord, RunState
from batch_scorer.core.surprises import as_internal_error
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.parts import JobParts


def new_run(
    parts: JobParts,
    run_id: str,
    *,
    model: str,
    model_sha256: str,
    command: tuple[str, ...],
    reason: str | None,
) -> RunRecord:
    """model: `taxi_tips@3`. Not written yet."""
    return RunRecord(
        run_id=run_id,
        job=parts.job.name,
        state=RunState.RUNNING,
        started_at=datetime.now(UTC),
        finished_at=None,
        exit_code=None,
        model=model,
        model_sha256=model_sha256,
        command=command,
        host=socket.gethostname(),
        pid=os.getpid(),
        user=user_name(),
        code_version=parts.code_version,
        target=parts.target,
        reason=reason,
        config=parts.config,
        guarantee=str(parts.sink.guarantee),
        suite_fingerprint=parts.suite_fingerprint,
    )


def record_end(parts: JobParts, run: RunRecord) -> BatchScorerError | None:
    """run: finished, with its exit code. Returns: why the ledger did not take it; the next run then calls
    this one dead.
    """
    try:
        parts.ledger.finish_run(run)
    except BatchScorerError as error:
        return error
    except Exception as surprise:
        return as_internal_error(surprise)
    return None
