"""A lost ledger, told again by manifests and published files: a job's runs, generations, output columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from batch_scorer.core.errors import DamageFound
from batch_scorer.core.findings import Finding, PartitionFacts
from batch_scorer.core.records import GenerationRecord, GenerationState, Manifest, RunRecord, RunState
from batch_scorer.core.restoring import Restored, restore
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.auditing.facts import look_around, look_at
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.publishing.presence import alone


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What would be written. runs, records: in the order they happened. unpublished: partitions with
    manifests whose files are gone, so that nothing of them is published any more.
    """

    partitions: tuple[Restored, ...]
    runs: tuple[RunRecord, ...]
    records: tuple[GenerationRecord, ...]
    manifests: dict[tuple[str, int], Manifest]
    columns: tuple[tuple[tuple[str, str], ...], str] | None

    @property
    def unpublished(self) -> tuple[str, ...]:
        return tuple(each.path for each in self.partitions if each.current is None)


class HistoryDamaged(DamageFound):
    """Manifests and files contradict each other, so that the ledger cannot be told again.

    Fix: restore the files that are named from a backup, then repeat `ledger rebuild`.

    findings: every reason why the history cannot be told.
    """

    findings: tuple[Finding, ...] = ()


def tell_history(parts: JobParts, now: datetime) -> History:
    """What manifests and files say; reads only.

    Raises: UsageError, when the ledger knows the job; HistoryDamaged, when they contradict each other.
    """
    from batch_scorer.ledger.rebuilding import already_known

    job = parts.job.name
    if job in parts.ledger.jobs():
        raise already_known(job)
    around = look_around(parts, lambda _partition: True)
    facts = [look_at(parts, path, partition) for path, partition in around.partitions.items()]
    restored = tuple(restore(each) for each in facts)
    findings = (*(finding for each in restored for finding in each.findings), *around.intruders)
    if findings:
        raise _damaged(parts, findings)
    manifests = _manifests(facts)
    records = tuple(sorted((r for each in restored for r in each.records), key=lambda r: r.created_at))
    return History(
        partitions=restored,
        runs=_runs(records, manifests, now),
        records=records,
        manifests=manifests,
        columns=_columns(records, manifests),
    )


def rebuild(parts: JobParts, now: datetime) -> History:
    """Write it, while no run is going on, in one transaction.

    Raises: as tell_history; LockHeld, OutputUnwritable, DiskFull.
    """
    from batch_scorer.ledger.rebuilding import write_history

    with alone(parts.places.presence):
        history = tell_history(parts, now)
        write_history(
            parts.database,
            parts.job.name,
            runs_found=history.runs,
            records=history.records,
            columns=history.columns,
            manifests=history.manifests,
        )
    return history


def _manifests(facts: Sequence[PartitionFacts]) -> dict[tuple[str, int], Manifest]:
    return {
        (each.path, file.manifest.generation): file.manifest
        for each in facts
        for file in each.manifests
        if file.manifest is not None
    }


def _runs(
    records: Sequence[GenerationRecord], manifests: dict[tuple[str, int], Manifest], now: datetime
) -> tuple[RunRecord, ...]:
    """One for each run that a manifest names; how it ended, where and by whom, nobody knows any more."""
    by_run: defaultdict[str, list[GenerationRecord]] = defaultdict(list)
    for record in records:
        by_run[record.run_id].append(record)
    why = f"rebuilt from manifests on {now:%Y-%m-%d %H:%M:%SZ} by {user_name()}"
    found = [
        _run(run_id, made, manifests[made[0].partition.path, made[0].number])
        for run_id, made in by_run.items()
    ]
    return tuple(replace(run, reason=why) for run in sorted(found, key=lambda run: run.run_id))


def _run(run_id: str, made: Sequence[GenerationRecord], manifest: Manifest) -> RunRecord:
    used = dict(sorted((_reference(record), record.ingredients.model_sha256) for record in made))
    return RunRecord(
        run_id=run_id,
        job=manifest.job,
        state=RunState.FINISHED,
        started_at=made[0].created_at,
        finished_at=made[-1].created_at,
        exit_code=None,
        model=", ".join(used),
        model_sha256=", ".join(used.values()),
        command=(),
        host="unknown",
        pid=0,
        user="unknown",
        code_version=manifest.code_version,
        n_published=sum(record.state is GenerationState.PUBLISHED for record in made),
    )


def _reference(record: GenerationRecord) -> str:
    return f"{record.ingredients.model_name}@{record.ingredients.model_version}"


def _columns(
    records: Sequence[GenerationRecord], manifests: dict[tuple[str, int], Manifest]
) -> tuple[tuple[tuple[str, str], ...], str] | None:
    """Of the newest publish, and the first run of the unbroken row of publishes that had them."""
    since: tuple[tuple[tuple[str, str], ...], str] | None = None
    for record in records:
        columns = manifests[record.partition.path, record.number].columns
        if record.state is GenerationState.PUBLISHED and (since is None or since[0] != columns):
            since = (columns, record.run_id)
    return since


def _damaged(parts: JobParts, findings: tuple[Finding, ...]) -> HistoryDamaged:
    error = HistoryDamaged(
        f"the history of {parts.job.name} cannot be rebuilt: what is published contradicts itself",
        where=parts.places.kept_at,
        fix="put the named files back from a backup; or move a partition's predictions and manifests away, "
        "to have it scored anew",
        next_command=f"batch-scorer ledger rebuild {parts.job.name} --dry-run",
    )
    error.findings = findings
    return error
