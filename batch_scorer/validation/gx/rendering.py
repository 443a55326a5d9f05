"""GX's native result of a verdict, rendered when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batch_scorer.core.errors import DamageFound
from batch_scorer.core.validation import SuiteVerdict


def native_result(verdict: SuiteVerdict) -> Mapping[str, Any]:
    """GX's ExpectationSuiteValidationResult as JSON. Imports GX, unless something failed and it is there.

    Raises: DamageFound, when what is stored is not what we wrote.
    """
    if verdict.result is not None:
        return verdict.result
    assert verdict.evidence is not None  # noqa: S101 (one of the two is there)
    from batch_scorer.validation.evidence import Evidence
    from batch_scorer.validation.gx.worker import shared_engine
    from batch_scorer.validation.request import gx_message

    kept = verdict.evidence
    try:
        evidence = Evidence.from_json(kept["evidence"])
        return shared_engine().validate(gx_message(kept["suite"], evidence, kept["result_format"]))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DamageFound(
            f"what Great Expectations renders suite {verdict.suite}'s result from cannot be read: "
            f"{type(error).__name__}: {error}",
            fix="restore the file from a backup; predictions and ledger do not depend on it",
        ) from None
