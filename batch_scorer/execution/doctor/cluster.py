"""The cluster answers and runs what we run; or this machine has the memory that the workers may take."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.core.errors import BatchScorerError, ClusterUnavailable
from batch_scorer.core.machine import usable_cpus, usable_memory
from batch_scorer.core.models import ModelPin
from batch_scorer.execution.clusters.addresses import refuse_silence
from batch_scorer.execution.doctor.asking import within
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.worker_needs import worker_needs

PATIENCE_S = 45.0

_ANSWER_S = 5.0
_MUSTER_S = 30.0
_CLOSE_S = 5


def ready(parts: JobParts, model: ModelPin | None) -> str:
    """model: what would be scored with, if it is known. Raises: ClusterUnavailable, BatchScorerError."""
    spec = parts.job.compute.cluster
    if isinstance(spec, ClusterClass):
        return _of_class(parts, spec)
    if "://" in spec:
        return _running(parts, spec, model)
    return "in this process" if spec == "inline" else _local(parts)


def _local(parts: JobParts) -> str:
    compute = parts.job.compute
    n_workers = compute.workers or usable_cpus()
    wanted, there = n_workers * compute.memory_per_worker, usable_memory()
    workers = "1 worker" if n_workers == 1 else f"{n_workers} workers"
    each = f"compute.memory_per_worker of {compute.memory_per_worker / 1e9:.1f} GB"
    if wanted > there:
        raise BatchScorerError(
            f"{workers} with {each} may take {wanted / 1e9:.1f} GB of {there / 1e9:.1f} GB: the "
            "kernel would end one before its limit does",
            where=f"jobs/{parts.job.name}.yml, compute",
            fix="lower compute.memory_per_worker or compute.workers",
        )
    return f"{workers} of this machine may take {wanted / 1e9:.1f} GB of {there / 1e9:.1f} GB"


def _running(parts: JobParts, address: str, model: ModelPin | None) -> str:
    """Every worker looks for what a run would need, as it would at the start of one."""
    from batch_scorer.execution.clusters.remote.enlisting import client_of, mustered

    refuse_silence(address)
    with ExitStack() as at_end:
        client = within(_ANSWER_S, partial(client_of, address))  # Dask's client waits for ever
        at_end.callback(client.close, timeout=_CLOSE_S)
        needs = worker_needs(parts, [model] if model else [], [])
        at_end.callback(needs.close, timeout=_CLOSE_S)
        fleet = within(_MUSTER_S, partial(mustered, client, needs, _nothing))
        n_workers = len(fleet.able)
    if not n_workers:
        raise ClusterUnavailable(
            f"the scheduler at {address} has no workers", where=address, fix="start workers for it"
        )
    noun = "worker has" if n_workers == 1 else "workers have"
    return f"{address}: {n_workers} {noun} the same versions and see the same disks"


def _of_class(parts: JobParts, spec: ClusterClass) -> str:
    """Nothing is started: that may cost money."""
    from batch_scorer.execution.clusters.remote.starting import cluster_class

    cluster_class(spec)
    n_workers = parts.job.compute.workers
    size = f"{n_workers} workers" if spec.adapt is None else spec.adapt.words
    return f"{spec} can be imported; a run starts it with {size}"


def _nothing() -> None:
    """What a worker does once it was looked at: doctor sends it no work."""
