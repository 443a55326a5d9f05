"""From a fitted pipeline to a compiled one that was seen to give the same bits, or to the reason why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse
from sklearn.base import BaseEstimator

from batch_scorer.core.models import Method, Signature
from batch_scorer.models.estimators import fitted_parts
from batch_scorer.models.scoring.compiled.comparing import same_bits
from batch_scorer.models.scoring.compiled.finals import OwnCall, final_for
from batch_scorer.models.scoring.compiled.original import Original
from batch_scorer.models.scoring.compiled.pipeline import CompiledPipeline
from batch_scorer.models.scoring.compiled.plan import Form, Plan, tracks_of
from batch_scorer.models.scoring.compiled.probes import EXTREMES, probes
from batch_scorer.models.scoring.compiled.reasons import Differs, NotCompiled, Unusual
from batch_scorer.models.scoring.compiled.recognising.anatomy import anatomy, is_of_sklearn

Examples = list[tuple[str, pa.Table]]


def compile_pipeline(
    estimator: Any, signature: Signature, method: Method, golden: pa.Table | None
) -> CompiledPipeline:
    """Recognised, and proven on the golden rows and on rows made of what the model learned.

    golden: the signature's columns. Raises: NotCompiled, Differs.
    """
    parts = anatomy(estimator)
    tracks = tracks_of(parts, signature)
    original = Original(estimator=estimator, parts=parts, signature=signature, method=method)
    examples = [*([("golden rows", golden)] if golden is not None and len(golden) > 1 else [])]
    examples += probes(estimator, signature)
    plan = Plan(signature=signature, tracks=tracks, form=_form(original, examples, len(tracks)))
    final = final_for(parts.final, method, plan)
    if not parts.steps and isinstance(final, OwnCall):
        _require_plain_reader(parts.final)
    compiled = CompiledPipeline(original=original, plan=plan, final=final)
    prove(compiled, examples)
    return compiled


def prove(compiled: CompiledPipeline, examples: Iterable[tuple[str, pa.Table]]) -> None:
    """Where the original answers, the plan gives the same bits or has no answer; once at least it has one.

    Raises: Differs; NotCompiled, when it never has an answer.
    """
    n_answers = 0
    reason = "the original answers none of its examples"
    for group in _groups(list(examples)):
        if len(group) > 1 and _is_answered(compiled, _below(group)):
            n_answers += 1
            continue
        for what, features in group:
            refused = _reason_of_none(compiled, what, features, _answer(compiled.original, features))
            n_answers += refused is None
            reason = refused or reason
    if not n_answers:
        raise NotCompiled(reason)


def _groups(examples: Examples) -> list[Examples]:
    """Those that the original should answer, and those that it may refuse."""
    usual = [example for example in examples if example[0] != EXTREMES]
    return [usual, [example for example in examples if example[0] == EXTREMES]]


def _below(examples: Examples) -> tuple[str, pa.Table] | None:
    """As one example. None: their columns are of types that do not go together."""
    *_, (_, like) = examples
    try:
        tables = [features.select(like.column_names).cast(like.schema) for _, features in examples]
    except pa.ArrowException:
        return None
    return ", ".join(what for what, _ in examples), pa.concat_tables(tables)


def _is_answered(compiled: CompiledPipeline, together: tuple[str, pa.Table] | None) -> bool:
    """By both, with the same bits. An ask costs the same whatever it asks for; but where some row is refused,
    each example has to be asked alone.

    Raises: Differs.
    """
    if together is None:
        return False
    what, features = together
    expected = _answer(compiled.original, features)
    return expected is not None and _reason_of_none(compiled, what, features, expected) is None


def _reason_of_none(
    compiled: CompiledPipeline, what: str, features: pa.Table, expected: np.ndarray | None
) -> str | None:
    """Why the plan has no answer: empty, where the original has none either. None: it has the same.

    expected: by the original; None: it raises. Raises: Differs.
    """
    try:
        result = compiled.chunk().score(features)
    except Unusual as unusual:
        return "" if expected is None else str(unusual)
    if expected is None:
        raise Differs(f"it answers where the original raises, on {what}")
    if not same_bits(result, expected):
        raise Differs(f"a compiled {compiled.original.method} is not the original's, on {what}")
    return None


def _require_plain_reader(estimator: Any) -> None:
    """One that makes an array of a data frame first of all, so that it may as well be given the array.

    Raises: NotCompiled.
    """
    others = [part for part in fitted_parts(estimator) if part is not estimator]
    if not is_of_sklearn(type(estimator)) or any(isinstance(part, BaseEstimator) for part in others):
        name = type(estimator).__name__
        raise NotCompiled(f"no step comes before a {name}, which may read data frames itself")


def _form(original: Original, examples: Examples, n_columns: int) -> Form:
    """Seen on the first examples that the original takes."""
    for _, features in examples:
        try:
            table = original.table(features)
        except Exception:  # noqa: S112 (some examples are meant to be refused)
            continue
        if sparse.issparse(table):
            found = Form(dtype=table.dtype, order="C", is_sparse=True)
        elif isinstance(table, np.ndarray) and table.ndim == 2 and table.dtype.kind in "fiub":
            by_rows = table.flags.c_contiguous
            found = Form(dtype=table.dtype, order="C" if by_rows else "F", is_sparse=False)
        else:
            raise NotCompiled("the table before its final estimator is no array of numbers")
        if table.shape[1] != n_columns:
            raise NotCompiled("the table before its final estimator has other columns than its steps tell of")
        return found
    raise NotCompiled("the original takes none of its examples")


def _answer(original: Original, features: pa.Table) -> np.ndarray | None:
    """None: it raises."""
    try:
        return original.whole(features)
    except MemoryError:
        raise
    except Exception:
        return None
