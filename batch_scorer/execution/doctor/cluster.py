"""The cluster answers and runs what we run; or this machine has the memory that the workers may take."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from batch_scorer.core.errors import BatchScorerError, ClusterUnavailable
from batch_scorer.execution.doctor.asking import within
from batch_scorer.execution.parts import JobParts

PATIENCE_S = 15.0

_CONNECT_S = 3.0
_ANSWER_S = 5.0
# As they are installed, not imported: what decides about a prediction, and how chunks travel.
_PACKAGES = ("batch-scorer", "scikit-learn", "numpy", "pandas", "pyarrow", "dask", "distributed")


def ready(parts: JobParts) -> str:
    """Raises: ClusterUnavailable, BatchScorerError."""
    spec = parts.job.compute.cluster
    if "://" in spec:
        return _running(spec)
    return "in this process" if spec == "inline" else _local(parts)


def _local(parts: JobParts) -> str:
    import psutil

    compute = parts.job.compute
    n_workers = compute.workers or os.cpu_count() or 1
    wanted, there = n_workers * compute.memory_per_worker, psutil.virtual_memory().total
    each = f"compute.memory_per_worker of {compute.memory_per_worker / 1e9:.1f} GB"
    if wanted > there:
        raise BatchScorerError(
            f"{n_workers} workers with {each} may take {wanted / 1e9:.1f} GB of {there / 1e9:.1f} GB: the "
            "kernel would end one before its limit does",
            where=f"jobs/{parts.job.name}.yml, compute",
            fix="lower compute.memory_per_worker or compute.workers",
        )
    return f"local workers may take {wanted / 1e9:.1f} GB of {there / 1e9:.1f} GB"


def _running(address: str) -> str:
    _refuse_silence(address)
    versions = within(_ANSWER_S, partial(_versions, address))  # Dask's client waits for ever
    workers: Mapping[str, Any] = versions["workers"]
    if not workers:
        raise ClusterUnavailable(
            f"the scheduler at {address} has no workers", where=address, fix="start workers for it"
        )
    here = _shown(versions["client"])
    differences = [
        f"{package} {there.get(package) or 'missing'} on {worker}, {version} here"
        for worker, found in workers.items()
        for there in [_shown(found)]
        for package, version in here.items()
        if there.get(package) != version
    ]
    if differences:
        raise ClusterUnavailable(
            "; ".join(differences[:3]) + (f"; and {len(differences) - 3} more" if differences[3:] else ""),
            where=address,
            fix="install the same versions on every worker as here: predictions could differ",
        )
    noun = "worker runs" if len(workers) == 1 else "workers run"
    return f"{address}: {len(workers)} {noun} the same versions"


def _refuse_silence(address: str) -> None:
    """Asked of the socket first: Dask's own client would try for long. Raises: ClusterUnavailable."""
    parsed = urlsplit(address)
    try:
        socket.create_connection((parsed.hostname or "", parsed.port or 0), timeout=_CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ClusterUnavailable(
            f"no Dask scheduler answers at {address}: {error}",
            where=address,
            fix="start it, or run with --cluster local",
        ) from None


def _versions(address: str) -> dict[str, Any]:
    """distributed's own report about client, scheduler and workers. Raises: ClusterUnavailable."""
    from distributed import Client

    try:
        with Client(address, timeout=_ANSWER_S, set_as_default=False) as client:
            report: dict[str, Any] = client.get_versions(check=False, packages=list(_PACKAGES))
    except (OSError, TimeoutError, TypeError) as error:  # TypeError: tls:// and no certificate
        raise ClusterUnavailable(
            f"what listens at {address} does not answer as a Dask scheduler: {error}",
            where=address,
            fix="look at the scheduler's log, and that it is this address",
        ) from None
    return report


def _shown(report: Mapping[str, Any]) -> dict[str, str]:
    return dict(_python_and_packages(report))


def _python_and_packages(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "python", str(report["host"]["python"]).rpartition(".final")[0] or str(report["host"]["python"])
    for package in _PACKAGES:
        if version := report["packages"].get(package):
            yield package, str(version)
