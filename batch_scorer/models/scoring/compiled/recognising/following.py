"""What a fitted transformer does to the columns of a table, through pipelines and column transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn import get_config
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from batch_scorer.models.scoring.compiled.reasons import NotCompiled
from batch_scorer.models.scoring.compiled.recognising.anatomy import require_own_methods
from batch_scorer.models.scoring.compiled.recognising.encoders import ENCODERS
from batch_scorer.models.scoring.compiled.recognising.numbers import NUMBERS
from batch_scorer.models.scoring.compiled.recognising.tracks import Block

Follow = Callable[[Any, Block], Block]


def follow(name: str, transformer: Any, block: Block) -> Block:
    """The columns that the transformer gives for those of the block.

    name: of the step, for the reason. Raises: NotCompiled.
    """
    if isinstance(transformer, str) or transformer is None:
        if transformer in (None, "passthrough"):
            return block
        raise NotCompiled(f'step "{name}" is "{transformer}", which is not known')
    known = _KNOWN.get(type(transformer))
    if known is None:
        raise NotCompiled(f'step "{name}" is a {type(transformer).__name__}, which is not known')
    if _gives_frames(transformer):
        raise NotCompiled(f'step "{name}" gives data frames (set_output)')
    try:
        require_own_methods(transformer)
        return known(transformer, block)
    except NotCompiled as reason:
        raise NotCompiled(f'step "{name}": {reason}') from None


def _pipeline(pipeline: Pipeline, block: Block) -> Block:
    for name, step in pipeline.steps:
        block = follow(name, step, block)
    return block


def _columns(transformer: ColumnTransformer, block: Block) -> Block:
    if transformer.transformer_weights:
        raise NotCompiled("it weighs its transformers")
    if block.is_sparse:
        raise NotCompiled("it takes columns out of a sparse table")
    positions = {
        name: transformer._transformer_to_input_indices[name]
        for name, step, _ in transformer.transformers_
        if step != "drop"
    }
    used = {position for own in positions.values() for position in own}
    if not all(track.is_as_read for at, track in enumerate(block.tracks) if at not in used):
        raise NotCompiled("it leaves out columns that a step before it looks at")
    parts = [
        follow(name, step, block.take(positions[name]))
        for name, step, _ in transformer.transformers_
        if len(positions.get(name, ()))
    ]
    return _side_by_side(parts, is_sparse=bool(transformer.sparse_output_))


def _union(union: FeatureUnion, block: Block) -> Block:
    if union.transformer_weights:
        raise NotCompiled("it weighs its transformers")
    parts = [follow(name, step, block) for name, step in union.transformer_list if step != "drop"]
    return _side_by_side(parts, is_sparse=any(part.is_sparse for part in parts))


def _side_by_side(parts: list[Block], *, is_sparse: bool) -> Block:
    """Each part has one type before they stand beside each other and have one together."""
    if is_sparse:  # SciPy holds no objects
        parts = [part.as_numbers() for part in parts]
    else:
        parts = [part.as_array() if part.is_frame else part.as_dense() for part in parts]
    tracks = tuple(track for part in parts for track in part.tracks)
    of_objects = any(part.of_objects for part in parts)
    return Block(tracks=tracks, is_sparse=is_sparse, of_objects=of_objects).as_array()


def _gives_frames(transformer: Any) -> bool:
    own = getattr(transformer, "_sklearn_output_config", {}).get("transform")
    return bool((own or get_config()["transform_output"]) != "default")


_KNOWN: Mapping[type, Follow] = {
    Pipeline: _pipeline,
    ColumnTransformer: _columns,
    FeatureUnion: _union,
    **NUMBERS,
    **ENCODERS,
}
