"""What every lake storage promises; one implementation today."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.lake.storage import Kind, LakeStorage, LocalStorage, storage_for


@pytest.fixture(params=[LocalStorage])
def storage(request: pytest.FixtureRequest) -> LakeStorage:
    found: LakeStorage = request.param()
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    (tmp_path / "lake" / "day=1" / "a.parquet").write_bytes(b"some bytes")
    return tmp_path / "lake"


def test_a_listing_names_kinds_and_stamps_of_files(storage: LakeStorage, root: Path) -> None:
    (directory,) = storage.list(str(root), "")
    (file,) = storage.list(str(root), "day=1")
    assert (directory.name, directory.kind, directory.stamp) == ("day=1", Kind.DIRECTORY, None)
    assert (file.name, file.kind) == ("a.parquet", Kind.FILE)
    assert file.stamp == storage.stamp(str(root), "day=1/a.parquet")
    assert file.stamp is not None
    assert file.stamp.size == 10


def test_an_opened_file_gives_its_bytes_and_the_stamp_of_just_this_file(
    storage: LakeStorage, root: Path
) -> None:
    file, stamp = storage.open(str(root), "day=1/a.parquet")
    with file:
        assert file.read() == b"some bytes"
        assert file.seek(5) == 5
        assert file.read() == b"bytes"
    assert stamp == storage.stamp(str(root), "day=1/a.parquet")


def test_a_rewrite_of_equal_size_and_restored_mtime_changes_the_stamp(
    storage: LakeStorage, root: Path
) -> None:
    path = root / "day=1" / "a.parquet"
    before, old = storage.stamp(str(root), "day=1/a.parquet"), path.stat()
    path.write_bytes(b"other byte")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    after = storage.stamp(str(root), "day=1/a.parquet")
    assert (after.size, after.mtime_ns) == (before.size, before.mtime_ns)
    assert after != before


@pytest.mark.parametrize("path", ["day=1/no.parquet", "day=2/a.parquet"])
def test_a_missing_file_is_file_not_found(storage: LakeStorage, root: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        storage.open(str(root), path)
    with pytest.raises(FileNotFoundError):
        storage.stamp(str(root), path)


def test_a_symlinked_root_is_fine(storage: LakeStorage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    file, _ = storage.open(str(tmp_path / "link"), "day=1/a.parquet")
    with file:
        assert file.read() == b"some bytes"


@pytest.mark.parametrize("link", ["day=2/a.parquet", "day=1/b.parquet"])
def test_links_below_the_root_are_listed_as_links_and_never_opened(
    storage: LakeStorage, root: Path, link: str
) -> None:
    (root / "day=2").symlink_to("day=1")
    (root / "day=1" / "b.parquet").symlink_to("a.parquet")
    kinds = {entry.name: entry.kind for where in ("", "day=1") for entry in storage.list(str(root), where)}
    assert kinds["day=2"] is Kind.LINK
    assert kinds["b.parquet"] is Kind.LINK
    with pytest.raises(OSError, match="symbolic link"):
        storage.open(str(root), link)


def test_a_pipe_named_like_a_file_does_not_hang(storage: LakeStorage, root: Path) -> None:
    os.mkfifo(root / "day=1" / "pipe.parquet")
    with pytest.raises(FileNotFoundError):
        storage.open(str(root), "day=1/pipe.parquet")


def test_a_uri_of_an_unknown_kind_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigInvalid, match='"s3" is not supported'):
        storage_for("s3://bucket/table")
