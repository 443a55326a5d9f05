"""What every lake storage promises, on a local disk and in an object store."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from batch_scorer.core.errors import ConfigInvalid, FileUnreadable
from batch_scorer.lake.storage.failures import as_input_error
from batch_scorer.lake.storage.object_storage import ObjectStorage
from batch_scorer.lake.storage.roots import storage_for
from batch_scorer.lake.storage.storage import Kind, LakeStorage, LocalStorage
from batch_scorer.stores import objects
from tests.objectstore.fixtures import Bucket
from tests.patience import WAIT_S


@dataclass(frozen=True)
class Lake:
    """A table with one file. write: a path below the root, and bytes."""

    storage: LakeStorage
    root: str
    write: Callable[[str, bytes], object]


@pytest.fixture(params=["local", "objects"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    found = _local(tmp_path / "lake") if request.param == "local" else _objects(request)
    found.write("day=1/a.parquet", b"some bytes")
    return found


def _local(root: Path) -> Lake:
    def write(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return Lake(LocalStorage(), str(root), write)


def _objects(request: pytest.FixtureRequest) -> Lake:
    bucket: Bucket = request.getfixturevalue("bucket")
    return Lake(
        ObjectStorage(options=bucket.store.options),
        f"{bucket.url}/lake",
        lambda path, data: bucket.direct.put(f"lake/{path}", data),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    (tmp_path / "lake" / "day=1" / "a.parquet").write_bytes(b"some bytes")
    return tmp_path / "lake"


@pytest.fixture
def storage() -> LakeStorage:
    return LocalStorage()


def test_a_listing_names_kinds_and_stamps_of_files(lake: Lake) -> None:
    (directory,) = lake.storage.list(lake.root, "")
    (file,) = lake.storage.list(lake.root, "day=1")
    assert (directory.name, directory.kind, directory.stamp) == ("day=1", Kind.DIRECTORY, None)
    assert (file.name, file.kind) == ("a.parquet", Kind.FILE)
    assert file.stamp == lake.storage.stamp(lake.root, "day=1/a.parquet")
    assert file.stamp is not None
    assert file.stamp.size == 10


def test_an_opened_file_gives_its_bytes_and_the_stamp_of_just_this_file(lake: Lake) -> None:
    file, stamp = lake.storage.open(lake.root, "day=1/a.parquet")
    with file:
        assert file.read() == b"some bytes"
        assert file.seek(5) == 5
        assert file.read() == b"bytes"
        lake.storage.will_need(file, [(0, 4), (5, 10)])
        assert file.seek(-5, os.SEEK_END) == 5
        assert (file.read(2), file.tell(), file.read(99), file.read(1)) == (b"by", 7, b"tes", b"")
    assert stamp == lake.storage.stamp(lake.root, "day=1/a.parquet")


@pytest.mark.parametrize("n_wanted", [1, 3, 12])
def test_many_directories_are_listed_as_one_by_one_and_in_their_order(lake: Lake, n_wanted: int) -> None:
    for day in range(2, 14):
        lake.write(f"day={day}/b.parquet", b"b" * day)
        lake.write(f"day={day}/c.parquet", b"c")
        lake.write(f"day={day}/deeper/d.parquet", b"d")
        lake.write(f"day={day}-not/e.parquet", b"e")
    wanted = [*(f"day={day}" for day in range(13, 13 - n_wanted, -1)), "day=99"]
    *found, missing = lake.storage.list_each(lake.root, wanted)
    assert [_named(each) for each in found] == [
        _named(lake.storage.list(lake.root, day)) for day in wanted[:-1]
    ]
    assert isinstance(missing, FileNotFoundError)


@pytest.mark.parametrize("n_wanted", [3, 12])
def test_a_key_that_no_path_can_be_spoils_the_listing_of_its_own_directory_only(
    bucket: Bucket, n_wanted: int
) -> None:
    for day in range(10, 10 + n_wanted):
        bucket.direct.put(f"lake/day={day}/a.parquet", b"a")
    _put_raw(bucket, "lake/day=11//twice.parquet")
    storage = ObjectStorage(options=bucket.store.options)
    good, bad, *others = storage.list_each(
        bucket.url + "/lake", [f"day={day}" for day in range(10, 10 + n_wanted)]
    )
    assert all(isinstance(each, tuple) for each in (good, *others))
    assert isinstance(bad, OSError)
    refusal = as_input_error(bad, where="day=11")
    assert isinstance(refusal, FileUnreadable)
    assert "a key that no path can be" in refusal.what


def _put_raw(bucket: Bucket, key: str) -> None:
    """As other tools write it: ours refuses such keys."""
    url = f"{bucket.direct.options.endpoint}/{bucket.name}/{key}"
    requests.put(url, data=b"b", timeout=WAIT_S).raise_for_status()


def _named(entries: object) -> object:
    return sorted(entries, key=lambda entry: entry.name) if isinstance(entries, tuple) else entries


@pytest.mark.parametrize("path", ["day=1/no.parquet", "day=2/a.parquet"])
def test_a_missing_file_is_file_not_found(lake: Lake, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        lake.storage.open(lake.root, path)
    with pytest.raises(FileNotFoundError):
        lake.storage.stamp(lake.root, path)


def test_a_missing_directory_is_file_not_found(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError):
        lake.storage.list(lake.root, "day=7")


def test_a_rewrite_of_equal_size_changes_the_stamp(lake: Lake) -> None:
    before = lake.storage.stamp(lake.root, "day=1/a.parquet")
    lake.write("day=1/a.parquet", b"other byte")
    after = lake.storage.stamp(lake.root, "day=1/a.parquet")
    assert (after.size, after != before) == (before.size, True)


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
    with pytest.raises(ConfigInvalid, match='"hdfs" is not supported'):
        storage_for("hdfs://bucket/table")


def test_in_a_bucket_what_lies_between_wanted_directories_is_leapt_over(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PAGE", 5)
    bucket.proxy.page_size = 5
    for name in [
        *(f"day={day:02d}/a" for day in range(10)),
        *(f"day=04x/{number:02d}" for number in range(60)),
    ]:
        bucket.direct.put(f"lake/{name}", b"x")
    storage = ObjectStorage(options=bucket.store.options)
    wanted = [f"day={day:02d}" for day in range(10)]
    listed = list(storage.list_each(f"{bucket.url}/lake", wanted))
    assert all(isinstance(entries, tuple) and len(entries) == 1 for entries in listed)
    assert bucket.proxy.count()["LIST"] <= 6  # 14 pages are there
