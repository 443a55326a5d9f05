"""Ledger, manifests and published files of one partition against each other. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Iterator

from batch_scorer.core.findings import Finding, FindingKind, ManifestFile, PartitionFacts
from batch_scorer.core.holdings import compare_directory, compare_quarantine, is_as_recorded
from batch_scorer.core.lakefiles import LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.records import GenerationRecord, GenerationState, Manifest


def compare(facts: PartitionFacts) -> tuple[Finding, ...]:
    """Every contradiction, without opening a published file that is the one expected."""
    if facts.nonsense is not None:
        what = f"the rows of this partition make no sense: {facts.nonsense}"
        return (_in_ledger(facts, FindingKind.LEDGER_DIFFERS, what, "", ""),)
    return (
        *_ledger_rows(facts),
        *_manifests(facts),
        *_unrecorded(facts),
        *compare_directory(facts),
        *compare_quarantine(facts),
    )


def notes_on(facts: PartitionFacts) -> tuple[str, ...]:
    """What is unfinished, and settled by the next run."""
    return tuple(
        f"generation {record.number} is being published, or its run died: the next run settles it"
        for record in facts.records
        if record.state is GenerationState.PUBLISHING
    )


def contradictions(manifest: Manifest) -> tuple[str, ...]:
    """What a manifest says twice and differently."""
    found = []
    if manifest.rows.n_scored != sum(file.n_rows for file in manifest.outputs):
        found.append("the rows of its files are not the rows it scored")
    if manifest.rows.n_quarantined != sum(file.n_rows for file in manifest.quarantine):
        found.append("the rows of its quarantine are not the rows it set aside")
    is_known = all(file.content_id is not None for file in manifest.inputs)
    if not is_known or manifest.input_fingerprint != content_fingerprint(manifest.inputs):
        found.append("its input fingerprint is not that of its input files")
    return tuple(found)


def _ledger_rows(facts: PartitionFacts) -> Iterator[Finding]:
    numbers = [record.number for record in facts.records]
    for number in sorted(set(range(1, max(numbers, default=0))) - set(numbers)):
        yield _in_ledger(facts, FindingKind.LEDGER_GAP, f"generation {number} has no row", "a row", "none")
    for record in facts.records:
        for name, expected, found in _oddities(facts, record):
            what = f"{name} of generation {record.number}"
            yield _in_ledger(facts, FindingKind.LEDGER_DIFFERS, what, expected, found)


def _oddities(facts: PartitionFacts, record: GenerationRecord) -> Iterator[tuple[str, str, str]]:
    """(what, expected, found) of what a row says against itself, its run and its manifest."""
    files = PartitionFiles(partition=record.partition, directory=record.partition.path, files=record.inputs)
    if files.stamp_fingerprint != record.ingredients.stamps:
        yield "the input stamps", files.stamp_fingerprint, record.ingredients.stamps
    if record.state is GenerationState.PUBLISHED and record.published_at is None:
        yield "the time of publishing", "a time, as it is published", "none"
    if record.state is GenerationState.PUBLISHING and record is not facts.records[-1]:
        yield "the state", "an end, as a later one follows", str(record.state)
    run = facts.runs.get(record.run_id)
    if run is None:
        yield "the run", record.run_id, "no such run"
    elif run.job != facts.job or record.ingredients.model_sha256 not in run.model_sha256.split(", "):
        yield (
            "the run's job and model",
            f"{facts.job}, {record.ingredients.model_sha256}",
            f"{run.job}, {run.model_sha256}",
        )
    file = facts.manifest_file(record.number)
    if file is not None and file.manifest is not None and is_as_recorded(record, file):
        yield from _differences(record, file.manifest)


def _differences(record: GenerationRecord, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Stamps may have moved since: their content decides, not they."""
    then, now = manifest.ingredients, record.ingredients
    pairs: tuple[tuple[str, object, object], ...] = (
        ("the run", manifest.run_id, record.run_id),
        ("the partition", manifest.partition, record.partition),
        ("the model", (then.model_name, then.model_version), (now.model_name, now.model_version)),
        ("the model's sha256", then.model_sha256, now.model_sha256),
        ("the suite fingerprint", then.suite_fingerprint, now.suite_fingerprint),
        ("the config fingerprint", then.config_fingerprint, now.config_fingerprint),
        ("the rows", manifest.rows, record.rows),
        ("the generation it restores", manifest.restores, record.restores),
        ("the time", manifest.created_at, record.created_at),
        ("the output files", tuple(file.name for file in manifest.outputs), record.output_names),
        ("the input files", _contents(manifest.inputs), _contents(record.inputs)),
    )
    for name, expected, found in pairs:
        if expected != found:
            yield name, str(expected), str(found)


