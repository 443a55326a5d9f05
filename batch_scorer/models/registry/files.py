"""The file registry: immutable numbered versions, movable aliases, an append-only history.

::

    <root>/<name>/history.jsonl                      the order of things; pins every manifest's sha256
    <root>/<name>/<version>/manifest.json            pins every other file's sha256
    <root>/<name>/<version>/model.skops|model.joblib, golden_input.parquet, golden_output.parquet

Readers take no lock: a version directory appears by one rename, the history by another. A version counts
from the moment the history names it. This module loads no model and imports no data library.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from batch_scorer.core.durable import write_whole, writing
from batch_scorer.core.errors import BatchScorerError, LockHeld, ModelNotFound
from batch_scorer.core.models import ModelManifest, ModelPin
from batch_scorer.models.registry.alias_stack import Rollback, way_back
from batch_scorer.models.registry.history import (
    HistoryEntry,
    HistoryEvent,
    aliases_of,
    decode_history,
    following,
    pinned_manifests,
)
from batch_scorer.models.registry.manifests import MANIFEST_FILE, decode_manifest, encode_manifest
from batch_scorer.models.registry.names import as_version, is_name, require_alias, require_name
from batch_scorer.models.registry.reading import no_link, read_plain, refused, told_when_unreadable
from batch_scorer.models.registry.storing import store_directory
from batch_scorer.models.registry.unknown import listed, unknown_model, unknown_version

_HISTORY = "history.jsonl"
_LOCK = ".lock"
KEPT = frozenset({_HISTORY, _LOCK})  # what a model's directory holds besides its versions
_LOCK_WAIT_S = 60.0


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class FileRegistry:
    """Models in a directory. root may be a symlink; nothing below it may."""

    def __init__(self, root: Path, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        self.root = root
        self._clock = clock

    def names(self) -> tuple[str, ...]:
        """Models with at least one version, sorted; empty when there is no registry yet."""
        if not self.root.is_dir():
            return ()
        with told_when_unreadable(self.root):
            found = sorted(entry.name for entry in self.root.iterdir() if is_name(entry.name))
            return tuple(name for name in found if (self.root / name / _HISTORY).is_file())

    def history(self, name: str) -> tuple[HistoryEntry, ...]:
        """Oldest first. Raises: ModelNotFound, ModelRefused, StoreUnavailable."""
        path = self.history_path(name)
        try:
            data = read_plain(path)
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

    def model_directory(self, name: str) -> Path:
        """Raises: ModelNotFound (not the name of a model), ModelRefused (a link)."""
        if not is_name(name):
            raise unknown_model(self.root, name, self.names())
        return no_link(self.root / name)

    def history_path(self, name: str) -> Path:
        """Raises: as model_directory."""
        return self.model_directory(name) / _HISTORY

    def directory(self, name: str, version: int) -> Path:
        """Where a version's files are, or would be. Raises: as model_directory."""
        return self.model_directory(name) / str(version)

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
            directory=str(self.directory(name, version).resolve()),
            artefact=manifest.artefact,
            format=manifest.format,
            sha256=manifest.files[manifest.artefact],
            manifest_sha256=manifest_sha256,
            signature=manifest.signature,
            files=manifest.files,
            n_golden_rows=manifest.n_golden_rows,
            trained_on=(manifest.reference.spans or ()) if manifest.reference else (),
            origin=manifest.origin,
        )

    def promote(self, name: str, version: int, alias: str, *, reason: str, who: str) -> HistoryEntry:
        """Let an alias mean this version from now on.

        Raises: UsageError (not an alias), ModelNotFound, ModelRefused, LockHeld, DiskFull, OutputUnwritable.
        """
        require_alias(alias)
        self.manifest(name, version)
        with self._locked(name) as directory:
            return self._move(directory, HistoryEvent.ALIAS_MOVED, version, alias, reason=reason, who=who)

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
        with self._locked(way.name) as directory:
            if self.way_back(way.name, way.alias, way.to) != way:
                raise LockHeld(
                    f"somebody moved {way.name}@{way.alias} in the meantime: it does not mean v{way.was} now",
                    where=str(directory / _HISTORY),
                    fix="look at what it means now, then decide again",
                    next_command=f"batch-scorer models history {way.name} --alias {way.alias}",
                )
            event = HistoryEvent.ALIAS_ROLLED_BACK
            return self._move(directory, event, way.to, way.alias, reason=reason, who=who)

    def add_version(
        self, draft: ModelManifest, files: Mapping[str, bytes], *, why: str = ""
    ) -> ModelManifest:
        """Store a new version whole or not at all; numbers are never used twice.

        draft: everything but `version` and `registered_at`, which are decided here, under the lock.
        files: the bytes of every file that draft.files hashes.
        Raises: UsageError (name), LockHeld, DiskFull, OutputUnwritable.
        """
        require_name(draft.name)
        with writing(self.root):
            (self.root / draft.name).mkdir(parents=True, exist_ok=True)
        with self._locked(draft.name) as directory:
            manifest = replace(draft, version=self._next_version(directory), registered_at=self._now())
            data = encode_manifest(manifest)
            store_directory(directory, str(manifest.version), {**files, MANIFEST_FILE: data})
            entry = HistoryEntry(
                event=HistoryEvent.REGISTERED,
                version=manifest.version,
                manifest_sha256=hashlib.sha256(data).hexdigest(),
                at=manifest.registered_at,
                who=manifest.registered_by,
                why=why,
            )
            self._name_or_take_back(directory, entry)
        return manifest

    def add_signature(self, name: str, version: int, *, key: str, signature: str, who: str) -> HistoryEntry:
        """Record that a key signed the version's manifest. Whoever calls has checked that.

        Raises: ModelNotFound, ModelRefused, LockHeld, DiskFull, OutputUnwritable.
        """
        self.manifest(name, version)
        with self._locked(name) as directory:
            entry = HistoryEntry(
                event=HistoryEvent.SIGNED,
                version=version,
                key=key,
                signature=signature,
                at=self._now(),
                who=who,
                why="",
            )
            self._append(directory, entry)
        return entry

    def _pinned_manifest(
        self, name: str, version: int, entries: tuple[HistoryEntry, ...]
    ) -> tuple[ModelManifest, str]:
        pinned = pinned_manifests(entries).get(version)
        if pinned is None:
            raise unknown_version(self.root, name, str(version), entries)
        path = self.directory(name, version) / MANIFEST_FILE
        try:
            data = read_plain(path)
        except FileNotFoundError:
            raise refused(f"the manifest of {name}@{version} is gone", path) from None
        if hashlib.sha256(data).hexdigest() != pinned:
            raise refused(f"the manifest of {name}@{version} is not the one that was registered", path)
        manifest = decode_manifest(data, str(path))
        if (manifest.name, manifest.version) != (name, version):
            raise refused(f"the manifest says it is of {manifest.name}@{manifest.version}", path)
        return manifest, pinned

    @contextmanager
    def _locked(self, name: str) -> Iterator[Path]:
        directory = self.model_directory(name)
        with writing(directory):
            from filelock import FileLock, Timeout  # imports asyncio, and only who registers locks

            lock = FileLock(no_link(directory / _LOCK), timeout=_LOCK_WAIT_S)
            try:
                with lock:
                    yield directory
            except Timeout:
                raise LockHeld(
                    f'somebody else has been writing to the model "{name}" for {_LOCK_WAIT_S:.0f} s',
                    where=str(directory / _LOCK),
                    fix="wait for the other registration or promotion, then repeat the command",
                ) from None

    def _next_version(self, directory: Path) -> int:
        """Counts directories too: a registration killed before its history line used up its number."""
        on_disk = [as_version(entry.name) or 0 for entry in directory.iterdir()]
        return max([0, *on_disk, *self._recorded(directory)]) + 1

    def _append(self, directory: Path, entry: HistoryEntry) -> None:
        path = directory / _HISTORY
        before = path.read_bytes() if path.exists() else b""
        decode_history(before, str(path))  # never build on a damaged history
        write_whole(path, following(before, entry))

    def _name_or_take_back(self, directory: Path, entry: HistoryEntry) -> None:
        """A version that the history does not name is in nobody's way, but its bytes are on the disk."""
        try:
            self._append(directory, entry)
        except BaseException:
            with suppress(BatchScorerError):
                if entry.version not in self._recorded(directory):
                    shutil.rmtree(directory / str(entry.version), ignore_errors=True)
            raise

    def _recorded(self, directory: Path) -> tuple[int, ...]:
        return self.versions(directory.name) if (directory / _HISTORY).exists() else ()

    def _move(
        self, directory: Path, event: HistoryEvent, version: int, alias: str, *, reason: str, who: str
    ) -> HistoryEntry:
        """Under the lock."""
        entry = HistoryEntry(
            event=event, version=version, alias=alias, at=self._now(), who=who, why=reason
        )  # fmt: skip
        self._append(directory, entry)
        return entry

    def _now(self) -> str:
        return self._clock().astimezone(dt.UTC).isoformat()
