"""Imputers, scalers and functions of numbers: the same arithmetic, column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from batch_scorer.models.scoring.compiled.reasons import NotCompiled
from batch_scorer.models.scoring.compiled.recognising.operations import (
    Apply,
    Cast,
    Clip,
    Fill,
    InPlace,
    IsMissing,
    Operation,
    require_finite,
)
from batch_scorer.models.scoring.compiled.recognising.tracks import Block, Track


def _imputer(imputer: SimpleImputer, block: Block) -> Block:
    _require_dense(block, "it fills a sparse table")
    if imputer.strategy not in ("mean", "median", "most_frequent", "constant"):
        raise NotCompiled("its strategy is a function")
    block = block.as_floats() if imputer.strategy in ("mean", "median") else block.as_numbers()
    if not all(track.looked_up for track in block.tracks):
        if not _is_nan(imputer.missing_values):
            raise NotCompiled(f"it fills {imputer.missing_values!r}, not NaN")
        if imputer._fit_dtype.kind == "O":
            raise NotCompiled("it was fitted on objects")
    if not imputer.keep_empty_features and any(map(_is_nan, imputer.statistics_)):
        raise NotCompiled("it leaves out columns that it looks at")
    filled = zip(block.tracks, imputer.statistics_, strict=True)
    tracks = [_filled(track, statistic, imputer._fill_dtype) for track, statistic in filled]
    if imputer.indicator_ is not None:
        tracks += [_marked(block.tracks[at]) for at in imputer.indicator_.features_]
        if imputer.indicator_.sparse is True:
            raise NotCompiled("its indicator is sparse")
    return Block(tracks=tuple(tracks)).as_array()


def _filled(track: Track, statistic: Any, dtype: np.dtype[Any]) -> Track:
    if track.dtype.kind != "f":  # whole numbers have no NaN
        return track
    return track.then(Fill(np.asarray([statistic]).astype(dtype)[0]))


def _marked(track: Track) -> Track:
    """Beside the filled columns of an array, true becomes 1 of their type."""
    if track.dtype.kind not in "fO":
        raise NotCompiled("it marks missing values of whole numbers")
    return track.then(IsMissing()).then(Cast(track.dtype))


def _standard(scaler: StandardScaler, block: Block) -> Block:
    if block.is_sparse:
        return _each(block, None if scaler.scale_ is None else 1 / scaler.scale_, np.multiply)
    block = block.as_floats()
    if scaler.with_mean:
        block = _each(block, scaler.mean_, np.subtract, same_type=True)
    return _each(block, scaler.scale_, np.divide, same_type=True) if scaler.with_std else block


def _min_max(scaler: MinMaxScaler, block: Block) -> Block:
    _require_dense(block, "it shifts a sparse table")
    block = _each(block.as_floats(), scaler.scale_, np.multiply)
    block = _each(block, scaler.min_, np.add)
    return _clipped(block, *scaler.feature_range) if scaler.clip else block


def _max_abs(scaler: MaxAbsScaler, block: Block) -> Block:
    if block.is_sparse:
        block = _each(block, 1.0 / scaler.scale_, np.multiply)
    else:
        block = _each(block.as_floats(), scaler.scale_, np.divide)
    return _clipped(block, -1.0, 1.0) if getattr(scaler, "clip", False) else block


def _robust(scaler: RobustScaler, block: Block) -> Block:
    if block.is_sparse:
        return _each(block, 1.0 / scaler.scale_ if scaler.with_scaling else None, np.multiply)
    block = block.as_floats()
    if scaler.with_centering:
        block = _each(block, scaler.center_, np.subtract)
    return _each(block, scaler.scale_, np.divide) if scaler.with_scaling else block


def _function(transformer: FunctionTransformer, block: Block) -> Block:
    function = transformer.func
    if transformer.validate:
        block = _then(block.as_numbers(), [require_finite] * len(block.tracks))
    if function is None:
        return block
    if not isinstance(function, np.ufunc) or function.nin != 1 or function.nout != 1 or function.signature:
        raise NotCompiled(f"{getattr(function, '__name__', function)} is no NumPy function of one number")
    _require_dense(block, "it calculates with a sparse table")
    if transformer.kw_args:
        raise NotCompiled("its function has arguments")
    if any(track.looked_up for track in block.tracks if track.dtype.kind == "O"):
        raise NotCompiled("it calculates with what is no number")
    if block.of_objects:  # Python's numbers have other sums and quotients
        raise NotCompiled("it calculates with truths and numbers in one array of objects")
    return _then(block, [Apply(function)] * len(block.tracks))


def _each(block: Block, operands: np.ndarray | None, ufunc: np.ufunc, *, same_type: bool = False) -> Block:
    """`table ufunc= operands`. operands: (n_columns,). same_type: they are rounded to the table's first."""
    if operands is None:
        return block
    operations = []
    for track, operand in zip(block.tracks, operands, strict=True):
        one = np.asarray([operand])
        operations.append(InPlace(ufunc, one.astype(track.dtype) if same_type else one))
    return _then(block, operations)


def _clipped(block: Block, low: float, high: float) -> Block:
    return _then(
        block,
        [
            Clip(np.asarray(low, dtype=track.dtype), np.asarray(high, dtype=track.dtype))
            for track in block.tracks
        ],
    )


def _then(block: Block, operations: list[Any]) -> Block:
    pairs: list[tuple[Track, Operation]] = list(zip(block.tracks, operations, strict=True))
    return replace(block, tracks=tuple(track.then(operation) for track, operation in pairs))


def _require_dense(block: Block, reason: str) -> None:
    if block.is_sparse:
        raise NotCompiled(reason)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


NUMBERS: Mapping[type, Callable[[Any, Block], Block]] = {
    SimpleImputer: _imputer,
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    FunctionTransformer: _function,
}
