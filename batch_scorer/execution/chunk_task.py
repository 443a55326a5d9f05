"""The worker's one task: the chunks that go together are scored, then proven, then recorded."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from batch_scorer.core.chunks import ChunkChecked, ChunkFailed, ChunkScored, ChunkTask
from batch_scorer.core.errors import BatchScorerError, ScoringError
from batch_scorer.core.models import Compiled, Method
from batch_scorer.execution.chunk import Written, checked, recorded, worker_name, written_by
from batch_scorer.execution.clock import Clock
from batch_scorer.models.scoring.compiled.reasons import Differs, Unusual
from batch_scorer.models.scoring.loader import LoadedModel
from batch_scorer.models.scoring.proofs import Proofs
from batch_scorer.models.scoring.scorer import Scorer, by_original, scorer_for

Step = TypeVar("Step")


def score_chunks(
    tasks: Sequence[ChunkTask],
) -> tuple[ChunkScored | ChunkChecked | ChunkFailed | Exception, ...]:
    """Score the chunks of one task, one after the other, then prove them together, then record each.

    An expected failure comes back as data, and so does a surprise: both are their own chunk's. Idempotent:
    every call stages files under new names, and only the driver publishes.
    """
    proofs = Proofs()
    with ExitStack() as places:
        begun = [_own(task, partial(_begun, task, proofs, places)) for task in tasks]
        written = [each for each in begun if isinstance(each, Written)]
        if written:
            # Nothing has a record before this: whatever has one is proven. One of them pays for all.
            with written[0].clock.running(), written[0].clock.stage("score_s"):
                proofs.settle()
        return tuple(
            _own(each.task, partial(_finished, each)) if isinstance(each, Written) else each for each in begun
        )


def _own(task: ChunkTask, step: Callable[[], Step]) -> Step | ChunkFailed | Exception:
    """What comes of a chunk, or what went wrong with it."""
    try:
        return step()
    except BatchScorerError as error:
        _let_go(error)
        return ChunkFailed(chunk=task.chunk, error=error, worker=worker_name())
    except Exception as surprise:
        _let_go(surprise)
        return surprise


def _let_go(error: BaseException | None) -> None:
    """Of what is held where it came by: batches, and those of other chunks are to come."""
    met: set[int] = set()
    while error is not None and id(error) not in met:  # an error may be its own cause: raise it from it
        met.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _begun(task: ChunkTask, proofs: Proofs, places: ExitStack) -> Written | ChunkChecked:
    clock = Clock()
    if task.only_checks:
        return checked(task, clock)
    with clock.running():
        # An answer that is none is refused before it is proven: then once more, each batch proven at once.
        with contextlib.suppress(Differs, ScoringError):
            return written_by(partial(scorer_for, proofs=proofs), task, clock, places)
        with contextlib.suppress(Differs):
            return written_by(scorer_for, task, clock, places)
        # From its first row, by the original: what the compiled pipeline gave for it is worth nothing.
        return written_by(scorer_for, task, clock, places)


def _finished(written: Written) -> ChunkScored:
    """Recorded, where what was given stands; else scored anew by the original."""
    clock = written.clock
    with clock.running(), written.leaving:
        doubt = _doubt_of(written.scorer)
        if doubt is None:
            scored = recorded(written)
    if doubt is not None:
        with clock.running(), ExitStack() as places:
            written = written_by(partial(_scorer_after, doubt), written.task, clock, places)
            scored = recorded(written)
    return replace(scored, cost=replace(clock.cost(), scored_by=written.scorer.scored_by))


def _doubt_of(scorer: Scorer) -> Differs | Unusual | None:
    try:
        scorer.require_proven()
    except (Differs, Unusual) as doubt:
        return doubt
    return None


def _scorer_after(doubt: Differs | Unusual, model: LoadedModel, method: Method, compiled: Compiled) -> Scorer:
    """Of the original. Raises: NotCompilable, where compiling was required of a plan that differs."""
    if isinstance(doubt, Unusual):
        return by_original(model, method, str(doubt))
    return scorer_for(model, method, compiled)
