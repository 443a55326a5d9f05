"""Read every published byte of a partition and hold it against the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.findings import Finding, FindingKind, OutputDetail, OutputEntry, PartitionFacts
from batch_scorer.core.records import Manifest
from batch_scorer.core.restoring import expected_footer
from batch_scorer.lake.storage.stored_files import StoredFiles

Columns = tuple[tuple[str, str], ...]


def look_deep(
    table: StoredFiles, aside: StoredFiles, facts: PartitionFacts, manifest: Manifest
) -> tuple[Finding, ...]:
    """Hash, page checksums, rows, columns and footer of each file that is there; absent ones are not ours."""
    published = _there(facts.outputs or (), manifest.outputs)
    quarantined = _there(facts.quarantine, manifest.quarantine)
    return (
        *(f for each in published for f in _one(table, facts, manifest, each, manifest.columns)),
        *(f for each in quarantined for f in _one(aside, facts, manifest, each, None)),
    )


def _there(entries: Sequence[OutputEntry], files: Sequence[StagedFile]) -> list[StagedFile]:
    names = {entry.name for entry in entries if entry.kind == "file"}
    return [file for file in files if file.name in names]


def _one(
    place: StoredFiles, facts: PartitionFacts, manifest: Manifest, file: StagedFile, columns: Columns | None
) -> Iterator[Finding]:
    """columns: None for those of a quarantine, which are what the input had."""
    from batch_scorer.lake.published.looking import read_whole

    path = place.at(file.name)
    try:
        detail = read_whole(place, file.name)
    except OSError as error:
        yield facts.finding(FindingKind.FILE_UNREADABLE, path, f"it cannot be read: {error.strerror}")
        return
    if detail.sha256 != file.sha256:
        what = "its bytes are not those that were published"
        yield facts.finding(FindingKind.HASH_DIFFERS, path, what, file.sha256, detail.sha256)
    if detail.problem is not None:
        what = f"it does not decode: {' '.join(detail.problem.split())}"
        yield facts.finding(FindingKind.FILE_UNREADABLE, path, what)
        return
    if detail.n_rows != file.n_rows:
        rows = (f"{file.n_rows:,}", f"{detail.n_rows or 0:,}")
        yield facts.finding(FindingKind.ROWS_DIFFER, path, "it has other rows than recorded", *rows)
    if columns is not None and detail.columns != columns:
        told = (_listed(columns), _listed(detail.columns))
        yield facts.finding(FindingKind.COLUMNS_DIFFER, path, "it has other columns than recorded", *told)
    yield from _footer(facts, manifest, path, detail)


def _footer(facts: PartitionFacts, manifest: Manifest, path: str, detail: OutputDetail) -> Iterator[Finding]:
    for name, expected in expected_footer(facts, manifest).items():
        found = detail.footer.get(name, "nothing")
        if found != expected:
            what = f"its footer names another {name}"
            yield facts.finding(FindingKind.FOOTER_DIFFERS, path, what, expected, found)


def _listed(columns: Columns) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
