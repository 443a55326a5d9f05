"""The seam between the registry and where its files lie: a directory, or an object store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from batch_scorer.core.models import ModelManifest
from batch_scorer.core.stores import ObjectUrl, StoreOptions
from batch_scorer.models.registry.history import HistoryEntry

Place = Path | ObjectUrl  # both know `/` and what to be called

# Told what the history says now; gives what it says next. Asked again, where somebody else was faster.
Deciding = Callable[[tuple[HistoryEntry, ...]], HistoryEntry]
# Told the number; gives the version's files by name and its line for the history.
Numbered = Callable[[int], tuple[ModelManifest, Mapping[str, bytes], HistoryEntry]]

HISTORY_FILE = "history.jsonl"


class Shelf(Protocol):
    """Paths are relative to the root: `taxi_tips/3/manifest.json`; "" is the root. A version counts from the
    moment the history names it.
    """

    @property
    def root(self) -> Place:
        """Where it is, as a person may see it."""

    @property
    def stores(self) -> StoreOptions:
        """How a worker reaches it."""

    def read(self, path: str) -> bytes:
        """A whole file. Raises: FileNotFoundError, ModelRefused (a link), StoreUnavailable."""

    def names(self, directory: str) -> tuple[str, ...]:
        """What lies directly there, sorted; nothing where there is no such directory.

        Raises: StoreUnavailable.
        """

    def append(self, name: str, decide: Deciding) -> HistoryEntry:
        """One more line in the history of a model, after all that are there when it is written.

        Raises: what decide raises, LockHeld, ModelRefused, DiskFull, OutputUnwritable, StoreUnavailable.
        """

    def add(self, name: str, numbered: Numbered) -> ModelManifest:
        """A new version, whole or not at all, under a number that nobody else ever had. Raises: as append."""

    def importing(self) -> AbstractContextManager[None]:
        """One import into the whole registry at a time. Raises: LockHeld, ConfigInvalid."""
