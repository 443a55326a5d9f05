"""What lies where a partition will be published must be what the ledger says lies there."""

from __future__ import annotations

from batch_scorer.core.errors import DamageFound, OutputOccupied, OutputUnwritable
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.partitions import Partition
from batch_scorer.execution.parts import JobParts


def check_place(parts: JobParts, partition: Partition, current: VisibleGeneration | None) -> None:
    """Looked at before scoring, and again before publishing: nobody else's predictions are ever replaced.

    current: the generation that the ledger calls so, asked under our lease.
    Raises: OutputUnwritable (the sink replaces nothing), OutputOccupied (nothing of ours was published here,
    yet something is there), DamageFound (what is there is not the generation that the ledger calls current).
    """
    if current is not None:
        check_replaceable(parts, partition)
    visible = parts.sink.visible(partition)
    where = parts.places.published(partition)
    if visible is None:
        return
    if current is None:
        raise OutputOccupied(
            f"there are predictions of {partition} already that {parts.job.name} did not publish",
            where=where,
            fix="give the job an output.path of its own, or move these files away",
        )
    if visible != frozenset(current.output_names):
        raise DamageFound(
            f"the files of {partition} are not generation {current.number}, its current one",
            where=where,
            fix="see who changed them; move the directory away to have the partition scored anew",
        )


def check_replaceable(parts: JobParts, partition: Partition) -> None:
    """Of one that is published. Raises: OutputUnwritable (the sink replaces nothing)."""
    if not parts.sink.can_replace:
        raise OutputUnwritable(
            f"{partition} is published, and plain Parquet in an object store cannot be replaced unseen",
            where=parts.places.published(partition),
            fix="use output.format: delta, with an output.path of its own; or output.overwrite: in_place, if "
            "readers can do without a partition for a while",
        )
