"""What a job's `emit` asks for, as observers of its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.config.stand_ins import is_nowhere
from batch_scorer.core.runs import RunObserver
from batch_scorer.ops.emitting.facts import OpenLedger


def emit_observers(
    job: Job, *, resolve: Callable[[str], str], predictions: str, open_ledger: OpenLedger
) -> Iterator[RunObserver]:
    """resolve: a path of the job file, from the project's root. predictions: the job's table."""
    lineage = job.emit.openlineage
    if job.emit.prometheus_textfile is not None:
        from batch_scorer.ops.emitting.prometheus import PrometheusTextfile

        yield PrometheusTextfile(
            path=Path(resolve(job.emit.prometheus_textfile)),
            job=job,
            open_ledger=None if is_nowhere(job.output.state) else open_ledger,
        )
    if lineage is not None and (lineage.url or lineage.file):  # a wrong job file may say neither
        from batch_scorer.ops.emitting.ended import Subject
        from batch_scorer.ops.emitting.openlineage import LineageEvents, receiver

        yield LineageEvents(
            receiver=receiver(lineage, resolve),
            subject=Subject(
                job=job,
                namespace=lineage.namespace,
                input_root=resolve(job.input.path),
                predictions=predictions,
            ),
            open_ledger=open_ledger,
        )
