"""The file registry: immutable numbered versions, movable aliases, an append-only history.

::

    <root>/<name>/history.jsonl                      the order of things; pins every manifest's sha256
    <root>/<name>/<version>/manifest.json            pins every other file's sha256
    <root>/<name>/<version>/model.skops|model.joblib, golden_input.parquet, golden_output.parquet

A version counts from the moment the history names it. Where that lies, and how two writers do not lose an
entry to each other, is for the shelf. This module loads no model and imports no data library.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from batch_scorer.core.errors import LockHeld, ModelNotFound
from batch_scorer.core.models import ModelManifest, ModelPin
from batch_scorer.models.registry.alias_stack import Rollback, way_back
from batch_scorer.models.registry.disk_shelf import LOCK_FILE, DiskShelf
from batch_scorer.models.registry.history import (
    HistoryEntry,
    HistoryEvent,
    aliases_of,
    decode_history,
    pinned_manifests,
)
from batch_scorer.models.registry.manifests import MANIFEST_FILE, decode_manifest, encode_manifest
from batch_scorer.models.registry.names import as_version, is_name, require_alias, require_name
from batch_scorer.models.registry.reading import refused
from batch_scorer.models.registry.shelf import HISTORY_FILE, Place, Shelf
from batch_scorer.models.registry.unknown import listed, unknown_model, unknown_version

KEPT = frozenset({HISTORY_FILE, LOCK_FILE})  # what a model's directory holds besides its versions


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class FileRegistry:
    """Models on a shelf. root: a directory, or the shelf that they stand on."""

    def __init__(self, root: Path | Shelf, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.shelf = DiskShelf(root) if isinstance(root, Path) else root
        self._clock = clock

    @property
    def root(self) -> Place:
        return self.shelf.root

    def names(self) -> tuple[str, ...]:
        """Models with at least one version, sorted; empty when there is no registry yet."""
        there = (name for name in self.shelf.names("") if is_name(name))
        return tuple(name for name in there if HISTORY_FILE in self.shelf.names(name))

    def history(self, name: str) -> tuple[HistoryEntry, ...]:
        """Oldest first. Raises: ModelNotFound, ModelRefused, StoreUnavailable."""
        path = self.history_path(name)
        try:
            data = self.shelf.read(f"{name}/{HISTORY_FILE}")
        except FileNotFoundError:
            raise unknown_model(self.root, name, self.names()) from None
        return decode_history(data, str(path))

    def versions(self, name: str) -> tuple[int, ...]:
        """Registered numbers, ascending."""
        return tuple(sorted(pinned_manifests(self.history(name))))

    def aliases(self, name: str) -> Mapping[str, int]:
        return aliases_of(self.history(name))

    def manifest(self, name: str, version: int) -> ModelManifest:
        """The record of one version, checked against the hash that the history pins.

        Raises: ModelNotFound, ModelRefused, StoreUnavailable.
        """
        return self._pinned_manifest(name, version, self.history(name))[0]

    def manifests(self, name: str, versions: Iterable[int]) -> Iterator[ModelManifest]:
        """The same of several versions; the history is read once. Raises: as manifest."""
        entries = self.history(name)
        return (self._pinned_manifest(name, version, entries)[0] for version in versions)

    def model_directory(self, name: str) -> Place:
        """Raises: ModelNotFound (not the name of a model)."""
        if not is_name(name):
            raise unknown_model(self.root, name, self.names())
        return self.root / name

    def history_path(self, name: str) -> Place:
        """Raises: as model_directory."""
        return self.model_directory(name) / HISTORY_FILE

    def directory(self, name: str, version: int) -> Place:
        """Where a version's files are, or would be. Raises: as model_directory."""
        return self.model_directory(name) / str(version)

    def read(self, name: str, version: int, file: str) -> bytes:
        """A file of a version as it lies there, not checked against anything.

        Raises: FileNotFoundError, ModelNotFound, ModelRefused, StoreUnavailable.
        """
        self.model_directory(name)
        return self.shelf.read(f"{name}/{version}/{file}")

    def resolve(self, reference: str) -> ModelPin:
        """`taxi_tips@3` or `taxi_tips@champion` → exactly one version. Checks hashes, loads nothing.

        Raises: ModelNotFound, ModelRefused, StoreUnavailable.
        """
        name, at, selector = reference.partition("@")
        entries = self.history(name)
        if not at:
            raise ModelNotFound(
                f'"{reference}" names a model, but no version or alias of it',
                where=str(self.root / name),
                fix=f"write one of {listed(name, entries)}",
            )
        version = as_version(selector) or aliases_of(entries).get(selector)
        if version not in pinned_manifests(entries):
            raise unknown_version(self.root, name, selector, entries)
        assert version is not None  # noqa: S101  # pinned_manifests has only numbers
        manifest, manifest_sha256 = self._pinned_manifest(name, version, entries)
        return ModelPin(
            name=name,
            version=version,
            alias=None if as_version(selector) else selector,
            directory=_absolute(self.directory(name, version)),
            artefact=manifest.artefact,
            format=manifest.format,
            sha256=manifest.files[manifest.artefact],
            manifest_sha256=manifest_sha256,
            signature=manifest.signature,
            files=manifest.files,
            n_golden_rows=manifest.n_golden_rows,
            trained_on=(manifest.reference.spans or ()) if manifest.reference else (),
            origin=manifest.origin,
            stores=self.shelf.stores,
        )

    def promote(self, name: str, version: int, alias: str, *, reason: str, who: str) -> HistoryEntry:
        """Let an alias mean this version from now on.

        Raises: UsageError (not an alias), ModelNotFound, ModelRefused, LockHeld, DiskFull, OutputUnwritable.
        """
        require_alias(alias)
        self.manifest(name, version)
        entry = self._move(HistoryEvent.ALIAS_MOVED, version, alias, reason=reason, who=who)
        return self.shelf.append(name, lambda _entries: entry)

    def way_back(self, name: str, alias: str, to: int | None = None) -> Rollback:
        """To what the alias meant before, or to a version `to` that it meant earlier. Reads only.

        Raises: UsageError, when there is no such way; ModelNotFound, ModelRefused, StoreUnavailable.
        """
        return way_back(self.history(name), name, alias, to)

    def roll_back(self, way: Rollback, *, reason: str, who: str) -> HistoryEntry:
        """Let an alias mean again what it meant. The history grows: nothing is taken out of it.

        Raises: LockHeld (somebody moved the alias since the way was found), UsageError, ModelNotFound,
        ModelRefused, DiskFull, OutputUnwritable.
        """
        self.manifest(way.name, way.to)
        entry = self._move(HistoryEvent.ALIAS_ROLLED_BACK, way.to, way.alias, reason=reason, who=who)

        def still(entries: tuple[HistoryEntry, ...]) -> HistoryEntry:
            if way_back(entries, way.name, way.alias, way.to) != way:
                raise LockHeld(
                    f"somebody moved {way.name}@{way.alias} in the meantime: it does not mean v{way.was} now",
                    where=str(self.history_path(way.name)),
                    fix="look at what it means now, then decide again",
                    next_command=f"batch-scorer models history {way.name} --alias {way.alias}",
                )
            return entry

        return self.shelf.append(way.name, still)

    def add_version(
        self, draft: ModelManifest, files: Mapping[str, bytes], *, why: str = ""
    ) -> ModelManifest:
        """Store a new version whole or not at all; numbers are never used twice.

        draft: everything but `version` and `registered_at`, which are decided here, under the lock.
        files: the bytes of every file that draft.files hashes.
        Raises: UsageError (name), LockHeld, DiskFull, OutputUnwritable.
        """
        require_name(draft.name)

        def numbered(version: int) -> tuple[ModelManifest, Mapping[str, bytes], HistoryEntry]:
            manifest = replace(draft, version=version, registered_at=self._now())
            data = encode_manifest(manifest)
            entry = HistoryEntry(
                event=HistoryEvent.REGISTERED,
                version=version,
                manifest_sha256=hashlib.sha256(data).hexdigest(),
                at=manifest.registered_at,
                who=manifest.registered_by,
                why=why,
            )
            return manifest, {**files, MANIFEST_FILE: data}, entry

        return self.shelf.add(draft.name, numbered)

    def add_signature(self, name: str, version: int, *, key: str, signature: str, who: str) -> HistoryEntry:
        """Record that a key signed the version's manifest. Whoever calls has checked that.

        Raises: ModelNotFound, ModelRefused, LockHeld, DiskFull, OutputUnwritable.
        """
        self.manifest(name, version)
        entry = HistoryEntry(
            event=HistoryEvent.SIGNED,
            version=version,
            key=key,
            signature=signature,
            at=self._now(),
            who=who,
            why="",
        )
        return self.shelf.append(name, lambda _entries: entry)

    def _pinned_manifest(
        self, name: str, version: int, entries: tuple[HistoryEntry, ...]
    ) -> tuple[ModelManifest, str]:
        pinned = pinned_manifests(entries).get(version)
        if pinned is None:
            raise unknown_version(self.root, name, str(version), entries)
        path = self.directory(name, version) / MANIFEST_FILE
        try:
            data = self.read(name, version, MANIFEST_FILE)
        except FileNotFoundError:
            raise refused(f"the manifest of {name}@{version} is gone", path) from None
        if hashlib.sha256(data).hexdigest() != pinned:
            raise refused(f"the manifest of {name}@{version} is not the one that was registered", path)
        manifest = decode_manifest(data, str(path))
        if (manifest.name, manifest.version) != (name, version):
            raise refused(f"the manifest says it is of {manifest.name}@{manifest.version}", path)
        return manifest, pinned

    def _move(self, event: HistoryEvent, version: int, alias: str, *, reason: str, who: str) -> HistoryEntry:
        return HistoryEntry(event=event, version=version, alias=alias, at=self._now(), who=who, why=reason)

    def _now(self) -> str:
        return self._clock().astimezone(dt.UTC).isoformat()


def _absolute(place: Place) -> str:
    return str(place.resolve() if isinstance(place, Path) else place)
