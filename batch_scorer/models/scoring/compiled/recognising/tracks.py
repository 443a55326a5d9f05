"""Columns on their way through the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from batch_scorer.models.scoring.compiled.recognising.operations import (
    Cast,
    Operation,
    unsigned_zeros,
)

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

    @property
    def is_as_read(self) -> bool:
        """No step has looked at its values yet, and none could have refused one."""
        return all(isinstance(operation, Cast) for operation in self.operations) and (
            not self.looked_up or self.dtype == _OBJECT
        )

    def by_look_up(self, dtype: np.dtype[Any]) -> Track:
        return Track(source=self.source, dtype=dtype, looked_up=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The columns of a table between two steps.

    is_frame: of pandas, where each column has a type of its own; else an array, where all have one.
    is_sparse: it holds only what is not zero. of_objects: an array of Python's numbers and truths, of which
    every step that asks for numbers makes float64; the tracks say float64.
    """

    tracks: tuple[Track, ...]
    is_frame: bool = False
    is_sparse: bool = False
    of_objects: bool = False

    def take(self, positions: Iterable[int]) -> Block:
        return replace(self, tracks=tuple(self.tracks[position] for position in positions))

    def as_dense(self) -> Block:
        """What was sparse for a while has no zero with a sign any more."""
        if not self.is_sparse:
            return self
        tracks = tuple(t.then(unsigned_zeros) if t.dtype.kind == "f" else t for t in self.tracks)
        return replace(self, tracks=tracks, is_sparse=False)

    def as_array(self) -> Block:
        """All columns of the one type that holds them, as NumPy makes an array of a frame or of arrays.

        Beside texts, numbers are objects: looked up. So are truths beside numbers, in a frame.
        """
        mixed = self.is_frame and _is_mixed(self.tracks)
        return self._of_one_type(of_objects=self.of_objects or mixed)

    def as_numbers(self) -> Block:
        """The same as scikit-learn makes it when it asks for numbers of any type: truths beside numbers are
        of their type, objects become float64."""
        return replace(self._of_one_type(of_objects=self.of_objects), of_objects=False)

    def as_floats(self) -> Block:
        """As numbers, but float64 where their type is no float, as scalers ask for it."""
        array = self.as_numbers()
        if common_type(array.tracks).kind in "fO":
            return array
        return replace(array, tracks=tuple(_cast(track, _FLOAT64) for track in array.tracks))

    def _of_one_type(self, *, of_objects: bool) -> Block:
        common = common_type(self.tracks)
        if common == _OBJECT:
            tracks = tuple(track.by_look_up(_OBJECT) for track in self.tracks)
        else:
            common = _FLOAT64 if of_objects else common
            tracks = tuple(_cast(track, common) for track in self.tracks)
        return replace(self, tracks=tracks, is_frame=False, of_objects=of_objects and common != _OBJECT)


def common_type(tracks: Sequence[Track]) -> np.dtype[Any]:
    types = {track.dtype for track in tracks}
    return np.result_type(*types) if types else _FLOAT64


def _is_mixed(tracks: Sequence[Track]) -> bool:
    """Truths beside numbers."""
    return len({track.dtype.kind == "b" for track in tracks}) > 1


def _cast(track: Track, dtype: np.dtype[Any]) -> Track:
    return track if track.dtype == dtype else track.then(Cast(dtype))
