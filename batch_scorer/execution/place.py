"""What lies where a partition will be published must be what the ledger says lies there."""

from __future__ import annotations

from batch_scorer.core.errors import DamageFound, OutputOccupied
from batch_scorer.core.plans import PartitionPlan
from batch_scorer.execution.parts import JobParts


def check_place(parts: JobParts, entry: PartitionPlan) -> None:
    """Looked at before scoring, and again before publishing: nobody else's predictions are ever replaced.

    Raises: OutputOccupied (nothing of ours was published here, yet something is there), DamageFound (what
    is there is not the generation that the ledger calls current).
    """
    assert entry.partition is not None  # noqa: S101 (only partitions are scored)
    current = parts.ledger.generation(parts.job.name, entry.partition, None)
    where = str(parts.places.predictions / entry.partition.path)
    if current is None:
        if not parts.sink.is_free(entry.partition):
            raise OutputOccupied(
                f"there are predictions of {entry.partition} already that {parts.job.name} did not publish",
                where=where,
                fix="give the job an output.path of its own, or move these files away",
            )
    elif not (parts.sink.is_free(entry.partition) or parts.sink.holds(entry.partition, current.output_names)):
        raise DamageFound(
            f"the files of {entry.partition} are not generation {current.number}, its current one",
            where=where,
            fix="see who changed them; move the directory away to have the partition scored anew",
        )
