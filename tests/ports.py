"""Ports of this machine, which other tests use at the same time."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def refusing_port() -> Iterator[int]:
    """Nobody listens on it, nor can anybody until we are done: it is ours, and we do not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


def free_port() -> int:
    """For a program that cannot choose one itself; it must be ready to find it taken meanwhile.

    Below those that are given to whoever names none: nobody gets it while the program is being restarted.
    """
    while True:
        port = random.SystemRandom().randrange(16_384, 32_768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
