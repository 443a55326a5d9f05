"""A suite's partials over a whole partition: the verdict they give, and what GX renders its result from."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from batch_scorer.validation.streaming.compile import Compiled, Way, compile_suite, left
from batch_scorer.validation.streaming.duplicates import KeyRows
from batch_scorer.validation.streaming.measures import Sampling, partial_as_json, partial_from_json
from batch_scorer.validation.streaming.recorded import RecordedCounts, RecordedKeys
from batch_scorer.validation.streaming.rules.rule import Found
from batch_scorer.validation.streaming.rules.table import RULES
from batch_scorer.validation.streaming.scan import Scanned
from batch_scorer.validation.streaming.value_counts import ValueCounts

_RECORDED: Mapping[str, Any] = {kind.__name__: kind for kind in (RecordedCounts, RecordedKeys)}
_FORMAT = 2  # since 2 a sum comes without its squares
Expectations = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)  # no slots: a suite is compiled once, when it is first asked for
class Evidence:
    """expectations: of GX's own JSON, suite parameters resolved. partials: in the order of the measures.

    raised: by a measure's place, why it has no partial. scanned_for: the suite as its chunks had compiled it,
    where that is known.
    """

    expectations: Expectations
    schema: pa.Schema
    sampling: Sampling
    partials: tuple[Any, ...]
    raised: Mapping[int, str]
    scanned_for: Compiled | None = field(default=None, repr=False, compare=False)

    @cached_property
    def _scanned_for(self) -> Compiled:
        return self.scanned_for or compile_suite(
            self.expectations, self.schema, sample_columns=self.sampling.columns
        )

    @cached_property
    def compiled(self) -> Compiled:
        """What can be decided from the partials; an expectation whose own rule raised is left to GX."""
        compiled = self._scanned_for
        if not self.raised:
            return compiled
        measures = compiled.measures
        lost = {measures[index] for index in self.raised}
        why = next(iter(self.raised.values()))
        checks = tuple(left(one, why) if lost & set(one.measures) else one for one in compiled.checks)
        return Compiled(checks=checks, schema=self.schema, sample_columns=compiled.sample_columns)

    def found(self) -> Found:
        pairs = zip(self._scanned_for.measures, self.partials, strict=True)
        return Found(partials={measure: one for measure, one in pairs if one is not None}, schema=self.schema)

    def holds(self) -> tuple[bool | None, ...]:
        """Each expectation's own success; None where only GX can tell."""
        found = self.found()
        return tuple(
            RULES[check.type].holds(check.kwargs, found) if check.way is Way.STREAMED else None
            for check in self.compiled.checks
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "expectations": list(self.expectations),
            "schema": schema_as_text(self.schema),
            "sampling": {"keep": self.sampling.keep, "columns": list(self.sampling.columns)},
            "partials": [None if one is None else partial_as_json(one) for one in self.partials],
            "raised": {str(index): why for index, why in self.raised.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Evidence:
        """Raises: KeyError, ValueError, TypeError: not what `as_json` gave."""
        if document["format"] != _FORMAT:
            raise ValueError(f"evidence of format {document['format']!r}: only {_FORMAT} is known here")
        sampling = document["sampling"]
        return cls(
            expectations=document["expectations"],
            schema=schema_from_text(document["schema"]),
            sampling=Sampling(keep=sampling["keep"], columns=tuple(sampling["columns"])),
            partials=tuple(None if one is None else _read(one) for one in document["partials"]),
            raised={int(index): why for index, why in document["raised"].items()},
        )


def gathered(
    expectations: Expectations,
    schema: pa.Schema,
    sampling: Sampling,
    scanned: Scanned,
    directory: Path,
    compiled: Compiled | None = None,
) -> Evidence:
    """All that the expectations ask of the partials is asked now, while the files of `directory` are there.

    compiled: of these expectations, schema and sampling, where it is at hand.
    Raises: DamageFound, when one of them is not.
    """
    partials = tuple(_recorded(partial, directory, sampling.keep) for partial in scanned.partials)
    evidence = Evidence(
        expectations=expectations,
        schema=schema,
        sampling=sampling,
        partials=partials,
        raised=scanned.raised,
        scanned_for=compiled,
    )
    found = Found(partials=evidence.found().partials, schema=schema, directory=directory)
    for check in evidence.compiled.checks:
        if check.way is Way.STREAMED:
            RULES[check.type].holds(check.kwargs, found)
    return evidence


def _recorded(partial: Any, directory: Path, n_first: int) -> Any:
    match partial:
        case ValueCounts():
            return RecordedCounts(partial)
        case KeyRows():
            return RecordedKeys.of(partial, directory, n_first)
        case _:
            return partial


def _read(document: Mapping[str, Any]) -> Any:
    recorded = _RECORDED.get(document["partial"])
    return partial_from_json(document) if recorded is None else recorded.from_json(document["of"])


def schema_as_text(schema: pa.Schema) -> str:
    return base64.b64encode(schema.remove_metadata().serialize()).decode("ascii")


def schema_from_text(text: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
