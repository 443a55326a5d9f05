"""Where everything of a job lies under its state directory. Paths only, no I/O."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.config.project import Project
from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.partitions import Partition
from batch_scorer.core.stores import is_object_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """kept_at: the root of the state, which jobs may share, a path or a URL. predictions: this job's
    published table, likewise. state: a directory; that root, or else what of it is on this machine only:
    locks, and the log of a run that goes on. What is told as text is relative to the root.
    """

    job: str
    kept_at: str
    state: Path
    predictions: str

    def published(self, partition: Partition) -> str:
        """Where readers find a partition."""
        return f"{self.predictions}/{partition.path}"

    def ledger(self, state_db: str) -> str | Path:
        """What opens the ledger: a file for `sqlite`, or else the URL that `output.state_db` is."""
        return self.state / "ledger.db" if state_db == "sqlite" else state_db

    @property
    def presence(self) -> Path:
        return self.state / "locks" / f"{self.job}.lock"

    @property
    def meetings(self) -> Path:
        """Where a run and workers on other machines leave each other a file, to see that it is one disk."""
        return self.state / "meetings"

    @property
    def staging_root(self) -> str:
        return f"staging/{self.job}"

    def staging(self, partition: Partition) -> str:
        """Of all attempts at a partition."""
        return f"{self.staging_root}/{partition.path}"

    def attempt(self, partition: Partition, name: str) -> str:
        """name: unique per attempt, so a late writer of an older one finds nothing of ours."""
        return f"{self.staging(partition)}/{name}"

    @property
    def quarantine_root(self) -> str:
        return f"quarantine/{self.job}"

    def quarantine(self, partition: Partition, generation: int) -> str:
        """Rows that a generation set aside."""
        return f"{self.quarantine_root}/{partition.path}/{generation}"

    @property
    def replaced_root(self) -> str:
        """Where the files of generations go that a newer one replaced."""
        return f"replaced/{self.job}"


def places_of(project: Project, job: Job) -> Places:
    kept_at = project.resolve(job.output.state)
    return Places(
        job=job.name,
        kept_at=kept_at,
        state=_of_this_machine(kept_at) if is_object_url(kept_at) else Path(kept_at),
        predictions=project.resolve(job.output.path).rstrip("/"),
    )


def _of_this_machine(url: str) -> Path:
    """Below `~/.local/state/batch-scorer`, one for each state in a store. Raises: ConfigInvalid."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path(os.environ.get("HOME", ""), ".local/state"))
    if not home.is_absolute():
        raise ConfigInvalid(
            "output.state is in an object store, and there is no directory for what stays on this machine",
            where="XDG_STATE_HOME",
            fix="set XDG_STATE_HOME to a directory, an absolute path",
        )
    return home / "batch-scorer" / hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]
