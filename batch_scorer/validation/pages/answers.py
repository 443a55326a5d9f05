"""From GX's result of each expectation to a line of the page. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from batch_scorer.core.pages.text import shortened
from batch_scorer.core.validation import Severity, SuiteVerdict
from batch_scorer.validation.pages.model import Answer, Outcome, Samples
from batch_scorer.validation.suites.phrases import rule_in_words, value_in_words
from batch_scorer.validation.verdicts import mismatch_in_words, percent_in_words, why_it_raised

_MAX_VALUE_CHARS = 80
_MAX_SAMPLE_COLUMNS = 8
_OURS = ("batch_id",)  # GX adds it to every expectation; it is no part of the rule


def answers_of(verdict: SuiteVerdict, *, max_samples: int) -> tuple[Answer, ...]:
    """Every expectation: failed ones, then those not evaluated, then passed ones, each by severity."""
    answers = [_answer(one, verdict, max_samples) for one in verdict.results]
    outcomes, severities = list(Outcome), list(Severity)
    return tuple(
        sorted(answers, key=lambda one: (outcomes.index(one.outcome), severities.index(one.severity)))
    )


def path_in(meta: Any) -> str:
    """What evaluated a suite or an expectation, where its `meta` says so."""
    match meta:
        case {"batch_scorer": {"path": str(path)}} | {"evaluation": str(path)}:
            return path
        case _:
            return ""


def _answer(one: Mapping[str, Any], verdict: SuiteVerdict, max_samples: int) -> Answer:
    config, result = one["expectation_config"], one.get("result") or {}
    kwargs = {name: value for name, value in config["kwargs"].items() if name not in _OURS}
    why = why_it_raised(one)
    outcome = _outcome(one, why)
    return Answer(
        outcome=outcome,
        identity=json.dumps([verdict.stage, verdict.suite, config["type"], kwargs], sort_keys=True),
        rule=rule_in_words(config["type"], kwargs),
        severity=Severity(config.get("severity") or Severity.CRITICAL),
        found="" if why else _found(kwargs, result),
        limit="" if why else _limit(kwargs, result),
        rows="" if why else _rows(result),
        why=why or "",
        notes=_notes(config.get("notes")),
        path=path_in(one.get("meta")),
        samples=_samples(result, max_samples) if outcome is Outcome.FAILED else None,
    )


def _outcome(one: Mapping[str, Any], why: str | None) -> Outcome:
    if why is not None:
        return Outcome.NOT_EVALUATED
    return Outcome.PASSED if one["success"] else Outcome.FAILED


def _found(kwargs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    percent = result.get("unexpected_percent")
    if percent is not None:
        return f"{percent_in_words(percent)} of rows break it"
    if mismatch := mismatch_in_words(kwargs, result):
        return mismatch
    observed = result.get("observed_value")
    return "" if observed is None else shortened(value_in_words(observed), _MAX_VALUE_CHARS)


def _limit(kwargs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    if result.get("unexpected_percent") is None:
        return ""
    mostly = kwargs.get("mostly")
    return "none may" if mostly is None or mostly == 1 else f"{percent_in_words(100 * (1 - mostly))} may"


def _rows(result: Mapping[str, Any]) -> str:
    """`2,727 of 22,883, 12 null not tested`."""
    unexpected, total = result.get("unexpected_count"), result.get("element_count")
    if unexpected is None or total is None:
        return ""
    missing = result.get("missing_count") or 0
    return f"{unexpected:,} of {total:,}" + (f", {missing:,} null not tested" if missing else "")


def _notes(notes: Any) -> str:
    """GX keeps one note or a list of them."""
    return " ".join(str(note) for note in notes) if isinstance(notes, list) else str(notes or "")


def _samples(result: Mapping[str, Any], max_samples: int) -> Samples | None:
    """Keys with their values where GX gives keys, else row numbers, else values alone."""
    values = result.get("partial_unexpected_list") or []
    places = result.get("partial_unexpected_index_list") or result.get("unexpected_index_list") or []
    places, values = places[:max_samples], values[:max_samples]
    if places and all(isinstance(place, Mapping) for place in places):
        return _keyed(result.get("unexpected_index_column_names") or (), places)
    if places and len(places) == len(values):
        pairs = [(f"{place:,}" if isinstance(place, int) else place, value) for place, value in
                 zip(places, values, strict=True)]  # fmt: skip
        return _table(("row, from 0", "value"), pairs)
    return _table(("value",), [(value,) for value in values]) if values else None


def _keyed(names: Sequence[str], places: Sequence[Mapping[str, Any]]) -> Samples:
    others = [name for name in places[0] if name not in names]
    columns = tuple([*names, *others][:_MAX_SAMPLE_COLUMNS])
    return _table(columns, [[place.get(name) for name in columns] for place in places])


def _table(columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Samples:
    told = tuple(tuple(shortened(value_in_words(cell), _MAX_VALUE_CHARS) for cell in row) for row in rows)
    names = tuple(shortened(name, _MAX_VALUE_CHARS) for name in columns)
    return Samples(columns=names, rows=tuple(dict.fromkeys(told)))
