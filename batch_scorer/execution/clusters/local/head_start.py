"""The process that workers are forked from begins to start before anybody knows that there will be workers.

It imports for a second, and so does the driver until it has planned. So it starts before the words of the
command are understood. Once the job is read two listings say whether much is due: then it goes on, else it is
ended, after 0.2 s on a processor that nobody used. A wrong guess costs a start there, or is made up for when
the plan is there.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.machine import usable_cpus
from batch_scorer.execution.clusters.local.workers import has_begun, start_fork_server, stop_fork_server

# Nothing else here: until `begin` is called, what is imported is waited for.
if TYPE_CHECKING:
    from batch_scorer.config.job import Job
    from batch_scorer.config.project import Project

_LEAST_BYTES = 32 << 20  # as many rows as call for processes (`choice.SMALL_PLAN_ROWS`) are not smaller


def begin(cluster: str | None) -> None:
    """Start it, unless an option says otherwise. cluster: as asked for, or None.

    For a program of ours: `end_unless_needed` or `stop_fork_server` must follow.
    """
    if cluster in (None, "auto", "local") and usable_cpus() > 1:
        with suppress(OSError):  # told of by the workers, if there are to be any
            start_fork_server()


def end_unless_needed(project: Project, job: Job, cluster: str | None) -> None:
    """Let what has begun go on only if the job will probably need it. cluster: as asked for; None: as the job
    says.
    """
    if has_begun() and not _is_needed(project, job, cluster):
        stop_fork_server()


def _is_needed(project: Project, job: Job, cluster: str | None) -> bool:
    from batch_scorer.core.errors import BatchScorerError
    from batch_scorer.execution.places import places_of

    spec = cluster or job.compute.cluster
    if spec != "auto":
        return spec == "local"
    try:
        table, predictions = project.resolve(job.input.path), places_of(project, job).predictions
        return _bytes_due(table, predictions) > max(_LEAST_BYTES, job.compute.chunk)
    except (BatchScorerError, OSError):
        return False  # it is told of by who opens the job


def _bytes_due(table: str, predictions: str) -> int:
    """0 where one of them is in an object store: a guess is not worth requests that the plan makes anyway."""
    from batch_scorer.core.stores import is_object_url

    if is_object_url(table) or is_object_url(predictions):
        return 0
    return bytes_without_predictions(Path(table), Path(predictions))


def bytes_without_predictions(table: Path, predictions: Path) -> int:
    """About how much of a partitioned table was never scored: from the names of its first level, and the size
    of the last partition that is new. Raises: OSError.
    """
    scored = set(os.listdir(predictions)) if predictions.is_dir() else set()
    new = [name for name in os.listdir(table) if "=" in name and name not in scored]
    return len(new) * _n_bytes(table / max(new)) if new else 0


def _n_bytes(directory: Path) -> int:
    """Of the files below; of partitions within, one stands for all."""
    with os.scandir(directory) as found:
        entries = list(found)
    within = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    n_bytes = sum(entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False))
    return n_bytes + (len(within) * _n_bytes(Path(max(within))) if within else 0)
