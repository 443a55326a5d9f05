"""A draft as the text of a suite file, in the form in which GX itself saves it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from batch_scorer.validation.drafting.rules import expectations_for, left_out
from batch_scorer.validation.drafting.seen import LeftOut, TableSeen
from batch_scorer.validation.suites.phrases import rule_in_words

_GX_VERSION = "1.24.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """text: the file. expectations: as in the file. rules: the same in words."""

    text: str
    expectations: tuple[dict[str, Any], ...]
    left_out: tuple[LeftOut, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(rule_in_words(one["type"], one["kwargs"]) for one in self.expectations)


def draft_suite(name: str, table: TableSeen, *, looked_at: str) -> Draft:
    """looked_at: one sentence about which rows were seen; it becomes the suite's first note."""
    expectations = expectations_for(table)
    omitted = left_out(table)
    notes = [f"Drafted by batch-scorer, to be reviewed: {looked_at}", *_omissions(omitted)]
    document = {
        "expectations": list(expectations),
        "id": None,
        "meta": {"great_expectations_version": _GX_VERSION},
        "name": name,
        "notes": notes,
    }
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    return Draft(text=text, expectations=expectations, left_out=omitted)


def _omissions(omitted: Sequence[LeftOut]) -> list[str]:
    return [f"{one.column}: {one.why}" for one in omitted]
