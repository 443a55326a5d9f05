"""What is known of a finished chunk, kept beside its files so that a later run need not score it again.

One small JSON file per chunk, written by the worker when its files are there: it exists or the chunk does not
count. On a disk it is not fsynced itself: a power cut may damage or lose it, which its own hash tells, and
then its chunk is scored again. In a store it says which version of each object is meant, by the ETag that the
store gave when it took it. `docs/format.md` describes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from batch_scorer.core.chunks import (
    FILES,
    QUARANTINE,
    RECORDS,
    SPILLS,
    Accounting,
    Chunk,
    ChunkScored,
    StagedFile,
)
from batch_scorer.core.durable import write_unsynced
from batch_scorer.core.lakefiles import FileStamp
from batch_scorer.core.validation import SetAside
from batch_scorer.lake.storage.hashing import sha256_of_open
from batch_scorer.lake.storage.stored_files import StoredFiles

ETags = Mapping[str, str]  # by path, relative to the attempt: `files/part-00001-….parquet`


def record_name(chunk: Chunk) -> str:
    return f"{chunk.index:05d}.json"


def write_record(directory: Path, scored: ChunkScored) -> None:
    """The directory must exist: a worker that was given up must not bring back one that was taken away.

    A chunk that ran twice has two whole sets of files; the record written last decides.
    Raises: DiskFull, OutputUnwritable.
    """
    write_unsynced(directory / record_name(scored.chunk), record_of(scored, {}))


def record_of(scored: ChunkScored, etags: ETags) -> bytes:
    """etags: of its files, where they are in a store."""
    document = {
        "index": scored.chunk.index,
        "rows": asdict(scored.rows),
        "files": [asdict(file) for file in scored.files],
        "warnings": list(scored.warnings),
        "scanned": list(scored.scanned),
        "spills": [asdict(file) for file in scored.spills],
        "aside": [asdict(file) for file in scored.aside],
        "set_aside": {suite: asdict(found) for suite, found in scored.set_aside.items()},
        "keys": scored.keys,
        **({"etags": dict(etags)} if etags else {}),
    }
    text = _canonical(document)
    return f'{{"chunk": {text}, "sha256": "{_digest(text)}"}}'.encode()


def recorded_chunks(attempt: StoredFiles, chunks: tuple[Chunk, ...]) -> Iterator[ChunkScored]:
    """The chunks that need not be scored again: their record is whole, and each of their files as it says.

    Raises: StoreUnavailable.
    """
    stamps = _stamps(attempt)
    for chunk in chunks:
        path = f"{RECORDS}/{record_name(chunk)}"
        try:
            if path not in stamps(RECORDS):
                continue
            record = json.loads(attempt.read(path))
            found = record["chunk"]
            scored = ChunkScored(
                chunk=chunk,
                rows=Accounting(**found["rows"]),
                files=tuple(StagedFile(**file) for file in found["files"]),
                worker="an earlier run",
                warnings=tuple(found["warnings"]),
                scanned=tuple(found["scanned"]),
                spills=tuple(StagedFile(**file) for file in found["spills"]),
                aside=tuple(StagedFile(**file) for file in found["aside"]),
                set_aside={suite: SetAside(**counts) for suite, counts in found["set_aside"].items()},
                keys=None if found["keys"] is None else (found["keys"][0], found["keys"][1]),
            )
            kept = {FILES: scored.files, SPILLS: scored.spills, QUARANTINE: scored.aside}
            etags = found.get("etags", {})
            intact = (found["index"], record["sha256"]) == (chunk.index, _digest(_canonical(found))) and all(
                _is_intact(attempt, f"{part}/{file.name}", file, stamps(part), etags)
                for part, files in kept.items()
                for file in files
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # never finished, or damaged since: it is scored again
        if intact:
            yield scored


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _stamps(attempt: StoredFiles) -> Callable[[str], Mapping[str, FileStamp]]:
    """By part, the stamp of each of its files, by path. Each part is listed once."""

    @cache
    def of_part(part: str) -> Mapping[str, FileStamp]:
        return {f"{part}/{entry.name}": entry.stamp for entry in attempt.files(part) if entry.stamp}

    return of_part


def _is_intact(
    attempt: StoredFiles, path: str, file: StagedFile, stamps: Mapping[str, FileStamp], etags: ETags
) -> bool:
    """On a disk its bytes are hashed once more; in a store its ETag says whether they are those it took."""
    stamp = stamps.get(path)
    if stamp is None or stamp.size != file.n_bytes:
        return False
    if stamp.etag is not None:
        return stamp.etag == etags.get(path)
    with attempt.open(path) as opened:
        return sha256_of_open(opened) == file.sha256
