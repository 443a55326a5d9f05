"""How workers take a chunk with them, in words."""

from __future__ import annotations

from batch_scorer.core.errors import WorkerDied


def died() -> WorkerDied:
    return WorkerDied(
        "the worker died while it scored this chunk",
        fix="score the chunk with --cluster inline to see a crash in native code; look for the out-of-memory "
        "killer in the kernel's log, then lower compute.chunk or raise compute.memory_per_worker",
    )


def outgrew(memory_limit: int) -> WorkerDied:
    return WorkerDied(
        f"the worker outgrew its memory of {memory_limit / 1e6:,.0f} MB while it scored this chunk",
        fix="lower compute.chunk, or raise compute.memory_per_worker",
    )


def silent() -> WorkerDied:
    return WorkerDied(
        "the worker went silent while it had this chunk",
        fix="look whether its machine stands still, swaps, or lost its network; score with --cluster local",
    )


def lost() -> WorkerDied:
    return WorkerDied(
        "this chunk was lost between the scheduler and its workers",
        fix="look at the scheduler's log, or run with --cluster local",
    )
