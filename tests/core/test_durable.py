"""Small files are written whole or not at all, and refusals are told in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core import durable
from batch_scorer.core.durable import NewNames, make_directories, write_whole
from batch_scorer.core.errors import OutputUnwritable


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "directory" / "file.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_refuses_is_named_and_the_old_content_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OutputUnwritable) as caught:
        write_whole(tmp_path / "file" / "below", b"x")
    assert caught.value.where == str(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_what_is_no_plain_file_is_never_replaced(tmp_path: Path) -> None:
    """As root, plan -o /dev/null would else take /dev/null from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(OutputUnwritable, match="no plain file"):
            write_whole(path, b"x")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_directory_whose_name_the_disk_refuses_to_keep_is_not_found_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take a name for one that lasts which nobody ever synced."""
    synced: list[Path] = []

    def refuse(path: Path) -> None:
        synced.append(path)
        if path != tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(durable, "fsync_directory", refuse)
        with pytest.raises(OSError, match="Input/output"):
            make_directories(tmp_path / "outer" / "inner" / "innermost")
    assert synced == [tmp_path, tmp_path / "outer"]
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(durable, "fsync_directory", synced.append)
    make_directories(tmp_path / "outer" / "inner")
    assert synced[2:] == [tmp_path, tmp_path / "outer"]
    assert (tmp_path / "outer" / "inner").is_dir()


def test_a_directory_that_is_there_when_the_next_is_refused_is_taken_away_or_will_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def full(path: Path, *arguments: Any, **named: Any) -> None:
        if path.name == "inner":
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="No space"):
        make_directories(tmp_path / "outer" / "inner")
    assert list(tmp_path.iterdir()) == []
    synced: list[Path] = []
    monkeypatch.setattr(durable, "fsync_directory", synced.append)
    names = NewNames()
    with pytest.raises(OSError, match="No space"):
        names.make_directories(tmp_path / "outer" / "inner")
    names.sync()
    assert synced == [tmp_path]
