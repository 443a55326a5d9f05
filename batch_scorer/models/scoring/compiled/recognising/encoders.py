"""Encoders: whatever they do to a value, they do to each distinct value alone. It is looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from batch_scorer.models.scoring.compiled.reasons import NotCompiled
from batch_scorer.models.scoring.compiled.recognising.operations import Bin, IsBin
from batch_scorer.models.scoring.compiled.recognising.tracks import Block, Track


def _one_hot(encoder: OneHotEncoder, block: Block) -> Block:
    widths = getattr(encoder, "_n_features_outs", None)
    if widths is None:
        raise NotCompiled("this scikit-learn does not tell how many columns a category gets")
    return _widened(block, widths, encoder.dtype, is_sparse=bool(encoder.sparse_output))


def _ordinal(encoder: OrdinalEncoder, block: Block) -> Block:
    return _widened(block, [1] * len(block.tracks), encoder.dtype)


def _target(encoder: TargetEncoder, block: Block) -> Block:
    n_each = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    return _widened(block, [n_each] * len(block.tracks), np.float64)


def _bins(binner: KBinsDiscretizer, block: Block) -> Block:
    """Numbers are cut by their edges, for hardly two of them are the same."""
    _require_dense(block)
    if binner.dtype is not None:
        raise NotCompiled("it gives bins of a type of its own")
    block = block.as_floats()
    tracks: list[Track] = []
    for track, edges, n_bins in zip(block.tracks, binner.bin_edges_, binner.n_bins_, strict=True):
        numbered = track.then(Bin(np.ascontiguousarray(edges[1:-1])))
        if binner.encode == "ordinal":
            tracks.append(numbered)
        else:
            tracks += [numbered.then(IsBin(number)) for number in range(n_bins)]
    return Block(tracks=tuple(tracks), is_sparse=binner.encode == "onehot")


def _widened(block: Block, widths: list[int], dtype: Any, *, is_sparse: bool = False) -> Block:
    _require_dense(block)
    if 0 in widths:  # who does not look at it does not meet what the encoder refuses
        raise NotCompiled("it makes no column of one that it looks at")
    tracks = [
        track.by_look_up(np.dtype(dtype))
        for track, width in zip(block.tracks, widths, strict=True)
        for _ in range(int(width))
    ]
    return Block(tracks=tuple(tracks), is_sparse=is_sparse)


def _require_dense(block: Block) -> None:
    if block.is_sparse:
        raise NotCompiled("it encodes a sparse table")


ENCODERS: Mapping[type, Callable[[Any, Block], Block]] = {
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _ordinal,
    TargetEncoder: _target,
    KBinsDiscretizer: _bins,
}
