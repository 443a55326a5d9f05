"""The ledger takes a transaction, and nobody left anything half done in it."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.execution.parts import JobParts


def writable(parts: JobParts) -> str:
    """Tried with a transaction that is taken back."""
    from batch_scorer.ledger.disks import refuse_network_disk
    from batch_scorer.ledger.trial import try_writing

    if isinstance(parts.database, Path):
        refuse_network_disk(parts.database)
    version = try_writing(parts.database)
    n_published = parts.ledger.standing(parts.job.name).n_published
    made = "the first run makes it" if version is None else f"schema {version}, can be written"
    return f"{parts.ledger_at}, {n_published} partitions published; {made}"


def leftovers(parts: JobParts) -> str:
    """Half-published generations, runs that died, leases of those who are gone, staging of nobody."""
    from batch_scorer.execution.publishing import mending

    job = parts.job.name
    held = mending.holdings(parts)
    if unfinished := mending.unfinished(parts):
        raise BatchScorerError(
            f"{_and_more(unfinished)}",
            fix="the next run settles it first",
            next_command=_command("repair", job),
        )
    if silent := [each for each in held if each.is_gone]:
        holder = silent[0].holder
        raise BatchScorerError(
            f"{holder.verb} of {holder.user} on {holder.process.host}, pid {holder.process.pid}, is "
            f"{silent[0].verdict} and holds {len(silent[0].partitions)} partitions",
            fix="the next run takes them over",
            next_command=_command("unlock", job),
        )
    if nobodys := _staging_of_nobody(parts):
        raise BatchScorerError(
            f"{len(nobodys)} directories in staging that no open generation names, such as {nobodys[0]}",
            where=parts.long.at(parts.places.staging_root),
            fix="nothing reads them: remove them while no run is at work",
        )
    at_work = ", ".join(f"{each.holder.verb} {each.holder.run_id or ''}".strip() for each in held)
    return f"none; at work now: {at_work}" if held else "none"


def _staging_of_nobody(parts: JobParts) -> list[str]:
    """Attempt directories below staging, while nobody is at work who may be making one."""
    if parts.ledger.holders(parts.job.name):
        return []
    known = {
        f"{opening.partition.path}/{name}"
        for opening in parts.ledger.openings(parts.job.name)
        for name in (opening.staging, opening.renamed_from)
        if name
    }
    depth = len(parts.job.input.partition_by)
    attempts = parts.long.directories(parts.places.staging_root, depth + 1)
    return [path for path in attempts if path not in known]


def _and_more(lines: tuple[str, ...]) -> str:
    return lines[0] if len(lines) == 1 else f"{lines[0]}, and {len(lines) - 1} more"


def _command(verb: str, job: str) -> str:
    return f"batch-scorer {verb} {job}"
