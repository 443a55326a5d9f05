"""Everything that is known of a model version when its card is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from batch_scorer.core.baselines.values import Baseline
from batch_scorer.core.models import ModelManifest
from batch_scorer.models.card.signers import Standing, standing
from batch_scorer.models.registry.history import HistoryEntry, aliases_of
from batch_scorer.models.trust.keys import PublicKey
from batch_scorer.models.trust.signing import signatures_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A job that scores with the version. uri: as the job file names it."""

    job: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that is known of a version. history: of all versions of the model, oldest first.

    differs_here: of the environment. baseline: None where none was kept. keys: that the project trusts.
    """

    manifest: ModelManifest
    manifest_sha256: str
    history: tuple[HistoryEntry, ...]
    baseline: Baseline | None = None
    uses: tuple[Use, ...] = ()
    differs_here: tuple[str, ...] = ()
    keys: Mapping[str, PublicKey] | None = None

    @property
    def alias_moves(self) -> tuple[HistoryEntry, ...]:
        """The move that let each alias mean this version, as far as it still does."""
        last = {entry.alias: entry for entry in self.history if entry.alias is not None}
        held = aliases_of(self.history)
        return tuple(last[alias] for alias in sorted(held) if held[alias] == self.manifest.version)

    @property
    def signatures(self) -> tuple[tuple[HistoryEntry, Standing], ...]:
        name, version = self.manifest.name, self.manifest.version
        return tuple(
            (entry, standing(entry, name, self.manifest_sha256, self.keys))
            for entry in signatures_of(self.history, version)
        )