def _contents(files: tuple[LakeFile, ...]) -> tuple[tuple[str, int, str | None], ...]:
    return tuple(sorted((file.path, file.stamp.size, file.content_id) for file in files))


def _manifests(facts: PartitionFacts) -> Iterator[Finding]:
    """Each recorded manifest is there, is the one recorded, and names the one before it."""
    before: GenerationRecord | None = None
    for record in facts.records:
        file = facts.manifest_file(record.number)
        if file is None and record.state is GenerationState.PUBLISHING:
            continue  # its row comes first; what is half-way is settled by the next run
        if file is None:
            where = f"{facts.manifests_at}/{record.number}.json"
            yield facts.finding(
                FindingKind.MANIFEST_MISSING,
                where,
                f"the manifest of generation {record.number} is gone",
            )
        elif not is_as_recorded(record, file):
            yield _not_as_recorded(facts, record, file)
        elif file.manifest is not None:
            yield from _link(facts, record, file, before)
        if record.state is GenerationState.PUBLISHED:
            before = record


def _link(
    facts: PartitionFacts, record: GenerationRecord, file: ManifestFile, before: GenerationRecord | None
) -> Iterator[Finding]:
    """An abandoned one may follow any other: after a rebuild nobody knows which were published."""
    assert file.manifest is not None  # noqa: S101 (it is as recorded)
    previous = file.manifest.previous_sha256
    allowed = {before.manifest_sha256 if before else None}
    if record.state is GenerationState.ABANDONED:
        allowed |= {None, *(r.manifest_sha256 for r in facts.records if r.number < record.number)}
    if previous not in allowed:
        named = f"generation {before.number}, {before.manifest_sha256}" if before else "none before it"
        what = "it does not follow the manifest before it"
        yield facts.finding(FindingKind.CHAIN_BROKEN, file.path, what, named, str(previous))
    for what in contradictions(file.manifest):
        yield facts.finding(FindingKind.MANIFEST_EDITED, file.path, what)


def _not_as_recorded(facts: PartitionFacts, record: GenerationRecord, file: ManifestFile) -> Finding:
    if file.sha256 is None:
        what = file.problem or "it cannot be read"
        return facts.finding(FindingKind.MANIFEST_UNREADABLE, file.path, what)
    place = misplaced(facts, file)
    if place is not None:
        return place
    names_it = any(m.manifest and m.manifest.previous_sha256 == file.sha256 for m in facts.manifests)
    if names_it:  # the next manifest vouches for the file: the row is the one that changed
        what = f"the manifest's sha256 of generation {record.number}"
        return _in_ledger(facts, FindingKind.LEDGER_DIFFERS, what, file.sha256, record.manifest_sha256)
    return facts.finding(
        FindingKind.MANIFEST_EDITED,
        file.path,
        f"the manifest of generation {record.number} is not the one that was recorded",
        record.manifest_sha256,
        file.sha256,
    )


def misplaced(facts: PartitionFacts, file: ManifestFile) -> Finding | None:
    """A manifest that lies where another one belongs."""
    manifest = file.manifest
    if manifest is None:
        return None
    expected = f"{facts.job}, {facts.path}, generation {file.number}"
    found = f"{manifest.job}, {manifest.partition.path}, generation {manifest.generation}"
    if expected == found:
        return None
    what = "it is the manifest of something else"
    return facts.finding(FindingKind.MANIFEST_MISPLACED, file.path, what, expected, found)


def _unrecorded(facts: PartitionFacts) -> Iterator[Finding]:
    numbers = {record.number for record in facts.records}
    for file in facts.manifests:
        if file.number is None:
            yield facts.finding(FindingKind.FILE_UNEXPECTED, file.path, "it is no manifest")
        elif file.number not in numbers and not _never_begun(facts, file):
            yield facts.finding(
                FindingKind.MANIFEST_UNRECORDED,
                file.path,
                f"the ledger has no row for generation {file.number}",
                f"generations {sorted(numbers) or 'none'}",
                str(file.number),
            )


def _never_begun(facts: PartitionFacts, file: ManifestFile) -> bool:
    """A run that died, or is, between writing a manifest and its row; the number will be used again."""
    if file.manifest is None or file.number != 1 + max((r.number for r in facts.records), default=0):
        return False
    names = {entry.name for entry in facts.outputs or ()}
    return names.isdisjoint(output.name for output in file.manifest.outputs)


def _in_ledger(facts: PartitionFacts, kind: FindingKind, what: str, expected: str, found: str) -> Finding:
    return facts.finding(kind, facts.ledger_at, what, expected, found)
