"""A pipeline as tracks: what is known of it before there is any data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from batch_scorer.core.models import ColumnSpec, Signature, Takes
from batch_scorer.models.scoring.compiled.reasons import NotCompiled
from batch_scorer.models.scoring.compiled.recognising.anatomy import Anatomy
from batch_scorer.models.scoring.compiled.recognising.following import follow
from batch_scorer.models.scoring.compiled.recognising.tracks import Block, Track
from batch_scorer.models.signature.arrow_types import arrow_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the original's last table lies in memory. order: of a dense one, by rows (C) or by columns (F)."""

    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    is_sparse: bool


class Run(NamedTuple):
    """Neighbouring columns that are looked up from one source, first included, stop not; of numbers, one."""

    first: int
    stop: int


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived from tracks is derived once
class Plan:
    """tracks: one for each column of the table that the final estimator gets."""

    signature: Signature
    tracks: tuple[Track, ...]
    form: Form

    @cached_property
    def looked_up(self) -> dict[int, np.ndarray]:
        """Per source that is looked up, the positions of the columns that come from it."""
        sources = {track.source for track in self.tracks if track.looked_up}
        return {
            source: np.array([at for at, t in enumerate(self.tracks) if t.looked_up and t.source == source])
            for source in sorted(sources)
        }

    @cached_property
    def places(self) -> dict[int, int]:
        """Of each column that is looked up, the position among those of its source."""
        return {
            int(column): place for columns in self.looked_up.values() for place, column in enumerate(columns)
        }

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All columns, in order."""
        runs: list[Run] = []
        for at, track in enumerate(self.tracks):
            before = self.tracks[at - 1] if at else None
            if before is not None and track.looked_up and before.looked_up and before.source == track.source:
                runs[-1] = Run(runs[-1].first, at + 1)
            else:
                runs.append(Run(at, at + 1))
        return tuple(runs)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Sources that are calculated with."""
        return tuple(sorted({track.source for track in self.tracks if not track.looked_up}))


def tracks_of(parts: Anatomy, signature: Signature) -> tuple[Track, ...]:
    """Raises: NotCompiled, naming the first step or column that is not known."""
    if signature.takes is Takes.SERIES:
        raise NotCompiled("the pipeline begins with a text vectorizer")
    block = _columns(signature)
    for name, step in parts.steps:
        block = follow(name, step, block)
    for track in block.tracks:
        if not track.looked_up:
            _require_plain(signature.columns[track.source])
    return block.as_array().tracks


def _columns(signature: Signature) -> Block:
    tracks = tuple(_column(position, spec) for position, spec in enumerate(signature.columns))
    block = Block(tracks=tracks, is_frame=True)
    return block if signature.takes is Takes.FRAME else block.as_array()


def _column(position: int, spec: ColumnSpec) -> Track:
    """Numbers that pandas keeps as NumPy does; everything else is looked up."""
    try:
        dtype = np.dtype(spec.pandas_dtype)
    except TypeError:  # one of pandas' own, such as category, str or Int64
        dtype = np.dtype(object)
    if dtype.kind not in "fiub":
        return Track(source=position, dtype=np.dtype(object), looked_up=True)
    return Track(source=position, dtype=dtype)


def _require_plain(spec: ColumnSpec) -> None:
    if arrow_type(spec.type).to_pandas_dtype() != np.dtype(spec.pandas_dtype).type:
        raise NotCompiled(
            f'column "{spec.name}" is {spec.type} in the lake and {spec.pandas_dtype} in training'
        )
