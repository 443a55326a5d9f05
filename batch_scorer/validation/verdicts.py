"""From GX's own validation result to a verdict: what failed, by how much, for which rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batch_scorer.core.validation import FailedExpectation, Severity, SuiteVerdict
from batch_scorer.validation.suites.phrases import rule_in_words, value_in_words

if TYPE_CHECKING:
    from batch_scorer.validation.evidence import Evidence
    from batch_scorer.validation.request import ValidationRequest

OUT_OF_MEMORY = "out of memory"
_MAX_EXAMPLES = 5
_MAX_REASONS = 3
_MAX_REASON_CHARS = 300
_NOT_TRIED = "NotEvaluated: "  # our own exception, on its way through GX


def verdict_from_gx(
    result: Mapping[str, Any],
    request: ValidationRequest,
    seconds: float,
    aside: frozenset[str] = frozenset(),
) -> SuiteVerdict:
    """result: GX's ExpectationSuiteValidationResult as JSON. aside: rules, in words, that set rows aside.

    An expectation that raised, or one that GX left out, makes the suite "not evaluated": never passed.
    """
    results: Sequence[Mapping[str, Any]] = result["results"]
    failed = failures_in(result, aside)
    not_evaluated = _why_not_evaluated(results, request.suite.n_expectations)
    return SuiteVerdict(
        suite=request.suite.name,
        fingerprint=request.suite.fingerprint,
        on_fail=request.on_fail,
        stage=request.stage,
        success=bool(result["success"]) and not_evaluated is None and not failed,
        failed=failed,
        result=result,
        not_evaluated=not_evaluated,
        seconds=seconds,
    )


def verdict_that_holds(evidence: Evidence, request: ValidationRequest, seconds: float) -> SuiteVerdict:
    """Every expectation holds by our own rules; GX renders its result from evidence when somebody looks."""
    return SuiteVerdict(
        suite=request.suite.name,
        fingerprint=request.suite.fingerprint,
        on_fail=request.on_fail,
        stage=request.stage,
        success=True,
        failed=(),
        result=None,
        evidence={
            "suite": dict(request.suite.document),
            "result_format": request.format,
            "evidence": evidence.as_json(),
        },
        seconds=seconds,
    )


def verdict_without_answer(why: str, request: ValidationRequest, seconds: float) -> SuiteVerdict:
    """For a suite that GX gave no result for; the stored result has GX's shape and no expectations."""
    statistics = {
        "evaluated_expectations": 0,
        "successful_expectations": 0,
        "unsuccessful_expectations": 0,
        "success_percent": None,
    }
    result = {
        "success": False,
        "results": [],
        "suite_name": request.suite.name,
        "suite_parameters": {},
        "statistics": statistics,
        "meta": {},
        "id": None,
    }
    return SuiteVerdict(
        suite=request.suite.name,
        fingerprint=request.suite.fingerprint,
        on_fail=request.on_fail,
        stage=request.stage,
        success=False,
        failed=(),
        result=result,
        not_evaluated=why,
        seconds=seconds,
    )


def failures_in(
    result: Mapping[str, Any], aside: frozenset[str] = frozenset()
) -> tuple[FailedExpectation, ...]:
    """The expectations that were evaluated and do not hold, critical ones first."""
    failed = [
        _failure(one["expectation_config"], one.get("result") or {}, aside)
        for one in result["results"]
        if not one["success"] and why_it_raised(one) is None
    ]
    return tuple(sorted(failed, key=lambda failure: list(Severity).index(failure.severity)))


def _failure(
    config: Mapping[str, Any], result: Mapping[str, Any], aside: frozenset[str]
) -> FailedExpectation:
    kwargs = config["kwargs"]
    rule = rule_in_words(config["type"], kwargs)
    percent = result.get("unexpected_percent")
    return FailedExpectation(
        type=config["type"],
        severity=Severity(config.get("severity") or Severity.CRITICAL),
        summary=f"{rule} fails{_how_much(kwargs, result)}",
        share=None if percent is None else percent / 100,
        n_unexpected=result.get("unexpected_count"),
        examples=_examples(result),
        rule=rule,
        # The same words with `mostly` below 1 are another rule.
        sets_aside=rule in aside and kwargs.get("mostly") in (None, 1),
    )


