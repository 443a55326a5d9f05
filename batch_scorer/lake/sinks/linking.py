"""An earlier generation's files under a second name: nothing is moved before it is published again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_scorer.core.durable import writing
from batch_scorer.core.errors import DamageFound
from batch_scorer.lake.sinks.sink import Kept


@contextmanager
def linking(kept: Kept, target: str) -> Iterator[None]:
    """Around giving its files names in `target`. Raises: DamageFound, when one of them is gone;
    OutputUnwritable, DiskFull.
    """
    with writing(target):
        try:
            yield
        except FileNotFoundError as error:
            raise DamageFound(
                f"a file of generation {kept.generation} is gone",
                where=str(error.filename),
                fix="choose another generation, or have the partition scored anew",
            ) from None
