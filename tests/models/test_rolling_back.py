"""Rolling back in the file registry: a line more, never one less, and nobody's move is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_scorer.core.errors import LockHeld, ModelRefused, UsageError
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEvent
from tests.models.drafts import FILES, draft, on_disk


@pytest.fixture
def filled(tmp_path: Path) -> FileRegistry:
    """Three versions; champion meant 1, then 2."""
    registry = FileRegistry(tmp_path / "models")
    for version in (1, 2, 3):
        registry.add_version(draft(), FILES)
        if version < 3:
            registry.promote("taxi_tips", version, "champion", reason="newest", who="ada")
    return registry


def test_a_rollback_is_a_line_more_that_says_who_and_why(filled: FileRegistry) -> None:
    before = (on_disk(filled.root) / "taxi_tips" / "history.jsonl").read_bytes()
    filled.roll_back(filled.way_back("taxi_tips", "champion"), reason="tips went down", who="bob")
    assert (on_disk(filled.root) / "taxi_tips" / "history.jsonl").read_bytes().startswith(before)
    last = filled.history("taxi_tips")[-1]
    assert (last.event, last.version, last.alias) == (HistoryEvent.ALIAS_ROLLED_BACK, 1, "champion")
    assert (last.who, last.why) == ("bob", "tips went down")
    assert last.previous is not None
    assert filled.resolve("taxi_tips@champion").version == 1
    with pytest.raises(UsageError, match="nothing before"):
        filled.way_back("taxi_tips", "champion")


def test_a_move_in_the_meantime_is_not_rolled_over(filled: FileRegistry) -> None:
    way = filled.way_back("taxi_tips", "champion")
    filled.promote("taxi_tips", 3, "champion", reason="somebody else's", who="eve")
    with pytest.raises(LockHeld, match="does not mean v2 now"):
        filled.roll_back(way, reason="too late", who="bob")
    assert filled.resolve("taxi_tips@champion").version == 3


def test_of_two_who_roll_back_at_once_one_does(filled: FileRegistry) -> None:
    way = filled.way_back("taxi_tips", "champion")
    filled.roll_back(way, reason="first", who="ada")
    with pytest.raises((LockHeld, UsageError)):
        filled.roll_back(way, reason="second", who="bob")
    assert [entry.why for entry in filled.history("taxi_tips")][-1] == "first"


def test_nothing_goes_back_to_a_version_that_is_not_as_it_was(filled: FileRegistry) -> None:
    way = filled.way_back("taxi_tips", "champion")
    manifest = on_disk(filled.root) / "taxi_tips" / "1" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(ModelRefused):
        filled.roll_back(way, reason="why", who="ada")
    assert filled.resolve("taxi_tips@champion").version == 2
