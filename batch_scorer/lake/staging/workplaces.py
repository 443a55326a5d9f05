"""Where one try at a chunk puts its files: in the attempt's directory, or by way of this machine in a store.

A store takes whole objects only, so what goes there is written to a temporary directory of the worker's own,
which nobody else sees, and goes up when it is finished. Nothing is fsynced there: a power cut takes the
worker as well, and only what the store has answered for gets a record.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from batch_scorer.core.chunks import FILES, QUARANTINE, RECORDS, SPILLS, ChunkScored, OutputSpec, StagedFile
from batch_scorer.core.durable import writing
from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.stores import is_object_url
from batch_scorer.lake.staging.chunk_records import record_name, record_of, write_record
from batch_scorer.lake.storage.hashing import sha256_of_open
from batch_scorer.lake.storage.uploading import upload
from batch_scorer.stores.objects import ObjectStore, store_at

Parts = Mapping[str, Sequence[StagedFile]]


class Workplace(Protocol):
    """output: with the directory on this machine to write into."""

    output: OutputSpec

    def hand_in(self, parts: Parts) -> None:
        """Finished files, by the part of the attempt that they are of: whoever sees the attempt has them.

        Raises: OutputUnwritable, StoreUnavailable.
        """

    def record(self, scored: ChunkScored) -> None:
        """Last: what has a record is finished, and a later run may go on from it.

        Raises: DiskFull, OutputUnwritable, StoreUnavailable.
        """


@contextmanager
def working_at(output: OutputSpec, above: str | None = None) -> Iterator[Workplace]:
    """What was not handed in is gone afterwards, where that is not the attempt's own directory.

    above: where a temporary directory is made, if there is to be one; None: where the system has them.
    Raises: ConfigInvalid, DiskFull, OutputUnwritable.
    """
    if not is_object_url(output.staging):
        yield _OnDisk(output)
        return
    store, prefix = store_at(output.staging, output.stores)
    above = above or tempfile.gettempdir()
    with writing(above):
        place = tempfile.TemporaryDirectory(prefix="batch-scorer-", dir=above)
    with place as here:
        with writing(here):
            for part in (FILES, SPILLS, QUARANTINE):
                (Path(here) / part).mkdir()
        yield _ForStore(replace(output, staging=here, is_passed_through=True), store, prefix)


class _OnDisk:
    def __init__(self, output: OutputSpec) -> None:
        self.output = output

    def hand_in(self, parts: Parts) -> None:
        """They are there."""

    def record(self, scored: ChunkScored) -> None:
        write_record(Path(self.output.records), scored)


class _ForStore:
    """Every try has names of its own, so to send a file again, or late, does no harm."""

    def __init__(self, output: OutputSpec, store: ObjectStore, prefix: str) -> None:
        self.output = output
        self._store = store
        self._prefix = prefix
        self._etags: dict[str, str] = {}

    def hand_in(self, parts: Parts) -> None:
        with writing(self._store.url(self._prefix)):
            for part, files in parts.items():
                paths = [self._as_written(part, file) for file in files]
                etags = upload(self._store, f"{self._prefix}/{part}", paths)
                self._etags |= {f"{part}/{name}": etag for name, etag in etags.items()}

    def _as_written(self, part: str, file: StagedFile) -> Path:
        """No fsync told of a disk that lost what it took: its bytes do. Raises: OutputUnwritable."""
        path = Path(self.output.staging, part, file.name)
        with path.open("rb", buffering=0) as opened:
            if sha256_of_open(opened) != file.sha256:
                raise OutputUnwritable(
                    "a staged file is not as it was written, and was not uploaded",
                    where=str(path),
                    fix="look at the disk of this worker, or let TMPDIR be on another, then run again",
                )
        return path

    def record(self, scored: ChunkScored) -> None:
        place = f"{self._prefix}/{RECORDS}/{record_name(scored.chunk)}"
        with writing(self._store.url(place)):
            self._store.put(place, record_of(scored, self._etags))
