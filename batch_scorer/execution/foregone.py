"""A verdict that is certain before all rows were seen: scoring the rest of the partition would be in vain.

Validation goes on over the remaining chunks, so that the stored result does not depend on what came first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batch_scorer.core.validation import OnFail, Severity, SuiteScan
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.validation.suites.phrases import rule_in_words

if TYPE_CHECKING:
    from batch_scorer.validation.streaming.compile import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisive:
    """A rule whose failure blocks. suite, measure: where its partial is. mostly: the share that must hold."""

    suite: int
    measure: int
    mostly: float
    check: Check

    @property
    def words(self) -> str:
        return rule_in_words(self.check.type, self.check.kwargs)


class Foregone:
    """Counts failing rows as chunks come in. n_rows: that the partition holds, as its footers say."""

    def __init__(self, decisive: Sequence[Decisive], n_rows: int) -> None:
        self._decisive = tuple(decisive)
        self._n_rows = n_rows
        self._n_failing = {(one.suite, one.measure): 0 for one in decisive}

    def take(self, scanned: Sequence[Mapping[str, Any]]) -> str | None:
        """scanned: a chunk's partials as JSON, by suite. Returns: a rule certain to fail, in words."""
        for suite, measure in self._n_failing:
            partial = scanned[suite]["partials"][measure]
            if partial is not None:
                self._n_failing[suite, measure] += partial["of"]["n_failing"]
        return next((one.words for one in self._decisive if self._is_lost(one)), None)

    def _is_lost(self, one: Decisive) -> bool:
        """GX's own formula, if every row that is still to come were tested and held."""
        n_failing = self._n_failing[one.suite, one.measure]
        return certain_to_fail(n_failing, self._n_rows, one.mostly)


def certain_to_fail(n_failing: int, n_rows: int, mostly: float) -> bool:
    """Whether so many failing rows of at most n_rows are too many, whatever the others are."""
    return n_failing > 0 and (float(n_rows) - float(n_failing)) / float(n_rows) < mostly


def decisive_rules(uses: Sequence[BoundSuite], scans: Sequence[SuiteScan]) -> Iterator[Decisive]:
    """The row-level rules of the job's input suites whose failure blocks a partition."""
    from batch_scorer.validation.chunk_scan import compiled_scan
    from batch_scorer.validation.streaming.compile import Way
    from batch_scorer.validation.streaming.measures import RowsThatFail

    for number, (use, one) in enumerate(zip(uses, scans, strict=True)):
        if use.on_fail is not OnFail.BLOCK or use.stage != "input":
            continue
        compiled, expectations = compiled_scan(one), json.loads(one.expectations)
        places = {measure: index for index, measure in enumerate(compiled.measures)}
        for check in compiled.checks:
            rows = [measure for measure in check.measures if isinstance(measure, RowsThatFail)]
            if check.way is Way.STREAMED and rows and is_critical(expectations[check.index]):
                mostly = check.kwargs.get("mostly")
                yield Decisive(
                    suite=number,
                    measure=places[rows[0]],
                    mostly=1.0 if mostly is None else mostly,
                    check=check,
                )


def is_critical(expectation: Mapping[str, Any]) -> bool:
    return expectation.get("severity") in (None, Severity.CRITICAL)
