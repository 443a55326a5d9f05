"""Which expectations of a suite set rows aside, and which of them a row breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.core.validation import Severity
from batch_scorer.validation.streaming.compile import Check, Way
from batch_scorer.validation.streaming.measures import RowsThatFail
from batch_scorer.validation.streaming.rows import Mask, Rows
from batch_scorer.validation.streaming.rules.row_level import RowRule
from batch_scorer.validation.streaming.rules.table import RULES
from batch_scorer.validation.suites.phrases import rule_in_words


def setting_aside(check: Check) -> RowsThatFail | None:
    """The measure whose failing rows the expectation sets aside; None: it sets none aside.

    Only a row-level rule that every row must satisfy does: a decision that each chunk makes alone.
    """
    rule = RULES.get(check.type)
    if check.way is not Way.STREAMED or not isinstance(rule, RowRule):
        return None
    return rule.mask_measure(check.kwargs) if check.kwargs.get("mostly") in (None, 1) else None


def rules_setting_aside(checks: Sequence[Check]) -> frozenset[str]:
    """In words."""
    return frozenset(rule_in_words(check.type, check.kwargs) for check in checks if setting_aside(check))


def may_set_aside(type_: str, kwargs: Mapping[str, Any]) -> bool:
    """The same, before a table's types are known."""
    return isinstance(RULES.get(type_), RowRule) and kwargs.get("mostly") in (None, 1)


def parts_played(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """(rule in words, what its failure does) of each expectation of a suite that sets rows aside.

    document: GX's own JSON. A table whose types only GX can look into turns the first into the second.
    """
    return tuple((rule_in_words(one["type"], one["kwargs"]), _part(one)) for one in document["expectations"])


def _part(expectation: Mapping[str, Any]) -> str:
    if may_set_aside(expectation["type"], expectation["kwargs"]):
        return "sets rows aside"
    is_critical = (expectation.get("severity") or Severity.CRITICAL) == Severity.CRITICAL
    return "blocks" if is_critical else "warns"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingAside:
    """The rules of one suite that set rows aside. waived: those, in words, that do not for once."""

    suite: str
    rules: tuple[tuple[str, RowsThatFail], ...]

    @classmethod
    def of(cls, suite: str, checks: Sequence[Check], waived: Sequence[str] = ()) -> SettingAside:
        named = [(rule_in_words(check.type, check.kwargs), setting_aside(check)) for check in checks]
        kept = [(words, measure) for words, measure in named if measure and words not in waived]
        return cls(suite=suite, rules=tuple(dict.fromkeys(kept)))

    def masks(self, rows: Rows) -> tuple[tuple[str, Mask], ...]:
        """By rule, the rows that break it; without the rules that certainly hold.

        A rule that raises on these rows sets none of them aside: it is left to GX, where it passes nothing.
        """
        found = []
        for words, measure in self.rules:
            try:
                failing = measure.failing(rows)
            except ValueError:  # as scan
                continue
            if failing is not None:
                found.append((words, failing))
        return tuple(found)


def broken(masks: Sequence[tuple[str, Mask]], n_rows: int) -> Mask:
    """The rows that break any of the rules."""
    return np.logical_or.reduce([mask for _, mask in masks]) if masks else np.zeros(n_rows, dtype=bool)


def rules_broken(masks: Sequence[tuple[str, Mask]], rows: Mask) -> pa.Array:
    """For each of some rows, the rules it breaks, as a list of text."""
    names = [words for words, _ in masks]
    chosen = np.flatnonzero(rows)
    table = np.array([mask[chosen] for _, mask in masks]) if masks else np.empty((0, len(chosen)), dtype=bool)
    listed = [[names[rule] for rule in np.flatnonzero(table[:, row])] for row in range(len(chosen))]
    return pa.array(listed, pa.list_(pa.string()))
