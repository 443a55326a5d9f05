"""Files are brought to the disk in threads, while the worker goes on."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from batch_scorer.lake.staging.staged_files import StagedWriter
from tests.lake.test_staging import output_spec, rows, write
from tests.patience import WAIT_S


def test_the_worker_goes_on_while_a_file_is_synced_and_waits_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, synced = threading.Event(), []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(may_end.wait(WAIT_S) and number))
    with StagedWriter(output_spec(tmp_path, max_file_bytes=1), 0) as writer:
        writer.write(rows(131_072))
        writer.write(rows(131_072, first=131_072))
        files = writer.finish()
        assert synced == []
        may_end.set()
        writer.synced()
        assert len(synced) == len(files) == 2
        assert all(synced)
    for file in files:
        assert file.sha256 == hashlib.sha256((tmp_path / "files" / file.name).read_bytes()).hexdigest()


def test_chunk_after_chunk_is_synced_by_the_same_few_threads(tmp_path: Path) -> None:
    for i in range(12):
        write(output_spec(tmp_path), rows(10, first=i))
    assert 1 <= len(syncing()) <= 4


def syncing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("fsync")]


def test_files_are_synced_in_a_process_that_was_forked_from_one_that_wrote(tmp_path: Path) -> None:
    write(output_spec(tmp_path), rows(10))
    child = multiprocessing.get_context("fork").Process(
        target=write, args=(output_spec(tmp_path), rows(10, first=10))
    )
    child.start()
    child.join(WAIT_S)
    assert child.exitcode == 0
    assert len(os.listdir(tmp_path / "files")) == 2


def test_a_failing_chunk_waits_for_its_files_to_be_synced_before_they_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, there = threading.Event(), []

    def sync(_: int) -> None:
        slow.wait(0.2)
        there.append(len(os.listdir(tmp_path / "files")))

    def fail() -> None:
        with StagedWriter(output_spec(tmp_path, max_file_bytes=1), 0) as writer:
            writer.write(rows(131_072))
            raise ZeroDivisionError

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(ZeroDivisionError):
        fail()
    assert there == [1]
    assert os.listdir(tmp_path / "files") == []
