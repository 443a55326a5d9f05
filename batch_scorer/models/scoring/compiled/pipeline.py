"""A compiled pipeline, and a chunk on its way through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from batch_scorer.models.scoring.compiled.comparing import differing_columns, same_bits
from batch_scorer.models.scoring.compiled.finals import Final
from batch_scorer.models.scoring.compiled.original import Original
from batch_scorer.models.scoring.compiled.plan import Plan
from batch_scorer.models.scoring.compiled.reasons import Differs, Unusual
from batch_scorer.models.scoring.compiled.running.lookups import Lookups
from batch_scorer.models.scoring.compiled.running.sources import Sources
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.compiled.sampling import Sampler
from batch_scorer.models.scoring.together import quiet

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPipeline:
    original: Original
    plan: Plan
    final: Final

    def chunk(self) -> CompiledChunk:
        return CompiledChunk(self)


class CompiledChunk:
    """Batches of one chunk, in order. What it learns of a chunk's values is forgotten with the chunk."""

    def __init__(self, pipeline: CompiledPipeline) -> None:
        self._pipeline = pipeline
        self._forget()

    def score(self, features: pa.Table) -> np.ndarray:
        """(n_rows, *shape): what the original would give, checked on a sample before it is handed out.

        Raises: Unusual: ask the original; Differs: never use the plan again.
        """
        try:
            return self._score(features)
        except Unusual:
            self._forget()  # what this batch showed was not looked at
            raise

    def _forget(self) -> None:
        self._lookups = Lookups(self._pipeline.plan)
        self._sampler = Sampler()

    def _score(self, features: pa.Table) -> np.ndarray:
        pipeline = self._pipeline
        sources = Sources.of(features, pipeline.plan)
        with quiet(), np.errstate(all="ignore"):
            rows = self._sampler.rows(sources, self._lookups)
            truth = _asked(pipeline.original.table, features.take(pa.array(rows))) if len(rows) else None
            if truth is not None:
                self._lookups.learn(sources, rows, truth)
            table = Table(pipeline.plan, sources, self._lookups)
            result = _asked(pipeline.final.score, table)
            if truth is not None:
                self._check(table, result, rows, truth)
        return result

    def _check(self, table: Table, result: np.ndarray, rows: np.ndarray, truth: Any) -> None:
        pipeline = self._pipeline
        wrong = differing_columns(table, rows, truth)
        if wrong:
            source = pipeline.plan.tracks[wrong[0]].source
            name = pipeline.plan.signature.columns[source].name
            raise Differs(
                f'column {wrong[0]} of the compiled table, made of "{name}", is not the original\'s'
            )
        if pipeline.final.rows_alone:
            expected = _asked(pipeline.original.result, truth)
            if not same_bits(result[rows], expected):
                raise Differs(f"a compiled {pipeline.original.method} is not the original's")


def _asked(respond: Callable[[Question], Answer], question: Question) -> Answer:
    """What raises here makes the original raise, too, or is no business of the plan."""
    try:
        return respond(question)
    except (Unusual, MemoryError):
        raise
    except Exception as error:
        # Not what it says: it may tell of a row, and reasons are counted.
        raise Unusual(f"a step raised {type(error).__name__}") from error
