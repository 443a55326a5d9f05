"""What must be true before a run starts: a ledger that remembers, places that can be written."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.errors import ConfigInvalid, DamageFound, OutputUnwritable
from batch_scorer.core.stores import is_object_url
from batch_scorer.execution.parts import JobParts
from batch_scorer.ledger.manifest_files import partitions_with_manifests
from batch_scorer.ledger.manifests import directory_of


def check_places(parts: JobParts) -> None:
    """Raises: OutputUnwritable, DiskFull, DamageFound, ConfigInvalid, StoreUnavailable."""
    from batch_scorer.lake.storage.preflight import check_writable

    _check_ledger_kept(parts)
    _check_ledger_is_ours(parts)
    check_writable(parts.places.state)
    in_stores = [url for url in (parts.places.kept_at, parts.places.predictions) if is_object_url(url)]
    for url in in_stores:
        from batch_scorer.lake.storage.uploading import check_reachable

        check_reachable(url, parts.stores)
    if parts.places.predictions not in in_stores:
        _check_one_filesystem(parts, Path(parts.places.predictions))


def _check_one_filesystem(parts: JobParts, predictions: Path) -> None:
    from batch_scorer.lake.sinks.parquet import same_filesystem
    from batch_scorer.lake.storage.preflight import check_writable

    check_writable(predictions)
    if not same_filesystem(parts.places.state, predictions):
        raise OutputUnwritable(
            "output.state and output.path are on different file systems: a publish could not be atomic",
            where=f"{parts.places.state} and {parts.places.predictions}",
            fix="set output.state to a directory next to output.path",
        )


def _check_ledger_kept(parts: JobParts) -> None:
    """A lost ledger opens as an empty one, and everything would look missing and be scored again."""
    if parts.job.name not in parts.ledger.jobs() and _has_manifests(parts):
        manifests = parts.kept.at(directory_of(parts.job.name))
        raise DamageFound(
            f"the ledger knows nothing of {parts.job.name}, but manifests say that it has published",
            where=parts.ledger_at,
            fix=f"rebuild it from them, or restore a backup; to start over, move {manifests} away",
            next_command=f"batch-scorer ledger rebuild {parts.job.name}",
        )


def _check_ledger_is_ours(parts: JobParts) -> None:
    """Two projects with one server and one job name: each would take for its own what the other published."""
    if isinstance(parts.database, Path) or _has_manifests(parts):
        return
    if next(parts.ledger.partitions(parts.job.name), None) is not None:
        raise ConfigInvalid(
            f"the ledger says that {parts.job.name} has published, but output.state has no manifest of it",
            where=f"{parts.ledger_at} and {parts.places.kept_at}",
            fix="if another project has a job of this name, give output.state_db a database of its own; "
            "else set output.state to where the job kept its state before, or bring that back",
        )


def _has_manifests(parts: JobParts) -> bool:
    return next(partitions_with_manifests(parts.kept, parts.job.name), None) is not None
