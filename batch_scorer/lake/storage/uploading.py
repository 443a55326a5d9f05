"""Staged files on their way into an object store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from batch_scorer.core.durable import writing
from batch_scorer.core.stores import StoreOptions
from batch_scorer.stores.objects import ObjectStore, store_at

T = TypeVar("T")
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


def upload(store: ObjectStore, prefix: str, files: Sequence[Path]) -> dict[str, str]:
    """Each whole or not at all, under its own name. Returns: the ETag of each, by name.

    Raises: OSError, StoreUnavailable.
    """
    etags = at_once([partial(store.put, f"{prefix}/{file.name}", file) for file in files])
    return {file.name: etag for file, etag in zip(files, etags, strict=True)}


def at_once(requests: Sequence[Callable[[], T]]) -> list[T]:
    """What each returns, in their order. Raises: what the first that fails does."""
    if len(requests) < 2:
        return [request() for request in requests]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [done.result() for done in [pool.submit(request) for request in requests]]
