"""What a run left undone, and what to try it again with. Reads only."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import unquote

from batch_scorer.core.errors import LockHeld, ModelRefused
from batch_scorer.core.records import AttemptState, GenerationRecord, RunRecord
from batch_scorer.execution.at_work import living_holder
from batch_scorer.execution.naming import records_at
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.pinning import pin_model
from batch_scorer.ledger.ledger import Ledger

_MAX_NAMED = 10


class Left(StrEnum):
    """How a run left a partition that it set out to score and did not publish."""

    FAILED = "failed"
    BLOCKED = "blocked"
    UNFINISHED = "unfinished"  # it never got to it, was stopped at it, or left it to another run


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a run left. partitions: by hive path, to be tried again. passed_over: (hive path, why not).

    generations: what each of the partitions has now, 0 for none.

    is_all: False for a run of an older version, which did not record what it set out to do, and was stopped.
    """

    run: RunRecord
    partitions: Mapping[str, Left]
    generations: tuple[tuple[str, int], ...] = ()
    passed_over: tuple[tuple[str, str], ...] = ()
    is_all: bool = True

    @property
    def words(self) -> str:
        """`2 failed, 1 unfinished`."""
        kinds = list(self.partitions.values())
        return ", ".join(f"{kinds.count(kind)} {kind}" for kind in Left if kind in kinds)


def rest_of(ledger: Ledger, run: RunRecord, kinds: frozenset[Left] = frozenset(Left)) -> Rest:
    """What of these kinds is still as the run left it. Raises: LockHeld, when it goes on."""
    holder = living_holder(ledger, run)
    if holder is not None:
        raise LockHeld(
            f"{holder.words(datetime.now(UTC))}, is still going on",
            where=f"job {run.job}",
            fix="retry it when it has ended, or stop it",
            next_command=f"batch-scorer cancel {run.run_id}",
        )
    still = [(path, left) for path, left in _left(ledger, run) if left in kinds]
    known = records_at(ledger, run.job, [path for path, _ in still])
    currents = {record.partition.path: record.current for record in known}
    partitions: dict[str, Left] = {}
    generations: list[tuple[str, int]] = []
    passed_over: list[tuple[str, str]] = []
    for path, left in still:
        current = currents.get(path)
        why = _settled(run, path, current)
        if why is None:
            partitions[path] = left
            generations.append((path, current.number if current else 0))
        else:
            passed_over.append((path, why))
    return Rest(
        run=run,
        partitions=partitions,
        generations=tuple(generations),
        passed_over=tuple(passed_over),
        is_all=run.planned is not None or (run.exit_code is not None and run.error is None),
    )


def check_same_model(parts: JobParts, run: RunRecord) -> None:
    """What the run scored with has the bytes it had. Raises: ModelRefused, UsageError, ModelError."""
    for reference, sha256 in zip(run.model.split(", "), run.model_sha256.split(", "), strict=True):
        pin = pin_model(parts, reference)
        if pin.sha256 != sha256:
            raise ModelRefused(
                f"{reference} is not the model that run {run.run_id} used: sha256 {pin.sha256[:12]}…, "
                f"then {sha256[:12]}…",
                where=f"registry {parts.registry.root}",
                fix="restore the registry from a backup, or score with what the alias means today",
                next_command=f"batch-scorer retry {run.run_id} --latest-model",
            )


def with_todays_config(rest: Rest) -> str:
    """The command that scores what is left as the job file is today."""
    paths = list(rest.partitions)
    # Several --partition of several keys would mean more than these; and who would type a hundred?
    if any("/" in path for path in paths) or len(paths) > _MAX_NAMED:
        return f"batch-scorer run {rest.run.job} --reprocess failed"
    chosen = "".join(f" --partition {shlex.quote(unquote(path))}" for path in paths)
    return f"batch-scorer backfill {rest.run.job}{chosen}"


def _left(ledger: Ledger, run: RunRecord) -> Iterator[tuple[str, Left]]:
    """In the order of what was planned, then of what failed without that: directories that are none."""
    ended = {attempt.partition_path: attempt.state for attempt in ledger.attempts(run.run_id)}
    for path in dict.fromkeys((*(run.planned or ()), *ended)):
        match ended.get(path):
            case AttemptState.FAILED:
                yield path, Left.FAILED
            case AttemptState.BLOCKED:
                yield path, Left.BLOCKED
            case None:
                yield path, Left.UNFINISHED
            case AttemptState.PUBLISHED:
                pass


def _settled(run: RunRecord, path: str, current: GenerationRecord | None) -> str | None:
    """Why it is nobody's business any more: dates and clocks aside, the newest publish is the one to stay."""
    if "=" not in path:
        return "it is no partition"
    if current is None:
        return None
    then = (run.planned or {}).get(path)
    newer = current.number != then if then is not None else current.created_at > run.started_at
    return f"generation {current.number} was published since, by run {current.run_id}" if newer else None
