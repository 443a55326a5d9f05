"""A compiled pipeline, and a chunk on its way through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from batch_scorer.models.scoring.compiled.comparing import differing_columns, same_bits
from batch_scorer.models.scoring.compiled.finals import Final
from batch_scorer.models.scoring.compiled.original import Original
from batch_scorer.models.scoring.compiled.plan import Plan
from batch_scorer.models.scoring.compiled.reasons import Differs, Unusual
from batch_scorer.models.scoring.compiled.running.lookups import Lookups, unmet
from batch_scorer.models.scoring.compiled.running.sources import Sources
from batch_scorer.models.scoring.compiled.running.table import Table
from batch_scorer.models.scoring.compiled.samples import Sample
from batch_scorer.models.scoring.compiled.sampling import Sampler
from batch_scorer.models.scoring.together import quiet

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST_KNOWN_BYTES = 1 << 22


@dataclass(slots=True)
class Known:
    """Of a pipeline in this process. lookups: what it was told so far. difference: it was found wrong."""

    lookups: Lookups = field(default_factory=Lookups)
    difference: Differs | None = None

    def lookups_of_now(self) -> Lookups:
        """Forgotten where they grew too large: what is met again is asked again."""
        lookups = self.lookups
        if lookups.n_bytes > MOST_KNOWN_BYTES:
            lookups = self.lookups = Lookups()
        return lookups


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledPipeline:
    original: Original
    plan: Plan
    final: Final
    known: Known = field(default_factory=Known, init=False, compare=False)

    def chunk(self, owe: Callable[[CompiledChunk, Sample], None] | None = None) -> CompiledChunk:
        """owe: takes what is still to be proven; nothing of the chunk may be used before. None: each batch
        is proven at once."""
        return CompiledChunk(self, owe)

    def require_right(self) -> None:
        """Raises: Differs: it was found wrong, in whichever chunk."""
        if self.known.difference is not None:
            raise Differs(str(self.known.difference))

    def prove(self, sample: Sample) -> None:
        """Raises: Unusual: the original has no answer; Differs: it has another one."""
        with quiet(), np.errstate(all="ignore"):
            self.compare(sample, self.asked(sample.features))

    def asked(self, features: pa.Table) -> Any:
        """The original's table of some rows. Raises: Unusual."""
        return _answer(self.original.table, features)

    def compare(self, sample: Sample, truth: Any) -> None:
        """truth: the original's table of the sample's rows. Raises: Unusual, Differs."""
        try:
            self._compare(sample, truth)
        except Differs as difference:
            self.known.difference = difference
            raise

    def _compare(self, sample: Sample, truth: Any) -> None:
        wrong = differing_columns(sample.table, truth)
        if wrong:
            source = self.plan.tracks[wrong[0]].source
            name = self.plan.signature.columns[source].name
            raise Differs(
                f'column {wrong[0]} of the compiled table, made of "{name}", is not the original\'s'
            )
        if self.final.rows_alone:
            expected = _answer(self.original.result, truth)
            if not same_bits(sample.result, expected):
                raise Differs(f"a compiled {self.original.method} is not the original's")


class CompiledChunk:
    """Batches of one chunk, in order. doubt: what came of a proof that was asked for later, if it failed."""

    def __init__(
        self, pipeline: CompiledPipeline, owe: Callable[[CompiledChunk, Sample], None] | None
    ) -> None:
        self.pipeline = pipeline
        self.doubt: Exception | None = None
        self._owe = owe
        self._sampler = Sampler()

    def score(self, features: pa.Table) -> np.ndarray:
        """(n_rows, *shape): what the original would give, as far as is known before it is proven.

        Raises: Unusual: ask the original; Differs: never use the plan again.
        """
        try:
            return self._score(features)
        except Unusual:
            self._sampler = Sampler()  # what this batch showed was not looked at
            raise

    def require_proven(self) -> None:
        """Once all that was owed is settled. Raises: Differs, Unusual: none of the results may be used; or
        whatever else the proof raised."""
        self.pipeline.require_right()
        if self.doubt is not None:
            raise self.doubt

    def _score(self, features: pa.Table) -> np.ndarray:
        pipeline = self.pipeline
        pipeline.require_right()
        sources = Sources.of(features, pipeline.plan)
        lookups = pipeline.known.lookups_of_now()
        with quiet(), np.errstate(all="ignore"):
            rows = self._sampler.rows(sources)
            found = lookups.find(sources)
            new = unmet(sources, found)
            truth = None
            if len(new):  # no answer without the original's, which proves the batch as well
                rows = np.union1d(rows, new)
                truth = pipeline.asked(features.take(pa.array(rows)))
                found = lookups.learn(sources, rows, truth, pipeline.plan.looked_up)
            table = Table.of(pipeline.plan, sources, found)
            result = _answer(pipeline.final.score, table)
            if truth is not None:
                pipeline.compare(Sample.of(features, rows, table, result, lookups), truth)
            elif len(rows):
                self._prove(Sample.of(features, rows, table, result, lookups))
        return result

    def _prove(self, sample: Sample) -> None:
        if self._owe is None:
            self.pipeline.prove(sample)
        else:
            self._owe(self, sample)


def _answer(respond: Callable[[Question], Answer], question: Question) -> Answer:
    """What raises here makes the original raise, too, or is no business of the plan."""
    try:
        return respond(question)
    except (Unusual, MemoryError):
        raise
    except Exception as error:
        # Not what it says: it may tell of a row, and reasons are counted.
        raise Unusual(f"a step raised {type(error).__name__}") from error
