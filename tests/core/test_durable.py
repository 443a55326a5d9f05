"""Small files are written whole or not at all, and refusals are told in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core import durable
from batch_scorer.core.durable import NewNames, make_directories, write_named_later, write_whole
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


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Directories, as they are synced by a process that knows of none."""
    found: list[Path] = []
    monkeypatch.setattr(durable, "_lasting", {})
    monkeypatch.setattr(durable, "fsync_directory", found.append)
    return found


def test_names_that_an_earlier_process_never_synced_are_synced_by_the_next_once(
    tmp_path: Path, synced: list[Path]
) -> None:
    """It was killed, or its disk refused it, and left directories whose names may not last."""
    top = tmp_path / "top"
    (top / "outer" / "inner").mkdir(parents=True)
    make_directories(top / "outer" / "inner", below=top)
    assert synced == [tmp_path, top, top / "outer"]
    make_directories(top / "outer" / "inner", below=top)
    make_directories(top / "outer" / "other", below=top)
    assert synced[3:] == [top / "outer"]


def test_names_whose_sync_failed_are_synced_by_the_next_who_writes_there(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as broken:
        broken.setattr(durable, "fsync_directory", refuse)
        names = NewNames()
        write_named_later(tmp_path / "top" / "outer" / "file", b"1", names, below=tmp_path / "top")
        for _ in range(2):
            with pytest.raises(OutputUnwritable):
                names.sync()
    for n_new in (3, 2):  # the second time nobody doubts those above
        names = NewNames()
        write_named_later(tmp_path / "top" / "outer" / "file", b"1", names, below=tmp_path / "top")
        names.sync()
        assert set(synced) == {tmp_path, tmp_path / "top", tmp_path / "top" / "outer"} - (
            {tmp_path} if n_new == 2 else set()
        )
        synced.clear()


def test_a_directory_that_was_removed_and_made_anew_is_synced_again(
    tmp_path: Path, synced: list[Path]
) -> None:
    make_directories(tmp_path / "outer", below=tmp_path / "outer")
    (tmp_path / "outer").rename(tmp_path / "gone")
    (tmp_path / "outer").mkdir()
    make_directories(tmp_path / "outer", below=tmp_path / "outer")
    assert synced == [tmp_path, tmp_path]


def test_a_directory_of_somebody_else_is_left_to_them(tmp_path: Path, synced: list[Path]) -> None:
    make_directories(tmp_path)
    make_directories(tmp_path, below=tmp_path / "elsewhere")
    assert synced == []


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EINVAL])
def test_what_ours_lies_in_may_be_closed_to_us_as_long_as_nothing_in_it_is_new(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """A directory of mode 0711 that others own, a file system whose directories cannot be synced."""

    def closed(path: Path) -> None:
        if path == tmp_path:
            raise OSError(refusal, os.strerror(refusal), str(path))
        synced.append(path)

    monkeypatch.setattr(durable, "fsync_directory", closed)
    top, new = tmp_path / "top", tmp_path / "new"
    top.mkdir()
    make_directories(top / "outer", below=top)
    names = NewNames()
    names.make_directories(top / "inner", below=top)
    names.sync()
    assert synced == [top, top]
    with pytest.raises(OSError, match=os.strerror(refusal)):
        make_directories(new, below=new)
    assert not new.exists()
    names.make_directories(new, below=new)
    with pytest.raises(OutputUnwritable):
        names.sync()


def test_a_disk_that_fails_is_told_also_where_nothing_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(durable, "_lasting", {})
    monkeypatch.setattr(durable, "fsync_directory", broken)
    with pytest.raises(OSError, match="Input/output"):
        make_directories(tmp_path, below=tmp_path)


def test_not_every_directory_of_a_long_backfill_is_remembered(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "_MOST_LASTING", 3)
    for number in range(9):
        make_directories(tmp_path / f"{number}", below=tmp_path)
    assert len(durable._lasting) <= 3
    assert len(synced) < 2 * 9  # what all lie in is forgotten now and then
