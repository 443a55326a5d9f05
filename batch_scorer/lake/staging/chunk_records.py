"""What is known of a finished chunk, kept beside its files so that a later run need not score it again.

One small JSON file per chunk, written by the worker after its files are fsynced: it exists or the chunk
does not count. It is not fsynced itself: a power cut may damage or lose it, which its own hash tells, and
then its chunk is scored again. `docs/format.md` describes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
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
from batch_scorer.core.validation import SetAside
from batch_scorer.lake.storage.hashing import sha256_of_file


def write_record(directory: Path, scored: ChunkScored) -> None:
    """The directory must exist: a worker that was given up must not bring back one that was taken away.

    A chunk that ran twice has two whole sets of files; the record written last decides.
    Raises: DiskFull, OutputUnwritable.
    """
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
    }
    text = _canonical(document)
    content = f'{{"chunk": {text}, "sha256": "{_digest(text)}"}}'
    write_unsynced(directory / f"{scored.chunk.index:05d}.json", content.encode())


def recorded_chunks(staging: Path, chunks: tuple[Chunk, ...]) -> Iterator[ChunkScored]:
    """The chunks that need not be scored again: their record is whole, and each of their files as it says."""
    records = staging / RECORDS
    for chunk in chunks:
        try:
            record = json.loads((records / f"{chunk.index:05d}.json").read_bytes())
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
            intact = (found["index"], record["sha256"]) == (chunk.index, _digest(_canonical(found))) and all(
                _is_intact(staging / part, file) for part, files in kept.items() for file in files
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # never finished, or damaged since: it is scored again
        if intact:
            yield scored


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_intact(directory: Path, file: StagedFile) -> bool:
    path = directory / file.name
    return path.stat().st_size == file.n_bytes and sha256_of_file(path) == file.sha256
