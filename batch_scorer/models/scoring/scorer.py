"""A chunk's batches through the compiled pipeline where that is proven, else through the original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from batch_scorer.core.errors import NotCompilable, SignatureInvalid
from batch_scorer.core.models import Compiled, Method
from batch_scorer.models.scoring.calling import require_usable
from batch_scorer.models.scoring.compiled.compiling import compile_pipeline
from batch_scorer.models.scoring.compiled.pipeline import CompiledChunk, CompiledPipeline
from batch_scorer.models.scoring.compiled.reasons import Differs, NotCompiled, Unusual
from batch_scorer.models.scoring.loader import LoadedModel
from batch_scorer.models.scoring.proofs import Proofs
from batch_scorer.models.scoring.together import one_thread

COMPILED = "the compiled pipeline"
ORIGINAL = "the original pipeline"
FEWEST_ROWS = 1024  # of a batch: the sample of a smaller one costs as much as scoring it


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompiled:
    """Why the original is used. differed: the compiled one gave something else, which people should hear."""

    reason: str
    differed: bool = False


class Scorer:
    """Of one chunk.

    scored_by: rows by how they were scored, in words for the run's record. warnings: for people.
    proofs: where what is given is noted for a later proof; None: it is proven before it is given.
    """

    def __init__(
        self,
        model: LoadedModel,
        method: Method,
        way: CompiledPipeline | Uncompiled,
        proofs: Proofs | None = None,
    ) -> None:
        self._model = model
        self._method = method
        self._way: CompiledChunk | Uncompiled
        if isinstance(way, Uncompiled):
            self._way = way
        else:
            self._way = way.chunk(None if proofs is None else proofs.of(way, model.threads).owe)
        self._rows: Counter[str] = Counter()

    @property
    def scored_by(self) -> Mapping[str, int]:
        return dict(self._rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        if isinstance(self._way, Uncompiled) and self._way.differed:
            return (f"{self._model.label}: {self._way.reason}; {ORIGINAL} is used",)
        return ()

    def predict(self, features: pa.Table) -> np.ndarray:
        """As LoadedModel.predict, to the last bit; of a scorer with proofs, once these are settled.

        Raises: as that; Differs: what this scorer gave before is not to be used, nor is its model's plan: a
        new scorer of the model uses the original.
        """
        if isinstance(self._way, Uncompiled):
            return self._original(features, self._way.reason)
        if not features.num_rows:
            return self._model.predict(features, self._method)
        if features.num_rows < FEWEST_ROWS:
            return self._original(features, f"batches of fewer than {FEWEST_ROWS:,} rows")
        try:
            with one_thread(self._model.threads):
                result = self._way.score(features)
        except Unusual as unusual:
            return self._original(features, str(unusual))
        shape = self._model.manifest.signature.outputs[self._method]
        require_usable(result, features.num_rows, self._method, shape)
        self._rows[COMPILED] += features.num_rows
        return result

    def require_proven(self) -> None:
        """Of a scorer with proofs, once these are settled: all that it gave may be used.

        Raises: Differs: as predict; Unusual: the original has no answer to a row of the chunk, or a better
        one: see by_original; whatever else its proof raised.
        """
        if isinstance(self._way, CompiledChunk):
            self._way.require_proven()

    def _original(self, features: pa.Table, reason: str) -> np.ndarray:
        result = self._model.predict(features, self._method)
        self._rows[f"{ORIGINAL}: {reason}"] += len(result)
        return result


def scorer_for(
    model: LoadedModel, method: Method, compiled: Compiled, proofs: Proofs | None = None
) -> Scorer:
    """For the batches of one chunk, in order. proofs: see Scorer.

    Raises: SignatureInvalid (no such method); NotCompilable, where compiling was required.
    """
    if method not in model.manifest.signature.outputs:
        raise SignatureInvalid(f"{model.label} has no {method}")
    if compiled is Compiled.OFF:
        return Scorer(model, method, Uncompiled(reason="compute.compiled is off"))
    if method not in model.ways:
        # Another thread may have found out meanwhile, and scored: what it says of the plan stays.
        model.ways.setdefault(method, _way(model, method))
    way = model.ways[method]
    if isinstance(way, CompiledPipeline) and way.known.difference is not None:
        way = model.ways[method] = Uncompiled(reason=str(way.known.difference), differed=True)
    if compiled is Compiled.REQUIRE and isinstance(way, Uncompiled):
        raise NotCompilable(
            f"{model.label} cannot be scored by a compiled pipeline: {way.reason}",
            fix="set compute.compiled: auto to score with the original pipeline, or replace what is named",
        )
    return Scorer(model, method, way, proofs)


def by_original(model: LoadedModel, method: Method, reason: str) -> Scorer:
    """For the batches of a chunk that the plan has no answer to."""
    return Scorer(model, method, Uncompiled(reason=reason))


def _way(model: LoadedModel, method: Method) -> CompiledPipeline | Uncompiled:
    try:
        with one_thread(model.threads):
            return compile_pipeline(model.estimator, model.manifest.signature, method, model.golden_inputs)
    except NotCompiled as reason:
        return Uncompiled(reason=str(reason))
    except Differs as difference:
        return Uncompiled(reason=str(difference), differed=True)
    except MemoryError:
        raise
    except Exception as error:  # a fitted estimator of another make than is known here; the original knows it
        return Uncompiled(reason=f"it cannot be read: {type(error).__name__}: {error}")
