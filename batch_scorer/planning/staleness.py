"""Is what was published still what would be published now? Every difference is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from batch_scorer.core.lakefiles import FileStamp, LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.plans import Cause, Reason
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    CurrentGeneration,
    Ingredients,
    PartitionPast,
)
from batch_scorer.core.waivers import Waiver

_MISSING = Reason(cause=Cause.MISSING, text="missing")
_NEW_SUITE = Reason(cause=Cause.SUITE_CHANGED, text="suite changed")
_NEW_CONFIG = Reason(cause=Cause.CONFIG_CHANGED, text="config changed")


class Status(StrEnum):
    MISSING = "missing"  # never published, and not tried with these ingredients
    FAILED = "failed"  # tried with exactly these ingredients, and failed or was blocked
    STALE = "stale"
    FRESH = "fresh"
    PINNED = "pinned"
    RELEASED = "released"  # rules of its quarantine were waived, and it was not tried since


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """current: the published generation. reasons: in words; for STALE one for each thing that changed.

    tries: how often exactly these ingredients failed or were blocked.
    refreshed: the input files with their new stamps, when only the stamps moved and not the content.
    """

    status: Status
    current: CurrentGeneration | None
    reasons: tuple[Reason, ...]
    tries: int = 0
    refreshed: tuple[LakeFile, ...] = ()

    def has(self, cause: Cause) -> bool:
        return any(reason.cause is cause for reason in self.reasons)


# Of a partition that the ledger knows nothing of, whatever its files and a run's ingredients are.
NEVER_SEEN = Assessment(status=Status.MISSING, current=None, reasons=(_MISSING,))


def assess(record: PartitionPast | None, found: PartitionFiles, now: Ingredients) -> Assessment:
    """record: what the ledger knows. now: what a run would use; its stamps are those of found.

    Files that `needs_content` named have their sha256 by now, or they count as changed.
    """
    if record is None:
        return NEVER_SEEN
    current = record.current
    if current is None:
        released = _released(record, None, now, same_input=False)
        tried = _tried(record, now, since=released)
        return _never_published(record, now, released, tried)
    same_input, refreshed = compare_input(current, found, now.stamps)
    released = _released(record, current, now, same_input=same_input)
    tried = _tried(record, now, since=released)
    changes = _changes(current, now, same_input=same_input)
    if released and not tried and not current.pinned:
        status, reasons = Status.RELEASED, (_release(released), *changes)
    elif released and not current.pinned:
        status, reasons = Status.FAILED, (_failure(tried), _release(released), *changes)
    else:
        status, reasons = _judge(current, tried, changes)
    return Assessment(status=status, current=current, reasons=reasons, tries=len(tried), refreshed=refreshed)


def needs_inputs(record: PartitionPast | None, found: PartitionFiles) -> bool:
    """Whether `needs_content` and `assess` compare file by file: rarely, as the stamps are the same."""
    current = record.current if record else None
    return current is not None and current.ingredients.stamps != found.stamp_fingerprint


def needs_content(record: PartitionPast, found: PartitionFiles) -> tuple[LakeFile, ...]:
    """The files whose content must be hashed before `assess` can tell whether the input changed.

    record: with its inputs, if they are needed. None of the files when the stamps are as recorded, or when
    names or sizes already differ.
    """
    current = record.current
    if current is None or current.inputs is None:
        return ()
    known = {file.path: file.stamp for file in current.inputs}
    there = {file.path: file.stamp for file in found.files}
    if known == there or _sizes(known) != _sizes(there):
        return ()
    return tuple(file for file in found.files if file.content_id is None and file.stamp != known[file.path])


def compare_input(
    current: CurrentGeneration, found: PartitionFiles, stamps: str
) -> tuple[bool, tuple[LakeFile, ...]]:
    """Whether the content is the one that was scored, and the files to remember if their stamps moved.

    stamps: those of found.
    """
    if current.ingredients.stamps == stamps:
        return True, ()
    if current.inputs is None:
        raise ValueError(f"the stamps of {found.partition} moved, and what they were is not known")
    known = {file.path: file for file in current.inputs}
    settled = tuple(_with_known_content(file, known.get(file.path)) for file in found.files)
    if any(file.content_id is None for file in settled):
        return False, ()
    if content_fingerprint(settled) != current.input_fingerprint:
        return False, ()
    return True, settled


def _sizes(stamps: Mapping[str, FileStamp]) -> dict[str, int]:
    return {path: stamp.size for path, stamp in stamps.items()}


def _never_published(
    record: PartitionPast | None,
    now: Ingredients,
    released: Waiver | None,
    tried: tuple[AttemptRecord, ...],
) -> Assessment:
    status, reasons = Status.MISSING, (_MISSING, *_otherwise(record, now))
    if tried:
        status, reasons = Status.FAILED, (_failure(tried),)
    elif released:
        status, reasons = Status.RELEASED, (_release(released),)
    return Assessment(status=status, current=None, reasons=reasons, tries=len(tried))


def _with_known_content(file: LakeFile, known: LakeFile | None) -> LakeFile:
    untouched = known is not None and file.stamp == known.stamp
    return replace(file, sha256=known.sha256) if known and untouched else file


def _changes(current: CurrentGeneration, now: Ingredients, *, same_input: bool) -> tuple[Reason, ...]:
    then = current.ingredients
    changes = []
    if not same_input:
        changes.append(Reason(cause=Cause.INPUT_CHANGED, text="input changed"))
    if then.model_sha256 != now.model_sha256:  # the same bytes under a new number predict the same
        text = f"scored with {_model_words(then, now)}"
        changes.append(Reason(cause=Cause.MODEL_CHANGED, text=text))
    if then.suite_fingerprint != now.suite_fingerprint:
        changes.append(_NEW_SUITE)
    if then.config_fingerprint != now.config_fingerprint:
        changes.append(_NEW_CONFIG)
    return tuple(changes)


def _model_words(then: Ingredients, now: Ingredients) -> str:
    if then.model_name != now.model_name:
        return f"{then.model_name} v{then.model_version}"
    if then.model_version != now.model_version:
        return f"v{then.model_version}"
    return f"other bytes of v{then.model_version} ({then.model_sha256[:4]}…)"


def _judge(
    current: CurrentGeneration, tried: tuple[AttemptRecord, ...], changes: tuple[Reason, ...]
) -> tuple[Status, tuple[Reason, ...]]:
    if current.pinned:
        return Status.PINNED, _pinned(current, changes)
    if not changes:
        return Status.FRESH, (_up_to_date(current),)
    stale = (Reason(cause=changes[0].cause, text=f"stale: {changes[0].text}"), *changes[1:])
    return (Status.FAILED, (_failure(tried), *stale)) if tried else (Status.STALE, stale)


def _up_to_date(current: CurrentGeneration) -> Reason:
    version, content = current.ingredients.model_version, current.input_fingerprint
    return Reason(cause=Cause.UP_TO_DATE, text=f"up to date (v{version}, input {content[:4]}…)")


def _pinned(current: CurrentGeneration, changes: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """A pin outlives a new model, suite or config; changed input is worth a word."""
    pin = current.pin
    why = f", by {pin.by}: {pin.why}" if pin else ""
    pinned = Reason(cause=Cause.PINNED, text=f"pinned (v{current.ingredients.model_version}){why}")
    new_input = tuple(
        replace(change, text="input changed, not scored")
        for change in changes
        if change.cause is Cause.INPUT_CHANGED
    )
    return (pinned, *new_input)


def _released(
    record: PartitionPast | None, current: CurrentGeneration | None, now: Ingredients, *, same_input: bool
) -> Waiver | None:
    """The newest waiver that nothing was published with yet, if it is for the input that is there now."""
    if record is None or not record.waivers:
        return None  # as nearly always: nothing is hashed for it
    content = current.input_fingerprint if current and same_input else None
    number = current.number if current else 0
    fitting = [
        waiver
        for waiver in record.waivers
        if waiver.after_generation == number
        and (waiver.stamps == now.stamps or waiver.input_fingerprint == content)
    ]
    return fitting[-1] if fitting else None


def _release(waiver: Waiver) -> Reason:
    return Reason(cause=Cause.RELEASED, text=f"{Cause.RELEASED}: {waiver.waived.why}")


def _tried(
    record: PartitionPast | None, now: Ingredients, *, since: Waiver | None
) -> tuple[AttemptRecord, ...]:
    """With exactly these ingredients, and with the rules waived that are waived now."""
    return tuple(
        attempt
        for attempt in (record.attempts if record else ())
        if attempt.state is not AttemptState.PUBLISHED
        and attempt.ingredients == now
        and (since is None or attempt.started_at >= since.waived.at)
    )


def _otherwise(record: PartitionPast | None, now: Ingredients) -> tuple[Reason, ...]:
    """`blocked before the model changed`: the newest try, which does not count any more."""
    last = record.attempts[0] if record and record.attempts else None
    if last is None or last.ingredients is None:
        return ()
    then = last.ingredients
    differences = (
        ("its input", then.stamps != now.stamps),
        ("the model", then.model_sha256 != now.model_sha256 or then.model_version != now.model_version),
        ("a suite", then.suite_fingerprint != now.suite_fingerprint),
        ("the config", then.config_fingerprint != now.config_fingerprint),
    )
    changed = " and ".join(name for name, differs in differences if differs)
    return (Reason(cause=Cause.TRIED_OTHERWISE, text=f"{last.state} before {changed or 'it'} changed"),)


def _failure(tried: tuple[AttemptRecord, ...]) -> Reason:
    """`failed 2 times: <headline>`, from the newest of at least one try."""
    last = tried[0]
    n_times = sum(attempt.state is last.state for attempt in tried)
    often = f"{last.state} {n_times} times" if n_times > 1 else f"{last.state}"
    return Reason(
        cause=Cause.BLOCKED_BEFORE if last.state is AttemptState.BLOCKED else Cause.FAILED_BEFORE,
        text=f"{often}: {last.headline}" if last.headline else often,
    )
