"""Manifests: one immutable JSON file per generation, chained by hash within a partition.

`manifests/<job>/<partition>/<generation>.json` in the state. Its bytes are durable before the ledger says
*publishing*, so whatever a reader may ever see is explained by a file that survived. docs/format.md
describes the fields.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any

from batch_scorer.core.chunks import Accounting, StagedFile
from batch_scorer.core.durable import NewNames, writing
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import GenerationRecord, Ingredients, Manifest
from batch_scorer.ledger.encoding import (
    partition_from_json,
    partition_to_json,
    pin_from_json,
    pin_to_json,
    waived_from_json,
    waived_to_json,
)

STAGED = "manifest.json"  # on a disk beside an attempt's files, until its publish is recorded
_FIELDS = tuple(field.name for field in fields(Manifest))
_FIX = "put the file back from a backup; what is published stays readable meanwhile"


class ManifestStore:
    """attempt, in every method: an attempt's staging directory, relative to the root of the state."""

    def __init__(self, files: KeptFiles) -> None:
        """files: of the state."""
        self.files = files

    def at(self, job: str, partition: Partition, generation: int) -> str:
        """Where it is, as a person may see it."""
        return self.files.at(_path(job, partition, generation))

    def stage(self, manifest: Manifest, attempt: str) -> str:
        """Write it into an attempt's directory, which exists; returns the sha256 of its bytes.

        Its bytes are durable, its name there need not be: nothing is visible before it has its place.
        Who lost that directory to a take-over cannot put the manifest in place any more.
        Raises: OutputUnwritable, DiskFull.
        """
        content = to_bytes(manifest)
        sha256 = hashlib.sha256(content).hexdigest()
        path = _path(manifest.job, manifest.partition, manifest.generation)
        self.files.write(self._staged(attempt, path, sha256), content, NewNames())
        return sha256

    def put_in_place(self, record: GenerationRecord, attempt: str, names: NewNames) -> None:
        """From the attempt's directory to where it stays, durably once `names` are synced; called once the
        ledger has its row.

        Raises: DamageFound, when there is one of this number already; OutputUnwritable, DiskFull.
        """
        path = _path(record.job, record.partition, record.number)
        with writing(self.files.at(path)):
            try:
                self.files.put_in_place(self._staged(attempt, path, record.manifest_sha256), path, names)
            except FileExistsError:
                raise DamageFound(
                    f"generation {record.number} of {record.partition} has a manifest already, which "
                    "the ledger does not know: is it an old copy?",
                    where=self.files.at(path),
                    fix="put the newest ledger back, or move it away and rebuild it from the manifests",
                    next_command=f"batch-scorer ledger rebuild {record.job}",
                ) from None

    def keep_staged(
        self, job: str, partition: Partition, generation: int, attempt: str, *, sha256: str
    ) -> None:
        """Put the manifest of a publish that was given up where its row, which stays, says that it is.

        Nothing is done when it is there, or lost. Raises: OutputUnwritable, DiskFull.
        """
        path, names = _path(job, partition, generation), NewNames()
        staged = self._staged(attempt, path, sha256)
        with writing(self.files.at(path)), suppress(FileNotFoundError, FileExistsError):
            if hashlib.sha256(self.files.read(staged)).hexdigest() == sha256:
                self.files.put_in_place(staged, path, names)
        names.sync()

    def discard(self, job: str, partition: Partition, generation: int, *, sha256: str) -> None:
        """Take away the manifest of a publish that never happened; one with another hash is not its.

        Raises: OutputUnwritable.
        """
        path = _path(job, partition, generation)
        with writing(self.files.at(path)), suppress(FileNotFoundError):
            if hashlib.sha256(self.files.read(path)).hexdigest() == sha256:
                self.files.remove(path)

    def read(
        self, job: str, partition: Partition, generation: int, *, expected_sha256: str | None = None
    ) -> Manifest:
        """Raises: DamageFound, when it is gone, unreadable, or not the one the ledger recorded."""
        path = _path(job, partition, generation)
        try:
            content = self.files.read(path)
        except OSError as error:
            raise DamageFound(
                f"the manifest of {partition} generation {generation} cannot be read: {error.strerror}",
                where=self.files.at(path),
                fix=_FIX,
                next_command=f"batch-scorer verify {job}",
            ) from None
        if expected_sha256 and hashlib.sha256(content).hexdigest() != expected_sha256:
            raise DamageFound(
                f"the manifest of {partition} generation {generation} is not the one the ledger recorded",
                where=self.files.at(path),
                fix=_FIX,
                next_command=f"batch-scorer verify {job}",
            )
        try:
            return from_bytes(content)
        except (ValueError, KeyError, TypeError) as error:
            raise DamageFound(f"the manifest does not parse: {error!r}", where=self.files.at(path)) from None

    def _staged(self, attempt: str, path: str, sha256: str) -> str:
        return self.files.waiting(f"{attempt}/{STAGED}", path, sha256)


def directory_of(job: str, partition_path: str = "") -> str:
    """Of a job's manifests, or of those of one of its partitions, relative to the root of the state."""
    return f"manifests/{job}/{partition_path}".rstrip("/")


def _path(job: str, partition: Partition, generation: int) -> str:
    return f"{directory_of(job, partition.path)}/{generation}.json"


def to_bytes(manifest: Manifest) -> bytes:
    """Canonical bytes: the same manifest always has the same hash."""
    document = {name: getattr(manifest, name) for name in _FIELDS}
    document |= {
        "partition": partition_to_json(manifest.partition),
        "ingredients": asdict(manifest.ingredients),
        "inputs": [asdict(file) for file in manifest.inputs],
        "outputs": [asdict(file) for file in manifest.outputs],
        "rows": asdict(manifest.rows),
        "quarantine": [asdict(file) for file in manifest.quarantine],
        "created_at": manifest.created_at.isoformat(),
        "pin": manifest.pin and pin_to_json(manifest.pin),
        "waivers": [waived_to_json(waived) for waived in manifest.waivers],
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode("utf-8") + b"\n"


def from_bytes(content: bytes) -> Manifest:
    """Raises: ValueError, KeyError or TypeError, when it is not a manifest of a format known here."""
    document: dict[str, Any] = json.loads(content)
    if document.get("format") != 1:
        raise ValueError(f"manifest format {document.get('format')!r} is not known here")
    return Manifest(
        **{
            **document,
            "partition": partition_from_json(document["partition"]),
            "ingredients": Ingredients(**document["ingredients"]),
            "inputs": tuple(_lake_file(entry) for entry in document["inputs"]),
            "outputs": tuple(StagedFile(**entry) for entry in document["outputs"]),
            "columns": tuple((name, kind) for name, kind in document["columns"]),
            "input_columns": tuple(document["input_columns"]),
            "rows": Accounting(**document["rows"]),
            "verdicts": tuple(document["verdicts"]),
            "warnings": tuple(document["warnings"]),
            "created_at": dt.datetime.fromisoformat(document["created_at"]),
            "pin": document.get("pin") and pin_from_json(document["pin"]),
            # Not in manifests that are older than quarantine.
            "quarantine": tuple(StagedFile(**entry) for entry in document.get("quarantine", ())),
            "waivers": tuple(waived_from_json(entry) for entry in document.get("waivers", ())),
        }
    )


def _lake_file(entry: Mapping[str, Any]) -> LakeFile:
    return LakeFile(path=entry["path"], stamp=FileStamp(**entry["stamp"]), sha256=entry["sha256"])
