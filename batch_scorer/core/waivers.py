"""Rules of a quarantine that somebody waived, for one partition and the input it had then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.partitions import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """Who let which rules set no row aside, when and why. rules: `suite: rule in words`."""

    rules: tuple[str, ...]
    by: str
    at: dt.datetime  # aware, UTC
    why: str

    def of_suite(self, suite: str) -> tuple[str, ...]:
        """The rules of one suite, without its name."""
        prefix = f"{suite}: "
        return tuple(rule.removeprefix(prefix) for rule in self.rules if rule.startswith(prefix))


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """waived: holds as long as the partition's input has this content.

    input_fingerprint: content_fingerprint of the input. stamps: of the same files, as they were then.
    after_generation: the current one then, 0 for none: until a newer one is published, the partition is due.
    """

    job: str
    partition: Partition
    input_fingerprint: str
    stamps: str
    after_generation: int
    waived: Waived


def rules_set_aside(verdicts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """By `suite: rule in words`, how many rows break it. verdicts: as manifests and attempts keep them."""
    return {
        f"{verdict['suite']}: {rule}": n_rows
        for verdict in verdicts
        for rule, n_rows in verdict.get("set_aside", {}).get("by_rule", {}).items()
    }
