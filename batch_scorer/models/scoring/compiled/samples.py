"""What a proof needs of a batch: some rows of it, and what the plan made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_scorer.models.scoring.compiled.running.lookups import Lookups
from batch_scorer.models.scoring.compiled.running.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """In memory of its own: it keeps no batch alive.

    features: for the original. table: of the same rows, from the numbers and codes that the batch was scored
    with, so that what is compared is what was used. result: (n_rows, *shape). lookups: those of the table.
    """

    features: pa.Table
    table: Table
    result: np.ndarray
    lookups: Lookups

    @classmethod
    def of(
        cls, features: pa.Table, rows: np.ndarray, table: Table, result: np.ndarray, lookups: Lookups
    ) -> Sample:
        """Those rows of a batch. features, table, result: of all of it."""
        names = [spec.name for spec in table.plan.signature.columns]
        chosen = features.select(names).take(pa.array(rows))
        # A dictionary is the batch's, however few rows are taken.
        plain = [_plain(column) for column in chosen.columns]
        return cls(
            features=pa.table(plain, names=names), table=table.at(rows), result=result[rows], lookups=lookups
        )

    @classmethod
    def joined(cls, samples: Sequence[Sample]) -> Sample:
        """Below each other. samples: of one plan and the same lookups."""
        if len(samples) == 1:
            return samples[0]
        return cls(
            features=pa.concat_tables([sample.features for sample in samples]),
            table=Table.joined([sample.table for sample in samples]),
            result=np.concatenate([sample.result for sample in samples]),
            lookups=samples[0].lookups,
        )

    @property
    def n_rows(self) -> int:
        return len(self.result)

    @property
    def n_bytes(self) -> int:
        """In memory, without the lookups."""
        return int(self.features.nbytes) + self.table.n_bytes + self.result.nbytes


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column
