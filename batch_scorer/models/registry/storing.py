"""How a version's directory comes into being: whole, by one rename, every byte on the disk before it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from batch_scorer.core.durable import fsync_directory, write_new

INCOMING = ".incoming-"


def store_directory(parent: Path, name: str, files: Mapping[str, bytes]) -> None:
    """files: name → bytes. The caller holds the lock of the model. Raises: OSError."""
    for leftover in parent.glob(f"{INCOMING}*"):  # of a killed registration: we hold the lock
        shutil.rmtree(leftover)
    incoming = parent / f"{INCOMING}{secrets.token_hex(6)}"
    incoming.mkdir()
    try:
        for file_name, data in files.items():
            write_new(incoming / file_name, data)
        fsync_directory(incoming)
        incoming.rename(parent / name)
    except BaseException:
        shutil.rmtree(incoming, ignore_errors=True)
        raise
    fsync_directory(parent)
