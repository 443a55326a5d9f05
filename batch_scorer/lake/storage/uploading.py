"""Staged files on their way into an object store."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from batch_scorer.core.durable import writing
from batch_scorer.core.stores import StoreOptions
from batch_scorer.stores.objects import ObjectStore, store_at

_AT_ONCE = 8  # a request waits for the store most of its time


def check_reachable(url: str, options: StoreOptions) -> None:
    """The store answers, has the bucket, and lets us list. Raises: OutputUnwritable, StoreUnavailable.

    Nothing is written: readers of the table would see it.
    """
    store, prefix = store_at(url, options)
    with writing(url):
        store.level(prefix)


def sizes_below(store: ObjectStore, prefix: str) -> dict[str, int]:
    """Bytes of each object directly below a prefix, by name. Raises: PermissionError, StoreUnavailable."""
    return {entry.key.rpartition("/")[2]: entry.stamp.size for entry in store.level(prefix).objects}


def upload(store: ObjectStore, prefix: str, files: Sequence[Path]) -> None:
    """Each whole or not at all, under its own name. Raises: OSError, StoreUnavailable."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for done in [pool.submit(store.put, f"{prefix}/{file.name}", file) for file in files]:
            done.result()
