"""`history.jsonl`: what was registered and which alias moved, when, by whom and why.

It only grows. Each registration pins its manifest's sha256, so a manifest edited later is found; aliases
are nothing but their last move. Each line ends with the sha256 of itself and pins the line before it. That
finds damage and edits by hand; who writes the whole history anew is found by signatures only.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

from batch_scorer.core.errors import ModelRefused

_END = b"}\n"
_SEAL, _SEAL_END = b', "sha256": "', b'"}\n'


class HistoryEvent(StrEnum):
    REGISTERED = "registered"
    ALIAS_MOVED = "alias moved"
    ALIAS_ROLLED_BACK = "alias rolled back"
    SIGNED = "signed"


_MOVES = (HistoryEvent.ALIAS_MOVED, HistoryEvent.ALIAS_ROLLED_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line. at: UTC, ISO 8601. manifest_sha256: of a registration. alias: the one that moved.

    key, signature: of a signature of the version's manifest, see trust.signing.
    previous: sha256 of the line before, so that a line edited or taken out later is found; None on the first
    line, and on lines older than this rule.
    """

    event: HistoryEvent
    version: int
    at: str
    who: str
    why: str
    manifest_sha256: str | None = None
    alias: str | None = None
    key: str | None = None
    signature: str | None = None
    previous: str | None = None

    def __post_init__(self) -> None:
        given = (self.manifest_sha256, self.alias, self.key, self.signature)
        signed = self.event is HistoryEvent.SIGNED
        expected = (self.event is HistoryEvent.REGISTERED, self.event in _MOVES, signed, signed)
        if tuple(value is not None for value in given) != expected:
            raise ValueError(f"a history entry pins a manifest, moves an alias or holds a signature: {self}")


def following(data: bytes, entry: HistoryEntry) -> bytes:
    """The history with one more line, which pins the line before it. data: a whole history, or nothing."""
    last = data.splitlines(keepends=True)[-1:]
    previous = hashlib.sha256(last[0]).hexdigest() if last else None
    return data + _sealed(encode_entry(replace(entry, previous=previous)))


def encode_entry(entry: HistoryEntry) -> bytes:
    """One line of JSON with its newline."""
    present = {name: value for name, value in asdict(entry).items() if value is not None}
    return json.dumps(present, ensure_ascii=False).encode() + b"\n"


def decode_history(data: bytes, where: str) -> tuple[HistoryEntry, ...]:
    """Raises: ModelRefused, naming the damaged line."""
    if data and not data.endswith(b"\n"):
        raise _damaged(where, data.count(b"\n") + 1, "it has no end")
    entries: list[HistoryEntry] = []
    versions: set[int] = set()
    before: bytes | None = None
    sealed = False
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        try:
            bare = _unsealed(line)
            if sealed and bare is line:
                raise ValueError("it has no sha256, and the line before it has one")
            sealed = bare is not line
            entry = _decode_entry(bare)
        except (ValueError, TypeError, KeyError, RecursionError) as reason:
            raise _damaged(where, number, str(reason)) from None
        if (entry.version in versions) is (entry.event is HistoryEvent.REGISTERED):
            raise _damaged(where, number, f"version {entry.version} is registered twice or never")
        if not _follows(entry, entries, before):
            raise _damaged(where, number, "the line before it is not the one it was written after")
        versions.add(entry.version)
        entries.append(entry)
        before = line
    return tuple(entries)


def aliases_of(entries: Iterable[HistoryEntry]) -> dict[str, int]:
    """Alias → version, the last move wins."""
    return {entry.alias: entry.version for entry in entries if entry.alias is not None}


def last_move(
    entries: Iterable[HistoryEntry], alias: str, happened: Callable[[dt.datetime], bool]
) -> HistoryEntry | None:
    """The move that an alias got its meaning from, counting only moments (aware) that had happened.

    None: it pointed nowhere yet. Raises: ValueError, where an entry's time is none.
    """
    # Not by time: where a clock went back, the history still says which move was the last one.
    moves = [entry for entry in entries if entry.alias == alias and happened(moment_of(entry))]
    return moves[-1] if moves else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMeanings:
    """What one alias meant, day by day. moves: (calendar day, version), in the order of the history."""

    moves: tuple[tuple[dt.date, int], ...]

    def at_the_end_of(self, day: dt.date) -> int | None:
        """The version it meant when the day ended; None, when it pointed nowhere yet."""
        # Not by time: where a clock went back, the history still says which move was the last one.
        return next((version for moved, version in reversed(self.moves) if moved <= day), None)

    @property
    def first_day(self) -> dt.date | None:
        """The first day at whose end it meant something."""
        return min((moved for moved, _ in self.moves), default=None)


def meanings_of(entries: Iterable[HistoryEntry], alias: str, timezone: str) -> AliasMeanings:
    """timezone: decides what a day is. Raises: ValueError, where an entry's time is none."""
    zone = ZoneInfo(timezone)
    return AliasMeanings(
        moves=tuple((moment_of(e).astimezone(zone).date(), e.version) for e in entries if e.alias == alias)
    )


def pinned_manifests(entries: Iterable[HistoryEntry]) -> dict[int, str]:
    """Version → sha256 of its manifest, in the order of registration."""
    return {entry.version: entry.manifest_sha256 for entry in entries if entry.manifest_sha256 is not None}


def moment_of(entry: HistoryEntry) -> dt.datetime:
    """When it happened, aware. Raises: ValueError, where its time is none."""
    at = dt.datetime.fromisoformat(entry.at)
    if not dt.MINYEAR < at.year < dt.MAXYEAR:  # it could not be told in another time zone
        raise ValueError(f"{entry.at} is no time at which anything happened")
    return at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)


def _follows(entry: HistoryEntry, entries: Sequence[HistoryEntry], before: bytes | None) -> bool:
    """Lines older than the rule do not say what they follow; after the first that does, every line does."""
    if before is None or entry.previous is None:
        return entry.previous is None and not any(each.previous for each in entries)
    return entry.previous == hashlib.sha256(before).hexdigest()


def _sealed(line: bytes) -> bytes:
    """The line with the sha256 of all that comes before it in the line: one changed byte is found at once."""
    body = line.removesuffix(_END)
    return body + _SEAL + hashlib.sha256(body).hexdigest().encode() + _SEAL_END


def _unsealed(line: bytes) -> bytes:
    """The same line when it has no seal. Raises: ValueError, where the seal is not of this line."""
    body, seal, _ = line.rpartition(_SEAL)
    if not seal:
        return line
    if _sealed(body + _END) != line:
        raise ValueError("it was changed: its own sha256 is not right")
    return body + _END


def _decode_entry(line: bytes) -> HistoryEntry:
    document = json.loads(line)
    entry = HistoryEntry(**{**document, "event": HistoryEvent(document["event"])})
    optional = (entry.alias, entry.manifest_sha256, entry.key, entry.signature, entry.previous)
    texts = (entry.at, entry.who, entry.why, *(text for text in optional if text is not None))
    if type(entry.version) is not int or not all(type(text) is str for text in texts):
        raise ValueError("a value has the wrong type")
    return entry


def _damaged(where: str, number: int, reason: str) -> ModelRefused:
    return ModelRefused(
        f"line {number} of the model's history is damaged: {reason}",
        where=where,
        fix="restore history.jsonl from a backup; it pins the hash of every version",
    )
