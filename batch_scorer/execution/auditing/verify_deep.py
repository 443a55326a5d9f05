"""Read every published byte of a partition and hold it against the manifest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.findings import Finding, FindingKind, OutputDetail, PartitionFacts
from batch_scorer.core.records import Manifest
from batch_scorer.core.restoring import expected_footer


def look_deep(facts: PartitionFacts, manifest: Manifest) -> tuple[Finding, ...]:
    """Hash, page checksums, rows, columns and footer of each file that is there; absent ones are not ours."""
    there = {entry.name for entry in facts.outputs or () if entry.kind == "file"}
    return tuple(
        finding
        for output in manifest.outputs
        if output.name in there
        for finding in _one(facts, manifest, output)
    )


def _one(facts: PartitionFacts, manifest: Manifest, output: StagedFile) -> Iterator[Finding]:
    from batch_scorer.lake.published import read_whole

    path = Path(facts.directory) / output.name
    try:
        detail = read_whole(path)
    except OSError as error:
        yield facts.finding(FindingKind.FILE_UNREADABLE, path, f"it cannot be read: {error.strerror}")
        return
    if detail.sha256 != output.sha256:
        what = "its bytes are not those that were published"
        yield facts.finding(FindingKind.HASH_DIFFERS, path, what, output.sha256, detail.sha256)
    if detail.problem is not None:
        what = f"it does not decode: {' '.join(detail.problem.split())}"
        yield facts.finding(FindingKind.FILE_UNREADABLE, path, what)
        return
    yield from _contents(facts, manifest, output, detail)


def _contents(
    facts: PartitionFacts, manifest: Manifest, output: StagedFile, detail: OutputDetail
) -> Iterator[Finding]:
    path = Path(facts.directory) / output.name
    if detail.n_rows != output.n_rows:
        rows = (f"{output.n_rows:,}", f"{detail.n_rows or 0:,}")
        yield facts.finding(FindingKind.ROWS_DIFFER, path, "it has other rows than recorded", *rows)
    if detail.columns != manifest.columns:
        columns = (_listed(manifest.columns), _listed(detail.columns))
        yield facts.finding(FindingKind.COLUMNS_DIFFER, path, "it has other columns than recorded", *columns)
    for name, expected in expected_footer(facts, manifest).items():
        found = detail.footer.get(name, "nothing")
        if found != expected:
            what = f"its footer names another {name}"
            yield facts.finding(FindingKind.FOOTER_DIFFERS, path, what, expected, found)


def _listed(columns: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
