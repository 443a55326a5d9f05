"""Validation results, as kept: GX's own JSON, or what GX renders it from, with one note of ours in `meta`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from batch_scorer.core.durable import NewNames
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.validation import OnFail, SuiteVerdict
from batch_scorer.validation.verdicts import failures_in

# What JSON of another shape than GX's raises on its way through our readers.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError)

_NOTE = "batch_scorer"


class ValidationStore:
    """Files `validation/<job>/<partition>/<run>-<stage>-<suite>.json` in the state, never changed."""

    def __init__(self, files: KeptFiles) -> None:
        """files: of the state, whose root the returned paths are relative to."""
        self._files = files

    def write(
        self, job: str, partition_path: str, run_id: str, verdict: SuiteVerdict, names: NewNames
    ) -> str:
        """Store a verdict, durably once `names` are synced. partition_path: as a directory is named.

        Returns: the path relative to the root.

        Raises: DiskFull, OutputUnwritable.
        """
        name = f"{run_id}-{verdict.stage}-{quote(verdict.suite, safe=' ')}.json"
        relative = f"validation/{job}/{partition_path}/{name}"
        # On one line: indented, Python's own encoder would take a sixth of the driver's time.
        self._files.write(relative, json.dumps(_with_note(verdict)).encode(), names)
        return relative

    def read(self, relative: str) -> SuiteVerdict:
        """The verdict as it was written. Raises: DamageFound, when the file is gone or not what we wrote."""
        place = self._files.at(relative)
        try:
            document = json.loads(self._files.read(relative))
            evidence = document.get("evidence")
            result = document if evidence is None else None
            note = document["meta"].pop(_NOTE)
            return SuiteVerdict(
                suite=note["suite"],
                fingerprint=note["fingerprint"],
                on_fail=OnFail(note["on_fail"]),
                stage=note["stage"],
                success=note["success"],
                failed=() if result is None else failures_in(result),
                result=result,
                evidence=evidence,
                not_evaluated=note["not_evaluated"],
                seconds=note["seconds"],
            )
        except FileNotFoundError:
            raise _damage("the result file is missing", place) from None
        except (OSError, *MALFORMED) as error:
            what = f"a stored validation result cannot be read: {type(error).__name__}: {error}"
            raise _damage(what, place) from None


def _damage(what: str, place: str) -> DamageFound:
    return DamageFound(
        what,
        where=place,
        fix="restore the file from a backup; predictions and ledger do not depend on it",
    )


def _with_note(verdict: SuiteVerdict) -> Mapping[str, Any]:
    note = {
        "suite": verdict.suite,
        "fingerprint": verdict.fingerprint,
        "on_fail": str(verdict.on_fail),
        "stage": verdict.stage,
        "success": verdict.success,
        "not_evaluated": verdict.not_evaluated,
        "seconds": verdict.seconds,
    }
    if verdict.result is None:
        return {"success": verdict.success, "meta": {_NOTE: note}, "evidence": verdict.evidence}
    return {**verdict.result, "meta": {**verdict.result["meta"], _NOTE: note}}
