"""Which way each expectation was evaluated, told in its result's `meta`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batch_scorer.validation.formats import MAX_LISTED
from batch_scorer.validation.streaming.compile import Check, Way

NUMBER = "batch_scorer_number"  # of an expectation in its suite, on its way through GX
NOTE = "batch_scorer"


def told_how(rendered: dict[str, Any], checks: Sequence[Check]) -> dict[str, Any]:
    """rendered: GX's suite result as JSON, its expectations numbered; changed in place."""
    for result in rendered["results"]:
        number = result["expectation_config"]["meta"].pop(NUMBER)
        result["meta"] = {**(result.get("meta") or {}), NOTE: _note(result, checks[number])}
    return rendered


def _note(result: Mapping[str, Any], check: Check) -> dict[str, Any]:
    note: dict[str, Any] = {"path": str(check.way)}
    if _raised(result.get("exception_info") or {}):
        note["path"] = "not evaluated"
    if check.way is Way.GX:
        note["why"] = check.why
    listed = (result.get("result") or {}).get("unexpected_index_list")
    n_failing = (result.get("result") or {}).get("unexpected_count") or 0
    if listed is not None and len(listed) == MAX_LISTED < n_failing:
        note["unexpected_index_list"] = f"the first {MAX_LISTED:,} of {n_failing:,} rows"
    return note


def _raised(info: Mapping[str, Any]) -> bool:
    """GX keeps one exception, or one for each metric that raised."""
    return any(
        isinstance(one, Mapping) and bool(one.get("raised_exception")) for one in (info, *info.values())
    )
