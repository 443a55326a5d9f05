"""Which rows of a chunk its suites set aside, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.core.validation import NONE_ASIDE, SetAside
from batch_scorer.lake.reading.reader import Batch
from batch_scorer.lake.staging.quarantine import AsideWriter
from batch_scorer.validation.aside import broken, rules_broken
from batch_scorer.validation.chunk_scan import ChunkScan
from batch_scorer.validation.streaming.rows import Mask

Masks = Sequence[tuple[str, Mask]]


class AsideRows:
    """The suites of one chunk, asked about each batch as it is read. Mutable, and owned by one task."""

    def __init__(
        self, suites: ChunkScan, writer: AsideWriter, timed: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._suites = suites
        self._writer = writer
        self._timed = timed
        self._judged: Sequence[tuple[str, Masks]] = ()  # of the batch in hand
        self.by_suite: dict[str, SetAside] = {}

    def leave_out(self, raw: pa.Table, first_row: int) -> pa.BooleanArray | None:  # noqa: ARG002 (the reader's)
        """Rows that break a rule of any suite that sets rows aside; None: certainly none do."""
        with self._timed("validate_s"):
            self._judged = self._suites.take("input", raw)
            masks = [one for _, masks in self._judged for one in masks]
            return pa.array(broken(masks, raw.num_rows)) if masks else None

    def take(self, batch: Batch) -> int:
        """Write those of the batch's rows that are set aside. Returns: how many. Raises: as AsideWriter."""
        if batch.aside is None or not len(batch.aside):
            return 0
        positions = batch.aside.to_numpy()
        named = []
        for suite, masks in self._judged:
            chosen = [(rule, mask[positions]) for rule, mask in masks]
            counts = {rule: int(np.count_nonzero(mask)) for rule, mask in chosen}
            found = SetAside(
                n_rows=int(np.count_nonzero(broken(chosen, len(positions)))),
                by_rule={rule: n for rule, n in counts.items() if n},
            )
            self.by_suite[suite] = self.by_suite.get(suite, NONE_ASIDE) + found
            named += [(f"{suite}: {rule}", mask) for rule, mask in chosen]
        everything = np.ones(len(positions), dtype=bool)
        with self._timed("write_s"):
            self._writer.write(
                batch.raw.take(batch.aside),
                rules_broken(named, everything),
                pc.add(batch.aside, batch.first_row),
            )
        return batch.n_aside