def _how_much(kwargs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """` for 8.1 % (limit 1 %)`, `: missing [fare]`, or `: 12`."""
    percent = result.get("unexpected_percent")
    if percent is not None:
        mostly = kwargs.get("mostly")
        limit = "" if mostly is None or mostly == 1 else f" (limit {percent_in_words(100 * (1 - mostly))})"
        return f" for {percent_in_words(percent)}{limit}"
    if mismatch := mismatch_in_words(kwargs, result):
        return f": {mismatch}"
    observed = result.get("observed_value")
    return "" if observed is None else f": {value_in_words(observed)}"


def mismatch_in_words(kwargs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Of the expectations about a table's columns, which GX gives as details."""
    match result.get("details"):
        case {"mismatched": {**parts}}:
            # GX lists the unexpected ones even where they are allowed.
            allowed = () if kwargs.get("exact_match", True) else ("unexpected",)
            told = {name: columns for name, columns in parts.items() if name not in allowed}
            return "; ".join(f"{name} {value_in_words(columns)}" for name, columns in told.items())
        case {"mismatched": [{"Expected": expected, "Found": found}, *_]}:
            return f"expected {value_in_words(expected)}, found {value_in_words(found)}"
        case _:
            return ""


def percent_in_words(percent: float) -> str:
    """Two digits at least, and never a rounded 0 or 100 for what is not."""
    if 0 < percent < 0.001:
        return "less than 0.001 %"
    if 99.9 < percent < 100:
        return "more than 99.9 %"
    digits = f"{percent:.1f}" if percent >= 1 else f"{percent:.2g}"
    return f"{digits.removesuffix('.0')} %"


def _examples(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys of failing rows, to be joined by commas: `ride_id 88121`, `88140`; without keys their values."""
    names = result.get("unexpected_index_column_names") or ()
    rows = [row for row in result.get("partial_unexpected_index_list") or () if isinstance(row, Mapping)]
    if rows and names:
        keys = list(dict.fromkeys(tuple(value_in_words(row.get(name)) for name in names) for row in rows))
        if len(names) == 1:
            return tuple(
                f"{names[0]} {key}" if position == 0 else key
                for position, (key,) in enumerate(keys[:_MAX_EXAMPLES])
            )
        return tuple(
            " ".join(f"{name} {part}" for name, part in zip(names, key, strict=True))
            for key in keys[:_MAX_EXAMPLES]
        )
    values = result.get("partial_unexpected_list") or ()
    return tuple(dict.fromkeys(value_in_words(value) for value in values))[:_MAX_EXAMPLES]


def _why_not_evaluated(results: Sequence[Mapping[str, Any]], n_expectations: int) -> str | None:
    reasons = [
        f"{rule_in_words(one['expectation_config']['type'], one['expectation_config']['kwargs'])}: {why}"
        for one in results
        if (why := why_it_raised(one)) is not None
    ]
    if len(results) < n_expectations:
        reasons.append(f"GX evaluated {len(results)} of {n_expectations} expectations")
    if not reasons:
        return None
    more = f"; and {len(reasons) - _MAX_REASONS} more" if len(reasons) > _MAX_REASONS else ""
    return "; ".join(reasons[:_MAX_REASONS]) + more


def why_it_raised(one: Mapping[str, Any]) -> str | None:
    """Why GX could not evaluate it: it keeps one exception, or one for each metric that raised."""
    info = one.get("exception_info") or {}
    for exception in (info, *info.values()):
        if isinstance(exception, Mapping) and exception.get("raised_exception"):
            message = str(exception.get("exception_message") or "it raised an exception")
            if not message.startswith(_NOT_TRIED) and "MemoryError" in str(
                exception.get("exception_traceback")
            ):
                return OUT_OF_MEMORY  # where GX keeps no message, or one about an array's shape
            told = message.removeprefix("Error: ").removeprefix(_NOT_TRIED)
            return told.strip()[:_MAX_REASON_CHARS]
    return None
