"""What must be true before a run starts: places that can be written, on one file system."""

from __future__ import annotations

from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.execution.parts import JobParts


def check_places(parts: JobParts) -> None:
    """Raises: OutputUnwritable, DiskFull."""
    from batch_scorer.lake.parquet_sink import same_filesystem
    from batch_scorer.lake.preflight import check_writable

    for directory in (parts.places.state, parts.places.predictions):
        check_writable(directory)
    if not same_filesystem(parts.places.state, parts.places.predictions):
        raise OutputUnwritable(
            "output.state and output.path are on different file systems: a publish could not be atomic",
            where=f"{parts.places.state} and {parts.places.predictions}",
            fix="set output.state to a directory next to output.path",
        )
