"""What the ledger knows of a partition when work on it begins."""

from __future__ import annotations

from dataclasses import dataclass

from batch_scorer.core.leases import Opening
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import ChainEnd
from batch_scorer.core.waivers import Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleGeneration:
    """Of the generation that readers see, what its successor must know."""

    number: int
    run_id: str
    output_names: tuple[str, ...]
    n_quarantined: int  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """All of it at one moment: read once, when the lease was taken. Until it is lost nobody else changes it,
    and who lost it is told so before anything becomes visible.

    half_published: a publish began that neither ended nor was undone. waivers: of any input it had, oldest
    first. columns: (name, Arrow type) of the whole job's output as readers know it, None before the first.
    """

    partition: Partition
    current: VisibleGeneration | None
    end: ChainEnd
    half_published: bool
    opening: Opening | None
    waivers: tuple[Waiver, ...]
    columns: tuple[tuple[str, str], ...] | None
