"""A registration, promotion or signature that is killed, runs out of disk or meets others loses nothing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batch_scorer.core.errors import DiskFull
from batch_scorer.models.registry.checking import leftovers
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent
from batch_scorer.models.trust.verifying import verify_models
from tests.disks import small_disk
from tests.models.drafts import FILES, draft, on_disk
from tests.models.killed import ACTIONS, KEY

_TRUSTED = {KEY.public.fingerprint: KEY.public}


@pytest.fixture
def filled(tmp_path: Path) -> FileRegistry:
    registry = FileRegistry(tmp_path / "models")
    registry.add_version(draft(), FILES)
    registry.promote("taxi_tips", 1, "candidate", reason="first", who="ada")
    return registry


def _all_is_well(registry: FileRegistry) -> bool:
    return not any(report.problems for report in verify_models(registry, registry.names(), _TRUSTED))


def _goes_on(registry: FileRegistry) -> None:
    """Whatever happened before: everything can still be done, and is there afterwards."""
    version = registry.add_version(draft(), FILES).version
    registry.promote("taxi_tips", version, "champion", reason="on", who="bob")
    ACTIONS["sign"](registry)
    assert registry.aliases("taxi_tips")["champion"] == version
    assert _all_is_well(registry)
    assert not list(on_disk(registry.model_directory("taxi_tips")).glob(".incoming-*"))


@pytest.mark.parametrize("action", ACTIONS)
def test_killed_before_any_step_it_was_done_or_it_was_not(
    filled: FileRegistry, tmp_path: Path, action: str
) -> None:
    before = filled.history("taxi_tips")
    out = tmp_path / "out"
    subprocess.run(
        [sys.executable, "-m", "tests.models.killed", action, on_disk(filled.root), out], check=True
    )
    left = [FileRegistry(out / str(n)) for n in range(len(list(out.iterdir())))]
    was_done = [len(registry.history("taxi_tips")) - len(before) for registry in left]
    assert len(left) > 4, "it was hardly killed at all"
    assert set(was_done) == {0, 1}
    assert was_done == sorted(was_done), "undone by a later step"
    for registry in left:
        assert registry.history("taxi_tips")[: len(before)] == before
        assert _all_is_well(registry)
        _goes_on(registry)


@pytest.mark.parametrize("action", ACTIONS)
def test_on_a_full_disk_nothing_changes(tmp_path: Path, action: str) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        registry = FileRegistry(disk / "models")
        registry.add_version(draft(), FILES)
        registry.promote("taxi_tips", 1, "candidate", reason="first", who="ada")
        before = _snapshot(on_disk(registry.root))
        _fill(disk / "filler")
        with pytest.raises(DiskFull) as caught:
            ACTIONS[action](registry)
        assert "free some space" in str(caught.value.fix)
        assert _snapshot(on_disk(registry.root)) == before
        (disk / "filler").unlink()
        _goes_on(registry)


@pytest.mark.parametrize("n_free_pages", range(1, 8))
def test_a_disk_that_is_full_half_way_through_a_registration_is_left_as_it_was(
    tmp_path: Path, n_free_pages: int
) -> None:
    """Room for a part of the files, for all of them, for the history as well: it is one or the other."""
    files = {"model.skops": bytes(5_000), "golden_input.parquet": bytes(3_000)}
    with small_disk(tmp_path / "disk", "1m") as disk:
        registry = FileRegistry(disk / "models")
        registry.add_version(draft(), FILES)
        before = _snapshot(on_disk(registry.root))
        _fill(disk / "filler")
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - n_free_pages * 4096)
        try:
            registry.add_version(draft(files=files), files)
        except DiskFull:
            assert _snapshot(on_disk(registry.root)) == before
        else:
            assert registry.versions("taxi_tips") == (1, 2)
        assert leftovers(registry, "taxi_tips") == ()
        assert _all_is_well(registry)


def _snapshot(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _work(root: Path, alias: str, n: int) -> None:
    registry = FileRegistry(root)
    for _ in range(n):
        version = registry.add_version(draft(), FILES).version
        registry.promote("taxi_tips", version, alias, reason="", who=alias)


def _concurrently(root: Path, n_each: int) -> tuple[HistoryEntry, ...]:
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_work, args=(root, f"w{i}", n_each)) for i in range(8)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 8
    registry = FileRegistry(root)
    assert registry.versions("taxi_tips") == tuple(range(1, 8 * n_each + 1))
    assert _all_is_well(registry)
    return registry.history("taxi_tips")


def test_eight_processes_that_register_and_promote_lose_nothing(tmp_path: Path) -> None:
    _lost_nothing(_concurrently(tmp_path / "models", 3), 3)


@pytest.mark.long
def test_eight_processes_that_register_and_promote_for_long_lose_nothing(tmp_path: Path) -> None:
    _lost_nothing(_concurrently(tmp_path / "models", 25), 25)


def _lost_nothing(entries: tuple[HistoryEntry, ...], n_each: int) -> None:
    for i in range(8):
        mine = [entry.version for entry in entries if entry.alias == f"w{i}"]
        assert len(mine) == n_each
        assert mine == sorted(mine)
    assert len(entries) == 2 * 8 * n_each


def test_readers_see_whole_histories_while_others_write(tmp_path: Path) -> None:
    root = tmp_path / "models"
    registry = FileRegistry(root)
    registry.add_version(draft(), FILES)
    writer = multiprocessing.get_context("spawn").Process(target=_work, args=(root, "w", 20))
    writer.start()
    seen = [0]
    while writer.is_alive():
        entries = registry.history("taxi_tips")
        for entry in entries[-2:]:
            if entry.event is HistoryEvent.REGISTERED:
                registry.manifest("taxi_tips", entry.version)
        seen.append(len(entries))
    writer.join()
    assert writer.exitcode == 0
    assert seen == sorted(seen)
    assert len(registry.history("taxi_tips")) == 41


def test_a_copy_of_a_registry_is_the_same_registry(filled: FileRegistry, tmp_path: Path) -> None:
    ACTIONS["sign"](filled)
    shutil.copytree(on_disk(filled.root), tmp_path / "copy")
    copy = FileRegistry(tmp_path / "copy")
    (report,) = verify_models(copy, ["taxi_tips"], _TRUSTED)
    assert report.signed_by == (KEY.public,)
    assert copy.history("taxi_tips") == filled.history("taxi_tips")
