"""What a lost ledger must have said about a partition, told from its manifests and its files alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from batch_scorer.core.comparison import contradictions, misplaced
from batch_scorer.core.findings import Finding, FindingKind, ManifestFile, OutputEntry, PartitionFacts
from batch_scorer.core.holdings import SUCCESS_MARKER
from batch_scorer.core.records import GenerationRecord, GenerationState, Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """records: oldest first, in their final state. findings: why they cannot be believed; then no records."""

    path: str
    records: tuple[GenerationRecord, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def current(self) -> GenerationRecord | None:
        published = [r for r in self.records if r.state is GenerationState.PUBLISHED]
        return published[-1] if published else None


def restore(facts: PartitionFacts) -> Restored:
    """The generation whose files are there is current; its chain was published before; the rest never was.

    facts: without ledger records, with the footer of every output. Without a directory nothing is published.
    """
    broken = tuple(_unbelievable(facts))
    if broken:
        return Restored(path=facts.path, findings=broken)
    entries = tuple(entry for entry in facts.outputs or () if entry.name != SUCCESS_MARKER)
    if not entries:
        return Restored(path=facts.path, records=_records(facts, ()))
    head = _head(facts, entries)
    if isinstance(head, Finding):
        return Restored(path=facts.path, findings=(head,))
    findings = tuple(_against_head(facts, head, entries))
    chain = _chain(facts, head)
    if isinstance(chain, Finding):
        return Restored(path=facts.path, findings=(*findings, chain))
    if findings:
        return Restored(path=facts.path, findings=findings)
    return Restored(path=facts.path, records=_records(facts, chain))


def _unbelievable(facts: PartitionFacts) -> Iterator[Finding]:
    """Manifests that do not parse, lie in the wrong place, contradict themselves or follow nothing."""
    known = {file.sha256: file.number or 0 for file in facts.manifests}
    for number in sorted(set(range(1, max(known.values(), default=0))) - set(known.values())):
        where = f"{facts.manifests_at}/{number}.json"
        yield facts.finding(
            FindingKind.MANIFEST_MISSING, where, f"the manifest of generation {number} is gone"
        )
    for file in facts.manifests:
        place = misplaced(facts, file)
        if file.number is None:
            yield facts.finding(FindingKind.FILE_UNEXPECTED, file.path, "it is no manifest")
        elif file.manifest is None:
            kind = FindingKind.MANIFEST_UNREADABLE
            yield facts.finding(kind, file.path, f"it does not parse: {file.problem}")
        elif place is not None:
            yield place
        else:
            for what in contradictions(file.manifest):
                yield facts.finding(FindingKind.MANIFEST_EDITED, file.path, what)
            before = file.manifest.previous_sha256
            if before is not None and known.get(before, file.number) >= file.number:
                what = "the manifest before it is gone, or was edited"
                yield facts.finding(FindingKind.CHAIN_BROKEN, file.path, what, before, "no such manifest")


def _head(facts: PartitionFacts, entries: tuple[OutputEntry, ...]) -> ManifestFile | Finding:
    """The manifest that all files name."""
    named = {(entry.footer or {}).get("generation", "none") for entry in entries}
    if len(named) > 1:
        what = "its files name several generations, or none"
        return facts.finding(
            FindingKind.DIRECTORY_DIFFERS, facts.directory, what, "one", ", ".join(sorted(named))
        )
    says = named.pop()
    file = _newest_showing(facts, int(says)) if says.isdecimal() else None
    if file is None:
        what = "its files name a generation that has no manifest"
        newest = max((each.number or 0 for each in facts.manifests), default=0)
        return facts.finding(
            FindingKind.CHAIN_CUT, facts.directory, what, f"at most generation {newest}", says
        )
    return file


def _against_head(
    facts: PartitionFacts, head: ManifestFile, entries: tuple[OutputEntry, ...]
) -> Iterator[Finding]:
    manifest = head.manifest
    assert manifest is not None  # noqa: S101 (_unbelievable came first)
    expected = {output.name: output.n_bytes for output in manifest.outputs}
    there = {entry.name: entry for entry in entries}
    for name in sorted(expected.keys() - there.keys()):
        yield facts.finding(FindingKind.FILE_MISSING, f"{facts.directory}/{name}", "a published file is gone")
    for entry in entries:
        where = f"{facts.directory}/{entry.name}"
        if entry.name not in expected:
            what = f"generation {head.number} has no such file"
            yield facts.finding(FindingKind.FILE_UNEXPECTED, where, what)
        elif entry.n_bytes != expected[entry.name]:
            sizes = (f"{expected[entry.name]:,} bytes", f"{entry.n_bytes:,} bytes")
            yield facts.finding(FindingKind.SIZE_DIFFERS, where, "its size is not the recorded one", *sizes)
        for name, wanted in expected_footer(facts, manifest).items():
            found = (entry.footer or {}).get(name, "nothing")
            if entry.name in expected and found != wanted:
                what = f"its footer names another {name}"
                yield facts.finding(FindingKind.FOOTER_DIFFERS, where, what, wanted, found)


def _newest_showing(facts: PartitionFacts, number: int) -> ManifestFile | None:
    """A rollback shows files that name the generation which made them: the newest that does so counts."""
    made_by = [
        file
        for file in facts.manifests
        if file.manifest is not None and number in (file.number, file.manifest.restores)
    ]
    return max(made_by, key=lambda file: file.number or 0, default=None)


def expected_footer(facts: PartitionFacts, manifest: Manifest) -> dict[str, str]:
    """What every output file of a generation says about itself; after a rollback, what made them says."""
    if manifest.restores is not None:
        made = facts.manifest_file(manifest.restores)
        if made is None or made.manifest is None:
            return {}  # its absence is a finding of its own
        manifest = made.manifest
    used = manifest.ingredients
    return {
        "job": manifest.job,
        "run_id": manifest.run_id,
        "partition": manifest.partition.path,
        "generation": str(manifest.generation),
        "model": f"{used.model_name}@{used.model_version}",
        "model_sha256": used.model_sha256,
        "input_sha256": manifest.input_fingerprint,
        "previous_manifest_sha256": manifest.previous_sha256 or "",
    }


def _chain(facts: PartitionFacts, head: ManifestFile) -> tuple[int, ...] | Finding:
    """Numbers of the generations that lead to head, newest first."""
    by_hash = {file.sha256: file for file in facts.manifests}
    numbers: list[int] = []
    link: ManifestFile | None = head
    while link is not None and link.manifest is not None and link.number is not None:
        numbers.append(link.number)
        before = link.manifest.previous_sha256
        link = by_hash.get(before) if before is not None else None
        if link is not None and link.number in numbers:
            return facts.finding(FindingKind.CHAIN_BROKEN, link.path, "the chain goes in a circle")
    return tuple(numbers)


def _records(facts: PartitionFacts, published: tuple[int, ...]) -> tuple[GenerationRecord, ...]:
    manifests = [(file.manifest, file.sha256) for file in facts.manifests]
    return tuple(
        _record(manifest, sha256 or "", is_published=manifest.generation in published)
        for manifest, sha256 in manifests
        if manifest is not None
    )


def _record(manifest: Manifest, sha256: str, *, is_published: bool) -> GenerationRecord:
    """published_at: the manifest's own time, the nearest that is known."""
    return GenerationRecord(
        job=manifest.job,
        partition=manifest.partition,
        number=manifest.generation,
        run_id=manifest.run_id,
        state=GenerationState.PUBLISHED if is_published else GenerationState.ABANDONED,
        ingredients=manifest.ingredients,
        inputs=manifest.inputs,
        output_names=tuple(file.name for file in manifest.outputs),
        rows=manifest.rows,
        manifest_sha256=sha256,
        created_at=manifest.created_at,
        published_at=manifest.created_at if is_published else None,
        restores=manifest.restores,
        pin=manifest.pin,
    )
