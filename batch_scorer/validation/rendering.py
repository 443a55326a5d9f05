"""GX's native result of a verdict, rendered when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_scorer.core.validation import SuiteVerdict


def native_result(verdict: SuiteVerdict) -> Mapping[str, Any]:
    """GX's ExpectationSuiteValidationResult as JSON. Imports GX, unless something failed and it is there."""
    if verdict.result is not None:
        return verdict.result
    assert verdict.evidence is not None  # noqa: S101 (one of the two is there)
    from batch_scorer.validation.gx_worker import shared_engine

    kept = verdict.evidence
    message = {
        "suite": kept["suite"],
        "parameters": {},
        "evidence": kept["evidence"],
        "result_format": kept["result_format"],
        "files": None,
        "columns": None,
        "limit_rows": None,
        "refused": None,
    }
    return shared_engine().validate(message)
