"""From a scheduler's client to a cluster that takes chunks: what must be right is asked before the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnavailable
from batch_scorer.execution.clusters.addresses import no_answer, refuse_silence
from batch_scorer.execution.clusters.dask import CLOSE_S, Closable, DaskCluster
from batch_scorer.execution.clusters.remote.delivery import run_delivered
from batch_scorer.execution.clusters.remote.fleet import Fleet
from batch_scorer.execution.clusters.remote.needs import WorkerNeeds
from batch_scorer.execution.clusters.remote.starting import started
from batch_scorer.execution.clusters.watch import PATIENCE, Patience, workers_of
from batch_scorer.execution.clusters.worker_logs import WorkerLogs, hear_workers, worker_logs

_CONNECT_S = 10

Run = Callable[[ChunkTask], ChunkOutcome]


def connected(address: str, run: Run, *, needs: Callable[[], WorkerNeeds], run_id: str) -> DaskCluster:
    """On a scheduler that already runs. Raises: ClusterUnavailable, ClusterUnfit, and what needs raises."""
    return enlisted(client_of(address), run, needs=needs, run_id=run_id)


def of_class(
    spec: ClusterClass,
    run: Run,
    *,
    workers: int | None,
    needs: Callable[[], WorkerNeeds],
    run_id: str,
    check_stop: Callable[[], None],
) -> DaskCluster:
    """On a cluster that is started for this run, and closed with it. check_stop: raises to end the run.

    Raises: ConfigInvalid, ClusterUnavailable, ClusterUnfit, what needs raises, and what check_stop does.
    """
    own = started(spec, workers, check_stop)
    from distributed import Client

    try:
        client = Client(own.cluster, timeout=_CONNECT_S, set_as_default=False)
    except BaseException as error:
        own.close(timeout=CLOSE_S)
        if isinstance(error, OSError | TimeoutError | TypeError):
            raise no_answer(f"{spec.class_path}'s address", error) from None
        raise
    patience = replace(PATIENCE, no_workers_s=spec.start_within.total_seconds())
    return enlisted(client, run, needs=needs, run_id=run_id, patience=patience, closing=(own,))


def client_of(address: str) -> Any:
    """Raises: ClusterUnavailable."""
    refuse_silence(address)
    from distributed import Client

    try:
        return Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise no_answer(address, error) from None
    except TypeError as error:  # tls:// and no certificate
        raise _without_certificate(address, error) from None


def enlisted(
    client: Any,
    run: Run,
    *,
    needs: Callable[[], WorkerNeeds],
    run_id: str,
    patience: Patience | None = None,
    closing: Sequence[Closable] = (),
) -> DaskCluster:
    """Workers that are not ours, each looked at before it scores. closing: behind the client, in any case.

    Raises: ClusterUnavailable, ClusterUnfit, and what needs raises.
    """
    with ExitStack() as undo:
        for part in (*reversed(closing), client):
            undo.callback(part.close, timeout=CLOSE_S)
        wanted = needs()
        undo.callback(wanted.close, timeout=CLOSE_S)
        logs = worker_logs(run_id, of_others=True)
        hear_workers(client, logs)
        fleet = mustered(client, wanted, logs.join)
        runs = run if wanted.code is None else partial(run_delivered, run, wanted.code.sha256)
        cluster = DaskCluster(
            client,
            runs,
            fleet=fleet,
            patience=patience or PATIENCE,
            closing=(_Farewell(fleet, logs), client, *closing, wanted),
        )
        undo.pop_all()
    return cluster


def mustered(client: Any, needs: WorkerNeeds, greeting: Callable[..., None]) -> Fleet:
    """Scheduler and workers, all looked at once. Raises: ClusterUnavailable, ClusterUnfit."""
    fleet = Fleet(client, needs, greeting)
    try:
        fleet.check_scheduler()
        fleet.muster(workers_of(client))
    except (OSError, TimeoutError) as error:
        raise no_answer(str(client.scheduler.address), error) from None
    return fleet


class _Farewell:
    """Takes our log handlers from workers that live on after us."""

    def __init__(self, fleet: Fleet, logs: WorkerLogs) -> None:
        self._fleet = fleet
        self._logs = logs

    def close(self, timeout: float) -> None:  # noqa: ARG002 (the fleet has its own)
        self._fleet.dismiss(self._logs.leave)


def _without_certificate(address: str, error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"there is no certificate to reach {address} with: {error}",
        where=address,
        fix="set distributed.comm.tls.ca-file and distributed.comm.tls.client in Dask's configuration; "
        "see docs/clusters.md",
    )
