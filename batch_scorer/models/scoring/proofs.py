"""What the batches of one task owe the original pipeline, so that it is asked once for all of them.

An ask costs the same whatever it asks for: nearly all of it is scikit-learn on its way through its steps.
"""

from __future__ import annotations

from threadpoolctl import ThreadpoolController

from batch_scorer.models.scoring.compiled.pipeline import CompiledChunk, CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import Differs
from batch_scorer.models.scoring.compiled.samples import Sample
from batch_scorer.models.scoring.together import one_thread

# Held aside at most, so that a worker's memory does not grow with its task.
MOST_ROWS = 8_192
MOST_BYTES = 1 << 22


class Proofs:
    """Mutable, and owned by one task. Nothing that its chunks were given may be used before `settle`."""

    def __init__(self) -> None:
        self._debts: list[Debt] = []

    def of(self, pipeline: CompiledPipeline, threads: ThreadpoolController) -> Debt:
        """What is owed for one pipeline. threads: of the libraries that it computes with."""
        for debt in self._debts:
            if debt.pipeline is pipeline:
                return debt
        self._debts.append(Debt(pipeline, threads))
        return self._debts[-1]

    def settle(self) -> None:
        """Ask for all that is owed. What came of it each chunk tells: see CompiledChunk.require_proven."""
        for debt in self._debts:
            debt.settle()


class Debt:
    """The samples of one pipeline that the original was not asked about yet."""

    def __init__(self, pipeline: CompiledPipeline, threads: ThreadpoolController) -> None:
        self.pipeline = pipeline
        self._threads = threads
        self._owed: list[tuple[CompiledChunk, Sample]] = []

    def owe(self, chunk: CompiledChunk, sample: Sample) -> None:
        """Raises: Differs: the plan was wrong, in this chunk or in one before."""
        if self._owed and self._owed[0][1].lookups is not sample.lookups:
            self.settle()  # what was learned since begins anew: positions are others
        self._owed.append((chunk, sample))
        samples = [own for _, own in self._owed]
        if sum(own.n_rows for own in samples) > MOST_ROWS or sum(own.n_bytes for own in samples) > MOST_BYTES:
            self.settle()
        self.pipeline.require_right()

    def settle(self) -> None:
        owed, self._owed = self._owed, []
        if owed:
            with one_thread(self._threads):
                self._settle(owed)

    def _settle(self, owed: list[tuple[CompiledChunk, Sample]]) -> None:
        try:
            self.pipeline.prove(Sample.joined([sample for _, sample in owed]))
        except Differs:
            pass  # known to the pipeline, and so to all of its chunks
        except Exception as doubt:
            chunks = list({id(chunk): chunk for chunk, _ in owed}.values())
            if len(chunks) == 1:
                chunks[0].doubt = doubt
                return
            for chunk in chunks:  # a row that the original refuses is no other chunk's
                self._settle([own for own in owed if own[0] is chunk])
