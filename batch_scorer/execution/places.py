"""Where everything of a job lies under its state directory. Paths only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.config.project import Project
from batch_scorer.core.partitions import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """state: the root, which jobs may share. predictions: this job's published table, a path or a URL."""

    job: str
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
    def staging_root(self) -> Path:
        return self.state / "staging" / self.job

    def attempt(self, partition: Partition, name: str) -> str:
        """Its directory, relative to the root of the state.

        name: unique per attempt, so a late writer of an older one finds nothing of ours.
        """
        return f"staging/{self.job}/{partition.path}/{name}"

    def staging(self, partition: Partition, attempt: str) -> Path:
        """attempt: its name."""
        return self.state / self.attempt(partition, attempt)

    @property
    def quarantine_root(self) -> Path:
        return self.state / "quarantine" / self.job

    def quarantine(self, partition: Partition, generation: int) -> Path:
        """Rows that a generation set aside."""
        return self.quarantine_root / partition.path / str(generation)

    @property
    def replaced_root(self) -> Path:
        """Where the files of generations go that a newer one replaced."""
        return self.state / "replaced" / self.job


def places_of(project: Project, job: Job) -> Places:
    return Places(
        job=job.name,
        state=Path(project.resolve(job.output.state)),
        predictions=project.resolve(job.output.path).rstrip("/"),
    )
