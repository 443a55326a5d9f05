"""What a target was told of a job's troubles, so that it hears of each once a day, and once that all is well.

Deciding is pure. Remembered is what was really told: a message that did not get through is no memory, and
a run that never got to the ledger is remembered like every other.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from batch_scorer.core.durable import write_whole
from batch_scorer.core.notices import Event, Notice, Problem

_FORMAT = 1
Key = tuple[str, str]  # a partition's path and the kind of its problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """since: when the trouble began; None: all is well. told: each open problem and the day it was last told
    of, in the job's time zone; None: it never was.
    """

    since: dt.datetime | None = None
    told: Mapping[Key, dt.date | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """notice: what to send, if anything. sent, unsent: what to remember when it got through, and when not."""

    notice: Notice | None
    sent: Memory
    unsent: Memory


def decide(
    memory: Memory,
    notice: Notice,
    *,
    on: frozenset[Event],
    today: dt.date,
    is_settled: Callable[[str], bool],
) -> Decision:
    """Whether to tell, and as what.

    on: what the target wants to hear of. today: in the job's time zone. is_settled: of a partition's path,
    whether an older problem with it is over.
    """
    if notice.event is Event.START:
        return Decision(notice=notice if Event.START in on else None, sent=memory, unsent=memory)
    standing = {key: day for key, day in memory.told.items() if not is_settled(key[0])}
    if notice.problems:
        return _decide_bad(memory, standing, notice, on, today)
    return _decide_good(memory, standing, notice, on)


def load(path: Path) -> Memory:
    """Nothing, where nothing can be read: better told twice than never."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] == _FORMAT:
            since = document["since"]
            return Memory(
                since=dt.datetime.fromisoformat(since) if since else None,
                told={(one["partition"], one["kind"]): _day(one["told_on"]) for one in document["open"]},
            )
    return Memory()


def save(path: Path, memory: Memory) -> None:
    """Raises: OutputError."""
    document = {
        "version": _FORMAT,
        "since": memory.since.isoformat() if memory.since else None,
        "open": [
            {"partition": partition, "kind": kind, "told_on": day.isoformat() if day else None}
            for (partition, kind), day in sorted(memory.told.items(), key=lambda item: item[0])
        ],
    }
    write_whole(path, json.dumps(document, indent=1).encode())


def _decide_bad(
    memory: Memory,
    standing: Mapping[Key, dt.date | None],
    notice: Notice,
    on: frozenset[Event],
    today: dt.date,
) -> Decision:
    wanted = {_key(problem) for problem in notice.problems if problem.event in on}
    told = {**standing, **{_key(problem): standing.get(_key(problem)) for problem in notice.problems}}
    unsent = Memory(since=memory.since or notice.at, told=told)
    if all(told[key] == today for key in wanted):  # so does one that wants to hear of none of them
        return Decision(notice=None, sent=unsent, unsent=unsent)
    is_repeat = all(told[key] is not None for key in wanted)
    event = notice.event if notice.event in on else Event.BLOCKED
    return Decision(
        notice=replace(notice, event=event, is_repeat=is_repeat, since=memory.since),
        sent=replace(unsent, told={**told, **dict.fromkeys(wanted, today)}),
        unsent=unsent,
    )


def _decide_good(
    memory: Memory, standing: Mapping[Key, dt.date | None], notice: Notice, on: frozenset[Event]
) -> Decision:
    if memory.since is None or standing:
        after = replace(memory, told=standing)
        return Decision(notice=notice if Event.SUCCESS in on else None, sent=after, unsent=after)
    told = None
    if Event.RECOVERED in on:
        told = replace(notice, event=Event.RECOVERED, since=memory.since)
    elif Event.SUCCESS in on:
        told = notice
    unsent = replace(memory, told={}) if told else Memory()
    return Decision(notice=told, sent=Memory(), unsent=unsent)


def _key(problem: Problem) -> Key:
    return problem.partition, problem.kind


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
