from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ModelRefused
from batch_scorer.models.history import (
    HistoryEntry,
    HistoryEvent,
    aliases_of,
    decode_history,
    encode_entry,
    pinned_manifests,
)

_texts = st.text(max_size=20)
_aliases = st.sampled_from(["champion", "candidate", "shadow"])


@st.composite
def histories(draw: st.DrawFn) -> list[HistoryEntry]:
    entries: list[HistoryEntry] = []
    for is_registration in draw(st.lists(st.booleans(), max_size=8)):
        who, why = draw(_texts), draw(_texts)
        n_versions = len(pinned_manifests(entries))
        if is_registration or not n_versions:
            entries.append(_registered(n_versions + 1, who=who, why=why))
        else:
            version = draw(st.integers(1, n_versions))
            entries.append(
                HistoryEntry(
                    event=HistoryEvent.ALIAS_MOVED,
                    version=version,
                    at="2026-01-02T03:04:05+00:00",
                    who=who,
                    why=why,
                    alias=draw(_aliases),
                )
            )
    return entries


def _registered(version: int, *, who: str = "ada", why: str = "") -> HistoryEntry:
    return HistoryEntry(
        event=HistoryEvent.REGISTERED,
        version=version,
        at="2026-01-02T03:04:05+00:00",
        who=who,
        why=why,
        manifest_sha256="ab" * 32,
    )


@given(histories())
def test_a_history_is_read_as_it_was_written(entries: list[HistoryEntry]) -> None:
    assert decode_history(b"".join(map(encode_entry, entries)), "h") == tuple(entries)


@given(histories())
def test_an_alias_means_its_last_move(entries: list[HistoryEntry]) -> None:
    for alias, version in aliases_of(entries).items():
        moves = [entry.version for entry in entries if entry.alias == alias]
        assert version == moves[-1]


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda data: data[:-1], 2),  # torn
        (lambda data: data.replace(b'"who"', b'"whom"', 1), 1),
        (lambda data: data.replace(b'"version": 2', b'"version": "2"', 1), 2),
        (lambda data: data.replace(b'"version": 2', b'"version": 1', 1), 2),  # registered twice
        (lambda data: b"garbage\n" + data, 1),
        (lambda data: data.replace(b"registered", b"unregistered", 1), 1),
        (lambda data: data + b"\n", 3),
        (lambda data: b"[]\n" + data, 1),
    ],
)
def test_a_damaged_line_is_named(damage: object, line: int) -> None:
    data = encode_entry(_registered(1)) + encode_entry(_registered(2))
    assert callable(damage)
    with pytest.raises(ModelRefused, match=f"line {line} ") as caught:
        decode_history(damage(data), "models/x/history.jsonl")
    assert caught.value.exit_code == 5
    assert caught.value.where == "models/x/history.jsonl"


def test_an_entry_that_says_both_or_neither_is_not_born() -> None:
    with pytest.raises(ValueError, match="pins a manifest or moves an alias"):
        HistoryEntry(event=HistoryEvent.REGISTERED, version=1, at="", who="", why="")
