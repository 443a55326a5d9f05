"""What is known of a finished chunk, kept beside its files so that a later run need not score it again.

One small JSON file per chunk, written by the worker after its files are fsynced: it exists or the chunk
does not count. `docs/format.md` describes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

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
from batch_scorer.core.durable import write_beside
from batch_scorer.core.validation import SetAside
from batch_scorer.lake.hashing import sha256_of_file


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
    }
    content = json.dumps(document, sort_keys=True).encode()
    write_beside(directory / f"{scored.chunk.index:05d}.json", content)


def recorded_chunks(staging: Path, chunks: tuple[Chunk, ...]) -> Iterator[ChunkScored]:
    """The chunks that need not be scored again: each file of theirs has its size and its sha256 still."""
    records = staging / RECORDS
    for chunk in chunks:
        try:
            found = json.loads((records / f"{chunk.index:05d}.json").read_bytes())
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
            )
            kept = {FILES: scored.files, SPILLS: scored.spills, QUARANTINE: scored.aside}
            intact = found["index"] == chunk.index and all(
                _is_intact(staging / part, file) for part, files in kept.items() for file in files
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # never finished, or damaged since: it is scored again
        if intact:
            yield scored


def _is_intact(directory: Path, file: StagedFile) -> bool:
    path = directory / file.name
    return path.stat().st_size == file.n_bytes and sha256_of_file(path) == file.sha256
