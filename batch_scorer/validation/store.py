"""Validation results on disk: GX's own JSON, or what GX renders it from, with one note of ours in `meta`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from batch_scorer.core.durable import NewNames, write_named_later
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.validation import OnFail, SuiteVerdict
from batch_scorer.validation.verdicts import failures_in

# What JSON of another shape than GX's raises on its way through our readers.
MALFORMED = (ValueError, KeyError, TypeError, AttributeError)

_NOTE = "batch_scorer"


class ValidationStore:
    """Files `validation/<job>/<partition>/<run>-<stage>-<suite>.json` under the state root, never changed."""

    def __init__(self, root: Path) -> None:
        """root: the state root, which the returned paths are relative to."""
        self._root = root

    def write(
        self, job: str, partition_path: str, run_id: str, verdict: SuiteVerdict, names: NewNames
    ) -> str:
        """Store a verdict, durably once `names` are synced. partition_path: as on disk.

        Returns: the path relative to the root.

        Raises: DiskFull, OutputUnwritable.
        """
        name = f"{run_id}-{verdict.stage}-{quote(verdict.suite, safe=' ')}.json"
        relative = f"validation/{job}/{partition_path}/{name}"
        # On one line: indented, Python's own encoder would take a sixth of the driver's time.
        write_named_later(self._root / relative, json.dumps(_with_note(verdict)).encode(), names)
        return relative

    def read(self, relative: str) -> SuiteVerdict:
        """The verdict as it was written. Raises: DamageFound, when the file is gone or not what we wrote."""
        path = self._root / relative
        try:
            document = json.loads(path.read_bytes())
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
            raise _damage("the result file is missing", path) from None
        except (OSError, *MALFORMED) as error:
            what = f"a stored validation result cannot be read: {type(error).__name__}: {error}"
            raise _damage(what, path) from None


def _damage(what: str, path: Path) -> DamageFound:
    return DamageFound(
        what,
        where=str(path),
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
