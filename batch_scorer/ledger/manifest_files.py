"""Manifests as they lie on disk, whatever the ledger says about them: for `verify` and `ledger rebuild`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.core.findings import ManifestFile
from batch_scorer.ledger.manifests import from_bytes


def partitions_with_manifests(root: Path, job: str) -> Iterator[str]:
    """The hive paths below `<root>/<job>` that hold files, sorted. Raises: StoreUnavailable."""
    top = root / job
    for directory, below, names in os.walk(top, onerror=_told):
        below.sort()
        if directory != str(top) and any(not name.startswith(".") for name in names):
            yield Path(directory).relative_to(top).as_posix()


def manifest_files(root: Path, job: str, path: str) -> tuple[ManifestFile, ...]:
    """Every file among a partition's manifests, oldest generation first.

    Hidden names are what a killed writer left: they are nobody's manifest. Raises: StoreUnavailable.
    """
    directory = root / job / path
    try:
        names = [name for name in os.listdir(directory) if not name.startswith(".")]
    except OSError as error:
        _told(error)
        return ()
    found = (_read(directory / name) for name in names if not (directory / name).is_dir())
    return tuple(sorted(found, key=lambda file: (file.number or 0, file.path)))


def _told(error: OSError) -> None:
    """A directory that is not there holds no manifests; one that cannot be read might.

    Raises: StoreUnavailable.
    """
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return
    raise StoreUnavailable(
        f"the manifests cannot be read: {error.strerror}",
        where=str(error.filename),
        fix="check that the state directory is mounted, and that this user may read it",
    ) from error


def _read(path: Path) -> ManifestFile:
    number = int(path.stem) if path.suffix == ".json" and path.stem.isdecimal() else None
    if number is None or str(number) != path.stem:
        return ManifestFile(path=str(path), number=None)
    try:
        content = path.read_bytes()
    except OSError as error:
        return ManifestFile(path=str(path), number=number, problem=error.strerror)
    digest = hashlib.sha256(content).hexdigest()
    try:
        manifest = from_bytes(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return ManifestFile(path=str(path), number=number, sha256=digest, problem=f"{error}")
    return ManifestFile(path=str(path), number=number, sha256=digest, manifest=manifest)
