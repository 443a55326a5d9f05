"""Plans on disk: written by `plan -o`, read by `run --plan`, and held against the lake as it is then."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from batch_scorer.core.durable import write_whole
from batch_scorer.core.errors import UsageError
from batch_scorer.core.plans import Plan
from batch_scorer.execution.parts import JobParts
from batch_scorer.planning.plan_record import PlanRecord, from_document, moved, record_of, to_document
from batch_scorer.planning.selection import as_options

_MAX_BYTES = 256 << 20  # a plan of 100,000 partitions has 40 MB
_MAX_TOLD = 10


def write_plan(path: Path, parts: JobParts, plan: Plan) -> None:
    """Whole or not at all. Raises: DiskFull, OutputUnwritable."""
    document = to_document(_record(parts, plan))
    write_whole(path, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())


def read_plan(path: Path, job: str) -> PlanRecord:
    """Raises: UsageError, for anything but a plan of this job as it was written."""
    try:
        record = from_document(_document(path))
    except (ValueError, RecursionError) as why:
        raise UsageError(
            f"{path} cannot be used as a plan: {why}",
            fix="plans are made by plan -o and run as they are; to change one, make another",
            next_command=f"batch-scorer plan {job} -o {shlex.quote(str(path))}",
        ) from None
    if record.job != job:
        raise UsageError(
            f"{path} is a plan of job {record.job}, not of {job}",
            next_command=f"batch-scorer run {record.job} --plan {shlex.quote(str(path))}",
        )
    return record


def check_unmoved(path: Path, then: PlanRecord, parts: JobParts, plan: Plan) -> None:
    """plan: the one that is about to be carried out. Raises: UsageError, which says what moved."""
    differences = moved(then, _record(parts, plan))
    told = list(islice(differences, _MAX_TOLD))
    if not told:
        return
    n_more = sum(1 for _ in differences)
    lines = [*told, f"and {n_more:,} more"] if n_more else told
    raise UsageError(
        f"{path} was made at {then.made_at}, and {_things(len(told) + n_more)} moved since",
        where="\n         ".join(lines),
        fix="look at a new plan, then run that one; nothing was done",
        next_command=f"batch-scorer plan {then.job}{as_options(then.selection, then.choice)}"
        f" -o {shlex.quote(str(path))}",
    )


def _things(n: int) -> str:
    return "1 thing has" if n == 1 else f"{n:,} things have"


def _record(parts: JobParts, plan: Plan) -> PlanRecord:
    return record_of(
        plan,
        target=parts.target,
        code_version=parts.code_version,
        now=datetime.now(UTC),
    )


def _document(path: Path) -> dict[str, Any]:
    """Raises: ValueError."""
    content = _content(path)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as odd:
        raise ValueError(f"it is no JSON: {odd}") from None
    if isinstance(document, dict):
        return document
    raise ValueError("it is no JSON object")


def _content(path: Path) -> bytes:
    """Raises: ValueError."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no plain file")
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
