"""One ledger that several jobs of a project write to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLedger:
    """A ledger to look into, and the state of each job of the project that writes to it.

    states: directories, with logs and pages. kept: manifests, suite results and the like.

    database: what opens it, a path, or a URL with its password.
    """

    ledger: Ledger
    database: str | Path = field(repr=False)
    states: Mapping[str, Path]
    kept: Mapping[str, KeptFiles]

    def state_of(self, job: str) -> Path:
        """Of a job that is no longer in the project, what is most likely."""
        return self.states.get(job) or next(iter(self.states.values()))

    def kept_of(self, job: str) -> KeptFiles:
        """The same."""
        return self.kept.get(job) or next(iter(self.kept.values()))
