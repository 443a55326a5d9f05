"""What an alias meant before it meant what it means: its moves as a stack, from which a rollback takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from batch_scorer.core.errors import UsageError
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """A way back for one alias. was: what it means until then. to: what it means afterwards."""

    name: str
    alias: str
    was: int
    to: int


def meanings_before(entries: Iterable[HistoryEntry], alias: str) -> tuple[int, ...]:
    """The versions that a rollback leads back to, one after the other; what the alias means now is last.

    A promotion puts its version on top. A rollback takes away what is above the version it went back to, so
    a second one goes further back, and what was rolled back is not what a later rollback returns to.
    """
    stack: list[int] = []
    for entry in entries:
        if entry.alias != alias:
            continue
        if entry.event is HistoryEvent.ALIAS_ROLLED_BACK:
            while stack and stack[-1] != entry.version:
                stack.pop()
        if not stack or stack[-1] != entry.version:
            stack.append(entry.version)
    return tuple(stack)


def way_back(entries: Sequence[HistoryEntry], name: str, alias: str, to: int | None = None) -> Rollback:
    """To what the alias meant before, or to a version `to` that it meant earlier.

    Raises: UsageError, with what it meant, when there is no such way.
    """
    *earlier, now = meanings_before(entries, alias) or (0,)
    if not now:
        aliases = sorted({entry.alias for entry in entries if entry.alias})
        raise UsageError(
            f'the model "{name}" has no alias "{alias}"',
            fix=f"name one of: {', '.join(aliases)}" if aliases else "promote a version first",
            next_command=f"batch-scorer models history {name}",
        )
    if earlier and to != now and (to is None or to in earlier):
        return Rollback(name=name, alias=alias, was=now, to=earlier[-1] if to is None else to)
    raise UsageError(
        f"{name}@{alias} means version {now}, and {_no_way(earlier, now, to)}",
        fix="promote the version that it should mean",
        next_command=f"batch-scorer models history {name} --alias {alias}",
    )


def _no_way(earlier: Sequence[int], now: int, to: int | None) -> str:
    if to == now:
        return "that is the version it should go back to"
    if not earlier:
        return "it meant nothing before that"
    return f"a rollback leads back to {', '.join(f'v{each}' for each in reversed(earlier))}, not to v{to}"
