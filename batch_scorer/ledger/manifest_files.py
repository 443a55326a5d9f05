"""Manifests as they lie there, whatever the ledger says about them: for `verify` and `ledger rebuild`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from batch_scorer.core.errors import StoreUnavailable
from batch_scorer.core.findings import ManifestFile
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.ledger.manifests import directory_of, from_bytes


def partitions_with_manifests(files: KeptFiles, job: str) -> Iterator[str]:
    """The hive paths that hold files among a job's manifests, each once. files: of the state.

    Raises: StoreUnavailable.
    """
    with _told(files, directory_of(job)):
        yield from files.directories(directory_of(job))


def manifest_files(files: KeptFiles, job: str, path: str) -> tuple[ManifestFile, ...]:
    """Every file among a partition's manifests, oldest generation first. Raises: StoreUnavailable."""
    directory, found = directory_of(job, path), []
    with _told(files, directory):
        found = [_read(files, directory, name) for name in files.names(directory)]
    return tuple(sorted(found, key=lambda file: (file.number or 0, file.path)))


@contextmanager
def _told(files: KeptFiles, directory: str) -> Iterator[None]:
    """A directory that is not there holds no manifests; one that cannot be read might.

    Raises: StoreUnavailable.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise StoreUnavailable(
            f"the manifests cannot be read: {error.strerror}",
            where=str(error.filename or files.at(directory)),
            fix="check that the state directory is mounted, and that this user may read it",
        ) from error


def _read(files: KeptFiles, directory: str, name: str) -> ManifestFile:
    path = f"{directory}/{name}"
    place, stem = files.at(path), name.removesuffix(".json")
    number = int(stem) if name.endswith(".json") and stem.isdecimal() else None
    if number is None or str(number) != stem:
        return ManifestFile(path=place, number=None)
    try:
        content = files.read(path)
    except OSError as error:
        return ManifestFile(path=place, number=number, problem=error.strerror)
    digest = hashlib.sha256(content).hexdigest()
    try:
        manifest = from_bytes(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return ManifestFile(path=place, number=number, sha256=digest, problem=f"{error}")
    return ManifestFile(path=place, number=number, sha256=digest, manifest=manifest)
