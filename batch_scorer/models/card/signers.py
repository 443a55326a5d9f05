"""Whose signature a version has, and whether this project trusts it: a line in a history proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.models.registry.history import HistoryEntry
from batch_scorer.models.trust.keys import PublicKey
from batch_scorer.models.trust.signing import is_good


class Standing(StrEnum):
    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    BAD = "bad"
    UNCHECKED = "unchecked"


IN_WORDS = {
    Standing.TRUSTED: "good, and trusted by this project",
    Standing.UNTRUSTED: "a key that this project does not trust",
    Standing.BAD: "BAD: it is not a signature of this version",
    Standing.UNCHECKED: "not checked",
}


def standing(
    entry: HistoryEntry, name: str, manifest_sha256: str, keys: Mapping[str, PublicKey] | None
) -> Standing:
    """Of one signature. keys: that the project trusts; None when they cannot be read."""
    if keys is None:
        return Standing.UNCHECKED
    if entry.key not in keys:
        return Standing.UNTRUSTED
    try:
        return Standing.TRUSTED if is_good(entry, name, manifest_sha256, keys) else Standing.BAD
    except ConfigInvalid:  # what checks signatures is not installed
        return Standing.UNCHECKED


def best_of(standings: set[Standing]) -> Standing | None:
    """One good signature is enough; None without any."""
    return next((each for each in Standing if each in standings), None)
