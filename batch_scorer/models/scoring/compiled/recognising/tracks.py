"""Columns on their way through the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from batch_scorer.models.scoring.compiled.recognising.operations import Cast, Operation

_OBJECT, _FLOAT64 = np.dtype(object), np.dtype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One column: where it comes from and what was done to it.

    source: position among the signature's columns. dtype: of its values by now; object: they are no numbers.
    looked_up: too much happens to it to be followed, but each of its values depends on the source's value in
    that row alone: what becomes of a distinct value is asked of the original.
    """

    source: int
    dtype: np.dtype[Any]
    operations: tuple[Operation, ...] = ()
    looked_up: bool = False

    def then(self, operation: Operation) -> Track:
        """One operation more. What type comes out is seen by trying it on no values."""
        if self.dtype == _OBJECT:
            return self
        after = operation(np.empty(0, dtype=self.dtype)).dtype
        operations = () if self.looked_up else (*self.operations, operation)
        return replace(self, operations=operations, dtype=after)

    def by_look_up(self, dtype: np.dtype[Any]) -> Track:
        return Track(source=self.source, dtype=dtype, looked_up=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The columns of a table between two steps.

    is_frame: of pandas, where each column has a type of its own; else an array, where all have one.
    is_sparse: it holds only what is not zero.
    """

    tracks: tuple[Track, ...]
    is_frame: bool = False
    is_sparse: bool = False

    def take(self, positions: Iterable[int]) -> Block:
        return replace(self, tracks=tuple(self.tracks[position] for position in positions))

    def as_array(self) -> Block:
        """All columns of the one type that holds them. Beside texts, numbers are objects: looked up."""
        common = common_type(self.tracks)
        if common == _OBJECT:
            tracks = tuple(track.by_look_up(_OBJECT) for track in self.tracks)
        else:
            tracks = tuple(_cast(track, common) for track in self.tracks)
        return replace(self, tracks=tracks, is_frame=False)

    def as_floats(self) -> Block:
        """The same, but float64 where that type is no float, as scalers ask for it."""
        array = self.as_array()
        if common_type(array.tracks).kind in "fO":
            return array
        return replace(array, tracks=tuple(_cast(track, _FLOAT64) for track in array.tracks))


def common_type(tracks: Sequence[Track]) -> np.dtype[Any]:
    """Booleans beside numbers become objects in pandas, then float64."""
    types = {track.dtype for track in tracks}
    if len({dtype.kind == "b" for dtype in types}) > 1 and _OBJECT not in types:
        return _FLOAT64
    return np.result_type(*types) if types else _FLOAT64


def _cast(track: Track, dtype: np.dtype[Any]) -> Track:
    return track if track.dtype == dtype else track.then(Cast(dtype))
