"""Addresses of schedulers: whether anybody is there."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from batch_scorer.core.errors import ClusterUnavailable

_KNOCK_S = 3.0


def refuse_silence(address: str) -> None:
    """Asked of the socket first: Dask's own client would try for long. Raises: ClusterUnavailable."""
    parsed = urlsplit(address)
    if parsed.scheme not in ("tcp", "tls"):
        return
    try:
        socket.create_connection((parsed.hostname or "", parsed.port or 0), timeout=_KNOCK_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise no_answer(address, error) from None


def no_answer(address: str, error: Exception) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"no Dask scheduler answers at {address}: {error}",
        where=address,
        fix="start it, or run with --cluster local",
    )
