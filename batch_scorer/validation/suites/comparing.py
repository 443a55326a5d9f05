"""What differs between two suites, expectation by expectation. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

from batch_scorer.core.validation import Suite
from batch_scorer.validation.suites.phrases import rule_in_words, value_in_words
from batch_scorer.validation.suites.reading import Said, canonical

Item = TypeVar("Item")

_DOMAIN = ("column", "column_A", "column_B", "column_list", "row_condition", "condition_parser")
_SCHEMA_TYPE = "expect_table_columns_to_match_ordered_list"  # its column_list is what is expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentChange:
    """old, new: None where the argument is absent, or has its default."""

    name: str
    old: Any
    new: Any

    @property
    def in_words(self) -> str:
        """`max_value: 500 → 600`; of a list what left it and what came."""
        if isinstance(self.old, list) and isinstance(self.new, list):
            gone = [f"- {value_in_words(item)}" for item in _without(self.old, self.new)]
            come = [f"+ {value_in_words(item)}" for item in _without(self.new, self.old)]
            return f"{self.name}: {', '.join([*gone, *come]) or 'in another order'}"
        return f"{self.name}: {_word(self.old)} → {_word(self.new)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One expectation that only one suite has, or that they say differently.

    old: None when it was added; new: None when it was removed. changes: of both, never empty then.
    """

    old: Said | None
    new: Said | None
    changes: tuple[ArgumentChange, ...] = ()

    def __post_init__(self) -> None:
        if (self.old is None or self.new is None) == bool(self.changes):
            raise ValueError("an expectation of one suite has no changes, one of both has some")

    @property
    def change(self) -> str:
        """`added`, `removed` or `changed`."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    @property
    def said(self) -> Said:
        """As it is now, or was last."""
        found = self.new or self.old
        if found is None:
            raise ValueError("a difference of nothing")
        return found

    @property
    def rule(self) -> str:
        return rule_in_words(self.said.type, self.said.kwargs)


def compare_suites(old: Suite, new: Suite) -> tuple[Difference, ...]:
    """In the order of the new suite, then what was removed. Nothing when the fingerprints are equal.

    Two expectations are the same one when their type and domain (columns, row condition) are.
    """
    before, after = _by_domain(old), _by_domain(new)
    pairs = (pair for key in {**after, **before} for pair in _pairs(before[key], after[key]))
    return tuple(_difference(was, now) for was, now in pairs)


def _by_domain(suite: Suite) -> defaultdict[str, list[Said]]:
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for said in map(canonical, suite.document["expectations"]):
        found[_domain(said)].append(said)
    return found


def _domain(said: Said) -> str:
    about = {} if said.type == _SCHEMA_TYPE else {name: said.kwargs.get(name) for name in _DOMAIN}
    return json.dumps([said.type, about], sort_keys=True)


def _pairs(old: list[Said], new: list[Said]) -> Iterator[tuple[Said | None, Said | None]]:
    """Of one domain: what is equal drops out, the rest is paired in order."""
    return zip_longest(_without(old, new), _without(new, old))


def _without(ours: Sequence[Item], theirs: Sequence[Item]) -> list[Item]:
    """Ours but for those that theirs has, too; one of two equal ones when theirs has one."""
    left = [_text(item) for item in theirs]
    kept = []
    for item in ours:
        text = _text(item)
        if text in left:
            left.remove(text)
        else:
            kept.append(item)
    return kept


def _difference(old: Said | None, new: Said | None) -> Difference:
    if old is None or new is None:
        return Difference(old=old, new=new)
    was, now = _arguments(old), _arguments(new)
    changes = tuple(
        ArgumentChange(name=name, old=was.get(name), new=now.get(name))
        for name in {**was, **now}
        if _text(was.get(name)) != _text(now.get(name))
    )
    return Difference(old=old, new=new, changes=changes)


def _arguments(said: Said) -> Mapping[str, Any]:
    return {**said.kwargs, "severity": said.severity}


def _text(value: object) -> str:
    """As the fingerprint sees it: to Python, True equals 1."""
    if isinstance(value, Said):
        value = [value.type, value.kwargs, value.severity]
    return json.dumps(value, sort_keys=True)


def _word(value: Any) -> str:
    return "not given" if value is None else value_in_words(value)
