"""Is what lies in a partition's directory its current generation, and nothing else? Pure."""

from __future__ import annotations

from collections.abc import Iterator

from batch_scorer.core.findings import Finding, FindingKind, ManifestFile, OutputEntry, PartitionFacts
from batch_scorer.core.records import GenerationRecord, GenerationState

SUCCESS_MARKER = "_SUCCESS"
DELTA_LOG = "_delta_log"


def current_record(facts: PartitionFacts) -> GenerationRecord | None:
    """The published one with the highest number, or the one that is just becoming it."""
    names = {entry.name for entry in facts.outputs or ()} - {SUCCESS_MARKER}
    for record in reversed(facts.records):
        if record.state is GenerationState.PUBLISHED:
            return record
        if record.state is GenerationState.PUBLISHING and names and names == set(record.output_names):
            return record
    return None


def is_as_recorded(record: GenerationRecord, file: ManifestFile | None) -> bool:
    return file is not None and file.manifest is not None and file.sha256 == record.manifest_sha256


def compare_directory(facts: PartitionFacts) -> Iterator[Finding]:
    current = current_record(facts)
    if facts.outputs is None:
        if current is not None:
            what = f"generation {current.number} is published, but its directory is gone"
            yield facts.finding(FindingKind.DIRECTORY_MISSING, facts.directory, what)
        return
    entries = {entry.name: entry for entry in facts.outputs if entry.name != SUCCESS_MARKER}
    expected = set(current.output_names) if current else set()
    other = _other_generation(facts, set(entries))
    if other is not None and set(entries) != expected:
        yield facts.finding(
            FindingKind.DIRECTORY_DIFFERS,
            facts.directory,
            "it holds another generation than the current one",
            f"generation {current.number}" if current else "nothing published",
            f"generation {other.number} ({other.state})",
        )
        return
    if not facts.records and not facts.manifests and not any(e.footer for e in entries.values()):
        what = "no record says that anything was published here"
        yield facts.finding(FindingKind.DIRECTORY_UNEXPECTED, facts.directory, what)
        return
    for name in sorted(expected - entries.keys()):
        yield facts.finding(FindingKind.FILE_MISSING, f"{facts.directory}/{name}", "a published file is gone")
    for name in sorted(entries.keys() - expected):
        yield _unexpected(facts, entries[name])
    yield from _sizes(facts, current, entries)


def compare_quarantine(facts: PartitionFacts) -> Iterator[Finding]:
    """Are the rows there that the current generation set aside? What else lies there is nobody's damage."""
    current = current_record(facts)
    file = facts.manifest_file(current.number) if current else None
    if current is None or file is None or file.manifest is None or not is_as_recorded(current, file):
        return
    there = {entry.name: entry for entry in facts.quarantine if entry.kind == "file"}
    for kept in file.manifest.quarantine:
        where = f"{facts.quarantine_at}/{kept.name}"
        entry = there.get(kept.name)
        if entry is None:
            what = "a file with quarantined rows is gone"
            yield facts.finding(FindingKind.FILE_MISSING, where, what)
        elif entry.n_bytes != kept.n_bytes:
            sizes = (f"{kept.n_bytes:,} bytes", f"{entry.n_bytes:,} bytes")
            yield facts.finding(FindingKind.SIZE_DIFFERS, where, "its size is not the recorded one", *sizes)


def _other_generation(facts: PartitionFacts, names: set[str]) -> GenerationRecord | None:
    return next((r for r in facts.records if r.output_names and set(r.output_names) == names), None)


def _unexpected(facts: PartitionFacts, entry: OutputEntry) -> Finding:
    where = f"{facts.directory}/{entry.name}"
    if entry.kind == "directory":
        return facts.finding(FindingKind.DIRECTORY_UNEXPECTED, where, "only files are ever published here")
    footer = entry.footer or {}
    says = footer.get("generation", "")
    newest = max(
        [r.number for r in facts.records] + [m.number for m in facts.manifests if m.number], default=0
    )
    if footer.get("job") == facts.job and says.isdigit() and int(says) > newest:
        return facts.finding(
            FindingKind.CHAIN_CUT,
            where,
            "it was published by a generation that no record knows any more",
            f"at most generation {newest}",
            f"generation {says}, run {footer.get('run_id')}",
        )
    said = ", ".join(f"{name} {footer[name]}" for name in ("job", "generation", "run_id") if name in footer)
    what = "the current generation has no such file"
    return facts.finding(FindingKind.FILE_UNEXPECTED, where, what, "", said or entry.kind)


def _sizes(
    facts: PartitionFacts, current: GenerationRecord | None, entries: dict[str, OutputEntry]
) -> Iterator[Finding]:
    marker = [entry for entry in facts.outputs or () if entry.name == SUCCESS_MARKER]
    expected = {SUCCESS_MARKER: 0} | _expected_sizes(facts, current)
    for entry in (*marker, *entries.values()):
        where = f"{facts.directory}/{entry.name}"
        if entry.name not in expected:
            continue
        if entry.kind != "file":
            what = "a plain file was published here"
            yield facts.finding(FindingKind.FILE_UNEXPECTED, where, what, "file", entry.kind)
        elif entry.n_bytes != expected[entry.name]:
            sizes = (f"{expected[entry.name]:,} bytes", f"{entry.n_bytes:,} bytes")
            yield facts.finding(FindingKind.SIZE_DIFFERS, where, "its size is not the recorded one", *sizes)


def _expected_sizes(facts: PartitionFacts, current: GenerationRecord | None) -> dict[str, int]:
    file = facts.manifest_file(current.number) if current else None
    if current is None or file is None or file.manifest is None or not is_as_recorded(current, file):
        return {}
    return {output.name: output.n_bytes for output in file.manifest.outputs}
