"""What a plan stands on, as a document to keep (`plan -o plan.json`), and what has moved since."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from batch_scorer.core.plans import Action, ModelChoice, PartitionPlan, Plan, Reprocess, Selection

FORMAT, VERSION = "batch-scorer plan", 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRecord:
    """One partition of a plan. partition: its path. stamps: PartitionFiles.stamp_fingerprint, None without
    a directory. n_rows: as the footers claim, None when they were not read. model: its own, with its hash;
    None where it has that of the plan.
    """

    partition: str
    action: Action
    why: str
    stamps: str | None
    n_files: int
    n_bytes: int
    n_rows: int | None
    base_generation: int | None
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """model: of every partition that has none of its own, as a person reads it. made_at: ISO 8601, UTC."""

    job: str
    target: str | None
    made_at: str
    today: str
    timezone: str
    selection: Selection
    choice: ModelChoice
    model: str
    model_sha256: str
    suite_fingerprint: str
    config_fingerprint: str
    code_version: str
    entries: tuple[EntryRecord, ...]


def record_of(plan: Plan, *, target: str | None, code_version: str, now: dt.datetime) -> PlanRecord:
    """now: when the plan was made, aware."""
    return PlanRecord(
        job=plan.job,
        target=target,
        made_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        today=str(plan.today),
        timezone=plan.timezone,
        selection=plan.selection,
        choice=plan.choice,
        model=plan.model.reference,
        model_sha256=plan.model.sha256,
        suite_fingerprint=plan.suite_fingerprint,
        config_fingerprint=plan.config_fingerprint,
        code_version=code_version,
        entries=tuple(map(_entry_record, plan.entries)),
    )


def to_document(record: PlanRecord) -> dict[str, Any]:
    """As JSON, with a hash over itself that tells an edited document from a whole one."""
    plain = asdict(record)
    chosen = plain.pop("selection")
    days = {name: chosen[name] and str(chosen[name]) for name in ("first_day", "last_day")}
    document = {
        "format": FORMAT,
        "version": VERSION,
        **plain,
        "selection": {**chosen, **days},
        "entries": [dict(entry) for entry in plain["entries"]],
    }
    return {**document, "sha256": _digest(document)}


def from_document(document: Mapping[str, Any]) -> PlanRecord:
    """Raises: ValueError, which says what is wrong with it, for anything that to_document did not make."""
    if document.get("format") != FORMAT:
        raise ValueError(f'it does not begin as a plan does, with "format": "{FORMAT}"')
    if document.get("version") != VERSION:
        raise ValueError(
            f"it is a plan of version {document.get('version')}, and only {VERSION} is known here"
        )
    if document.get("sha256") != _digest({name: document[name] for name in document if name != "sha256"}):
        raise ValueError("it was edited or damaged since it was written")
    try:
        values = {name: document[name] for name in (field.name for field in fields(PlanRecord))}
        entries = tuple(EntryRecord(**{**e, "action": Action(e["action"])}) for e in values["entries"])
        asked = {"selection": _selection(values["selection"]), "choice": ModelChoice(**values["choice"])}
        return PlanRecord(**{**values, **asked, "entries": entries})
    except (AttributeError, KeyError, TypeError, ValueError) as odd:
        raise ValueError(f"it is no plan of this batch-scorer: {type(odd).__name__} {odd}") from None


def moved(then: PlanRecord, now: PlanRecord) -> Iterator[str]:
    """Every difference that would make a run of the plan another one, in words.

    A partition that came or went counts only if it is, or was, to be scored.
    """
    if then.target != now.target:
        yield f"target: was {then.target or 'none'}, is {now.target or 'none'}"
    of_their_day = then.choice.of_its_day and now.choice.of_its_day  # what the alias means now scores nothing
    if not of_their_day and (then.model_sha256 != now.model_sha256 or then.model != now.model):
        yield f"model: was {_model(then)}, is {_model(now)}"
    if then.suite_fingerprint != now.suite_fingerprint:
        yield f"suites: changed ({then.suite_fingerprint[:4]}… → {now.suite_fingerprint[:4]}…)"
    if then.config_fingerprint != now.config_fingerprint:
        yield f"config: changed ({then.config_fingerprint[:4]}… → {now.config_fingerprint[:4]}…)"
    if then.code_version != now.code_version:
        yield f"batch-scorer: was {then.code_version}, is {now.code_version}"
    before = {entry.partition: entry for entry in then.entries}
    after = {entry.partition: entry for entry in now.entries}
    for partition in sorted(before.keys() | after.keys()):
        difference = _difference(before.get(partition), after.get(partition))
        if difference is not None:
            yield f"{partition}: {difference}"


def _difference(then: EntryRecord | None, now: EntryRecord | None) -> str | None:
    if then is None or now is None or then.action is not now.action:
        is_scored = any(entry is not None and entry.action is Action.SCORE for entry in (then, now))
        both = then is not None and now is not None
        return f"was {_state(then)}, is {_state(now)}" if both or is_scored else None
    if then.action is not Action.SCORE:
        return None
    if then.base_generation != now.base_generation:
        return (
            f"was generation {then.base_generation or 'none'}, is generation {now.base_generation or 'none'}"
        )
    if then.model != now.model:
        return f"its model was {then.model or 'that of the plan'}, is {now.model or 'that of the plan'}"
    if then.stamps != now.stamps:
        return f"its input moved: was {_files(then)}, is {_files(now)}"
    return None


def _state(entry: EntryRecord | None) -> str:
    return f"{entry.action} ({entry.why})" if entry else "not there"


def _files(entry: EntryRecord) -> str:
    """`2 files, 205,113 bytes (5f2e…)`."""
    files = "file" if entry.n_files == 1 else "files"
    return f"{entry.n_files:,} {files}, {entry.n_bytes:,} bytes ({(entry.stamps or '')[:4]}…)"


def _model(record: PlanRecord) -> str:
    return f"{record.model} ({record.model_sha256[:4]}…)"


def _entry_record(entry: PartitionPlan) -> EntryRecord:
    found = entry.found
    return EntryRecord(
        partition=entry.partition.path if entry.partition else entry.label,
        action=entry.action,
        why=entry.why,
        stamps=found.stamp_fingerprint if found else None,
        n_files=len(found.files) if found else 0,
        n_bytes=found.n_bytes if found else 0,
        n_rows=entry.n_rows,
        base_generation=entry.base_generation,
        model=f"{entry.model.reference} {entry.model.sha256}" if entry.model else None,
    )


def _selection(plain: Mapping[str, Any]) -> Selection:
    values: dict[str, Any] = {
        name: _tuples(value) if isinstance(value, list) else value for name, value in plain.items()
    }
    for name in ("first_day", "last_day"):
        values[name] = plain[name] and dt.date.fromisoformat(plain[name])
    values["reprocess"] = plain["reprocess"] and Reprocess(plain["reprocess"])
    return Selection(**values)


def _tuples(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuples(value) if isinstance(value, list) else value for value in values)


def _digest(document: Mapping[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
