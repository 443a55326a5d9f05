"""A chunk's suites, in the worker: fed batch by batch, and small partials at the end. GX is not here."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_scorer.core.validation import SuiteScan
from batch_scorer.validation.aside import SettingAside
from batch_scorer.validation.evidence import schema_from_text
from batch_scorer.validation.formats import rows_kept
from batch_scorer.validation.streaming.compile import Compiled, compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Mask, Rows
from batch_scorer.validation.streaming.scan import Scanned, scan
from batch_scorer.validation.streaming.spill_files import SpillFile

# That a partial keeps: it travels to the driver, and waits there for the others.
_MAX_ROWS, _MAX_BYTES = 4_096, 1 << 18
# That a suite keeps until it settles: a chunk is as long as its longest row group, maybe millions of rows.
_SETTLE_BYTES = 1 << 22


class ChunkScan:
    """The suites of one chunk. What they have no room for goes into files of `directory`.

    name: what the files' names start with. The directory is made when it is needed.
    """

    def __init__(self, scans: Sequence[SuiteScan], directory: Path, name: str) -> None:
        self._scans = tuple(scans)
        self._directory = directory
        self._name = name
        self._n_settled = 0
        self._totals: dict[SuiteScan, Scanned] = {}

    def take(self, stage: str, table: pa.Table) -> tuple[tuple[str, tuple[tuple[str, Mask], ...]], ...]:
        """One batch, as the suites of a stage see it.

        Returns: for each suite that sets rows aside, its name and the rows that break each of its rules,
            without the rules that certainly hold.
        Raises: DiskFull, OutputUnwritable.
        """
        mine = [one for one in self._scans if one.stage == stage]
        if not mine:
            return ()
        rows = Rows(table, compiled_scan(mine[0]).schema)
        aside = []
        for one in mine:
            compiled = compiled_scan(one)
            found = scan(rows, compiled.measures, sampling_of(one))
            total = self._totals[one] + found if one in self._totals else found
            self._totals[one] = self._settled(total) if total.in_memory_bytes > _SETTLE_BYTES else total
            if one.sets_aside:
                aside.append((one.suite, _setting_aside(one).masks(rows)))
        return tuple(aside)

    def finish(self) -> tuple[tuple[Mapping[str, Any], ...], tuple[SpillFile, ...]]:
        """The partials of each suite as JSON, and the files that they refer to.

        Raises: DiskFull, OutputUnwritable.
        """
        documents: list[Mapping[str, Any]] = []
        spills: list[SpillFile] = []
        for one in self._scans:
            settled = self._settled(self._totals.get(one) or scan_of_nothing(one))
            documents.append(settled.as_json())
            spills += settled.spills
        return tuple(documents), tuple(spills)

    def _settled(self, total: Scanned) -> Scanned:
        name = f"{self._name}-{self._n_settled}"
        self._n_settled += 1
        return total.settled(self._directory, name, max_rows=_MAX_ROWS, max_bytes=_MAX_BYTES)


@functools.lru_cache(maxsize=64)
def scan_of_nothing(one: SuiteScan) -> Scanned:
    """What is known before the first row: the same for every partition."""
    compiled = compiled_scan(one)
    return scan(Rows(compiled.schema.empty_table()), compiled.measures, sampling_of(one))


def sampling_of(one: SuiteScan) -> Sampling:
    """Of a job's suites: what a message and GX's SUMMARY show."""
    return Sampling(keep=rows_kept({}), columns=one.key)


@functools.lru_cache(maxsize=64)
def compiled_scan(one: SuiteScan) -> Compiled:
    """The same for every chunk of a partition."""
    schema = schema_from_text(one.schema)
    return compile_suite(json.loads(one.expectations), schema, sample_columns=one.key)


@functools.lru_cache(maxsize=64)
def _setting_aside(one: SuiteScan) -> SettingAside:
    return SettingAside.of(one.suite, compiled_scan(one).checks, one.waived)
