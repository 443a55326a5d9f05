"""Who, when, which run, which model, which files: of one published partition, or of one published row."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.errors import DamageFound, UsageError
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.records import GenerationRecord, Manifest, RunRecord
from batch_scorer.execution.auditing.facts import NONSENSE
from batch_scorer.execution.auditing.verify import check_ledger_known
from batch_scorer.execution.naming import current_named
from batch_scorer.execution.parts import JobParts

if TYPE_CHECKING:
    import pyarrow as pa

    from batch_scorer.lake.published.lookup import FoundRow

Seen = TypeVar("Seen")

_MAX_LOOKS = 8
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """One published generation, explained. kept: of the job. row: the one that was asked for, if one was."""

    generation: GenerationRecord
    manifest: Manifest
    run: RunRecord
    directory: str
    manifest_path: str
    kept: KeptFiles
    row: FoundRow | None = None


def audit_partition(parts: JobParts, partition: str) -> AuditReport:
    """partition: `2024-01-01` or `ride_date=2024-01-01`.

    Raises: UsageError, when it was never published; DamageFound.
    """
    return _steady(parts, _published(parts, partition), lambda record: _explained(parts, record))


def audit_row(parts: JobParts, key: Sequence[tuple[str, str]], partition: str | None) -> AuditReport:
    """The newest partition that has a row with this key. key: as typed, every key column once.

    Raises: UsageError, when there is none; DamageFound, when files on the way are not as recorded.
    """
    _check_key(parts, key)
    records = [_published(parts, partition)] if partition else _newest_first(parts)
    for record in records:
        report = _steady(parts, record, lambda record: _search(parts, record, dict(key)))
        if report is not None:
            return report
    named = ", ".join(f"{name}={value}" for name, value in key)
    raise UsageError(
        f"{parts.job.name} has no published row with {named}" + (f" in {partition}" if partition else ""),
        where=parts.places.predictions,
        fix="see which partitions are published",
        next_command=f"batch-scorer plan {parts.job.name} -v",
    )


def _steady(parts: JobParts, record: GenerationRecord, look: Callable[[GenerationRecord], Seen]) -> Seen:
    """A run may replace the partition meanwhile: then what looked like damage is looked at again."""
    for _ in range(_MAX_LOOKS):
        try:
            return look(record)
        except DamageFound:
            newest = parts.ledger.generations(parts.job.name, record.partition, limit=1)
            if newest and newest[0].number == record.number:
                raise
            time.sleep(_PAUSE_S)
            record = parts.ledger.generation(parts.job.name, record.partition, None) or record
    return look(record)


def _search(parts: JobParts, record: GenerationRecord, key: Mapping[str, str]) -> AuditReport | None:
    import pyarrow as pa

    from batch_scorer.lake.published.lookup import find_row

    report = _explained(parts, record)
    typed = _typed_key(report.manifest, key)
    for file in report.manifest.outputs:
        path = f"{record.partition.path}/{file.name}"
        try:
            row = find_row(parts.published, path, typed)
        except (pa.ArrowException, OSError) as error:
            what = f"a published file cannot be read: {' '.join(str(error).split())}"
            raise _damaged(parts, parts.published.at(path), what) from error
        if row is not None:
            _check_bytes(parts, path, file)
            return replace(report, row=row)
    return None


def _explained(parts: JobParts, record: GenerationRecord) -> AuditReport:
    """Raises: DamageFound: the manifest is not the one recorded, its run is gone, or a file is."""
    job = parts.job.name
    try:
        manifest = parts.manifests.read(
            job, record.partition, record.number, expected_sha256=record.manifest_sha256
        )
        run = parts.ledger.run(record.run_id)
    except DamageFound as error:
        raise _damaged(parts, error.where, error.what) from None
    except UsageError:
        what = f"the ledger lacks run {record.run_id}"
        raise _damaged(parts, parts.ledger_at, what) from None
    for file in manifest.outputs:
        _check_present(parts, f"{record.partition.path}/{file.name}", file)
    return AuditReport(
        generation=record,
        manifest=manifest,
        run=run,
        directory=parts.places.published(record.partition),
        manifest_path=parts.manifests.at(job, record.partition, record.number),
        kept=parts.kept,
    )


def _published(parts: JobParts, text: str) -> GenerationRecord:
    check_ledger_known(parts)
    with _sense(parts):
        return current_named(parts, text)


def _newest_first(parts: JobParts) -> Iterator[GenerationRecord]:
    """By the day of the partition; tables without one, by path. Each is read when it is its turn."""
    check_ledger_known(parts)
    with _sense(parts):
        partitions = list(parts.ledger.partitions(parts.job.name))
    for partition in sorted(partitions, key=lambda p: (p.date or dt.date.min, p.path), reverse=True):
        with _sense(parts):
            current = parts.ledger.generation(parts.job.name, partition, None)
        if current is not None:
            yield current


@contextmanager
def _sense(parts: JobParts) -> Iterator[None]:
    """Around reading the ledger. Raises: DamageFound, for a row that makes none."""
    try:
        yield
    except NONSENSE as error:
        what = f"a row of the ledger makes no sense: {error}"
        raise _damaged(parts, parts.ledger_at, what) from None


def _check_key(parts: JobParts, key: Sequence[tuple[str, str]]) -> None:
    declared, named = list(parts.job.input.key), [name for name, _ in key]
    if sorted(named) != sorted(declared):
        raise UsageError(
            f"--row names {', '.join(named)}, but the key of {parts.job.name} is {', '.join(declared)}",
            where=f"jobs/{parts.job.name}.yml, input.key",
            fix=" ".join(f"--row {name}=VALUE" for name in declared),
        )


def _typed_key(manifest: Manifest, key: Mapping[str, str]) -> dict[str, pa.Scalar]:
    """Values as the output's columns have them. Raises: UsageError."""
    import pyarrow as pa

    from batch_scorer.lake.arrow_types import parse_arrow_type

    kinds = dict(manifest.columns)
    typed = {}
    for name, text in key.items():
        try:
            typed[name] = pa.array([text]).cast(parse_arrow_type(kinds[name]))[0]
        except (pa.ArrowException, KeyError) as error:
            kind = kinds.get(name, "not a column")
            raise UsageError(
                f'--row {name}={text}: "{text}" is no {kind}',
                where=f"{name} is {kind} in {manifest.partition.path}",
            ) from error
    return typed


def _check_present(parts: JobParts, path: str, file: StagedFile) -> None:
    where = parts.published.at(path)
    try:
        n_bytes = parts.published.n_bytes(path)
    except OSError as error:
        raise _damaged(parts, where, f"a published file is gone: {error.strerror}") from None
    if n_bytes != file.n_bytes:
        what = f"a published file has {n_bytes:,} bytes, {file.n_bytes:,} were published"
        raise _damaged(parts, where, what)


def _check_bytes(parts: JobParts, path: str, file: StagedFile) -> None:
    """An answer from a file that somebody edited would be a wrong answer."""
    from batch_scorer.lake.storage.hashing import sha256_of_open

    where = parts.published.at(path)
    try:
        with parts.published.open_whole(path) as opened:
            is_published = sha256_of_open(opened) == file.sha256
    except OSError as error:
        raise _damaged(parts, where, f"a published file cannot be read: {error.strerror}") from None
    if not is_published:
        raise _damaged(parts, where, "the file that has this row is not the one that was published")


def _damaged(parts: JobParts, where: str | None, what: str) -> DamageFound:
    return DamageFound(
        what,
        where=where,
        fix="see what else is damaged before you trust any of it",
        next_command=f"batch-scorer verify {parts.job.name} --deep",
    )
