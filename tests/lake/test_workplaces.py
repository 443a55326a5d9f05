"""Chunks staged in an object store: what is handed in, and what a later run trusts of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from batch_scorer.core.chunks import (
    FILES,
    QUARANTINE,
    RECORDS,
    SPILLS,
    Accounting,
    Chunk,
    ChunkScored,
    StagedFile,
)
from batch_scorer.core.errors import OutputUnwritable, StoreUnavailable
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.staging.chunk_records import recorded_chunks
from batch_scorer.lake.staging.quarantine import AsideWriter
from batch_scorer.lake.staging.staged_files import StagedWriter
from batch_scorer.lake.staging.workplaces import working_at
from batch_scorer.lake.storage.state_files import StagedDirectory, StateFiles, StateOnDisk
from batch_scorer.lake.storage.state_in_store import StateInStore
from batch_scorer.stores.objects import ObjectStore
from tests.lake.test_staging import output_spec, rows
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind
from tests.objectstore.server import make_bucket

ATTEMPT = "state/staging/taxi_tips/d=1/01A"
LONG, SHORT = 6 << 20, 100  # bytes: a long file goes up in parts
FILE = LakeFile(path="d=1/part-0.parquet", stamp=FileStamp(size=10, mtime_ns=1, ctime_ns=1, inode=1))
CHUNK = Chunk(
    partition=Partition(names=("d",), values=("1",)),
    file=FILE,
    row_groups=(0,),
    index=0,
    n_rows=3,
    row_offset=0,
)


def written(directory: Path, name: str, n_bytes: int) -> StagedFile:
    data = os.urandom(n_bytes)
    (directory / name).write_bytes(data)
    return StagedFile(name=name, n_rows=3, n_bytes=n_bytes, sha256=hashlib.sha256(data).hexdigest())


@pytest.fixture
def hand_in(bucket: Bucket, tmp_path: Path) -> Callable[[], ChunkScored]:
    """A chunk with a long file and a spill, staged in the bucket."""
    spec = replace(output_spec(tmp_path), staging=f"{bucket.url}/{ATTEMPT}", stores=bucket.store.options)

    def act() -> ChunkScored:
        with working_at(spec) as place:
            here = Path(place.output.staging)
            scored = ChunkScored(
                chunk=CHUNK,
                rows=Accounting(n_read=3, n_scored=3),
                files=(written(here / FILES, "part-0.parquet", LONG),),
                worker="an earlier run",
                spills=(written(here / SPILLS, "00000.arrow", SHORT),),
            )
            place.hand_in({FILES: scored.files, SPILLS: scored.spills})
            place.record(scored)
        assert not here.exists()
        return scored

    return act


def recorded(bucket: Bucket) -> list[ChunkScored]:
    return list(recorded_chunks(StateInStore(bucket.store, "").below(ATTEMPT), (CHUNK,)))


def test_what_is_handed_in_comes_back_though_every_answer_was_an_error_at_first(
    bucket: Bucket, hand_in: Callable[[], ChunkScored]
) -> None:
    bucket.proxy.inject(
        Fault(kind=Kind.FAILED_AFTER, method="PUT", times=2), Fault(kind=Kind.DROPPED, method="POST", times=1)
    )
    scored = hand_in()
    assert bucket.proxy.count(f"{ATTEMPT}/files/*")["POST"] == 2 + 1  # begun and ended; one was dropped
    bucket.proxy.forget()
    assert recorded(bucket) == [scored]
    assert bucket.proxy.count() == {"LIST": 3, "GET": 1}
    name = scored.files[0].name
    data = bucket.direct.get(f"{ATTEMPT}/files/{name}").data
    assert hashlib.sha256(data).hexdigest() == scored.files[0].sha256


@pytest.mark.parametrize("path", ["files/part-0.parquet", "spills/00000.arrow", "chunks/00000.json"])
@pytest.mark.parametrize("damage", ["gone", "another"])
def test_a_chunk_of_which_an_object_is_gone_or_another_one_is_scored_again(
    bucket: Bucket, hand_in: Callable[[], ChunkScored], path: str, damage: str
) -> None:
    hand_in()
    key = f"{ATTEMPT}/{path}"
    if damage == "gone":
        bucket.direct.delete(key)
    else:
        bucket.direct.put(key, os.urandom(bucket.direct.head(key).size))
    assert recorded(bucket) == []


def test_a_store_that_takes_no_file_gets_no_record_either(
    bucket: Bucket, hand_in: Callable[[], ChunkScored]
) -> None:
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED, method="PUT", key=f"{ATTEMPT}/spills/*"))
    with pytest.raises(StoreUnavailable):
        hand_in()
    assert not [key for key in bucket.keys(ATTEMPT) if "/chunks/" in key]
    assert recorded(bucket) == []


@pytest.mark.parametrize(("is_in_store", "n_syncs"), [(False, 2), (True, 0)])
def test_files_that_only_pass_through_a_disk_do_not_wait_for_it(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_in_store: bool, n_syncs: int
) -> None:
    """Of predictions and of rows set aside. They are what was written, in the store, before the record is."""
    url = f"{bucket.url}/{ATTEMPT}" if is_in_store else str(tmp_path)
    for part in (FILES, RECORDS, QUARANTINE):
        (tmp_path / part).mkdir()
    spec = replace(output_spec(tmp_path), staging=url, stores=bucket.store.options)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with (
        working_at(spec) as place,
        StagedWriter(place.output, 0) as writer,
        AsideWriter(place.output, 0, FILE.path) as quarantine,
    ):
        writer.write(rows(10))
        raw = pa.table({"fare": [1.0]})
        quarantine.write(raw, pa.array([["fare"]], pa.list_(pa.string())), pa.array([0]))
        files, aside = writer.finish(), quarantine.finish()
        writer.synced()
        place.hand_in({FILES: files, QUARANTINE: aside})
    assert len(synced) == n_syncs
    if is_in_store:
        for part, (file,) in ((FILES, files), (QUARANTINE, aside)):
            data = bucket.direct.get(f"{ATTEMPT}/{part}/{file.name}").data
            assert hashlib.sha256(data).hexdigest() == file.sha256


def test_a_file_that_the_disk_has_not_kept_as_it_was_written_is_not_uploaded(
    bucket: Bucket, tmp_path: Path
) -> None:
    spec = replace(output_spec(tmp_path), staging=f"{bucket.url}/{ATTEMPT}", stores=bucket.store.options)
    with working_at(spec) as place:
        here = Path(place.output.staging, FILES)
        file = written(here, "part-0.parquet", LONG)
        with (here / file.name).open("r+b") as lost:
            lost.seek(4096)
            lost.write(bytes(4096))
        with pytest.raises(OutputUnwritable, match="not as it was written"):
            place.hand_in({FILES: (file,)})
    assert not bucket.keys(ATTEMPT)


def make_other(bucket: Bucket, url: str) -> ObjectStore:
    name = f"other-{bucket.name}"
    make_bucket(url, name)
    return replace(bucket.store, bucket=f"s3://{name}")


# Long files of the state, on a disk and in a store by one contract


@pytest.fixture(params=["disk", "store"])
def state(request: pytest.FixtureRequest, tmp_path: Path, bucket: Bucket) -> StateFiles:
    """With two attempts at a partition, and a file in each."""
    for attempt in ("01A", "01B"):
        path = f"staging/job/d=1/{attempt}/files"
        if request.param == "disk":
            (tmp_path / path).mkdir(parents=True)
            (tmp_path / path / "part.parquet").write_bytes(b"12345")
        else:
            bucket.direct.put(f"state/{path}/part.parquet", b"12345")
    return StateOnDisk(tmp_path) if request.param == "disk" else StateInStore(bucket.store, "state")


def test_what_is_to_be_read_is_a_path_on_a_disk_and_an_open_file_of_a_store(state: StateFiles) -> None:
    (given,) = StagedDirectory(state, "staging/job/d=1/01A/files").to_read(["part.parquet"])
    assert isinstance(given, Path) is not state.is_remote
    with given.open("rb") if isinstance(given, Path) else given as file:
        assert file.read() == b"12345"


def test_files_get_second_names_that_outlive_the_first(state: StateFiles) -> None:
    source, target = "staging/job/d=1/01A/files", "quarantine/job/d=1/3"
    for _ in range(2):
        state.link(source, ["part.parquet"], target)
    assert state.remove("staging/job/d=1") == 0
    assert list(state.directories("staging/job", 1)) == []
    assert list(state.directories("quarantine/job", 2)) == ["d=1/3"]
    assert state.below(target).read("part.parquet") == b"12345"
    with pytest.raises(FileNotFoundError):
        state.link(source, ["part.parquet"], "quarantine/job/d=1/4")
    assert state.remove(target) == 5
    assert state.below(target).files() == ()


def test_all_attempts_but_one_are_removed(state: StateFiles) -> None:
    assert list(state.directories("staging/job", 2)) == ["d=1/01A", "d=1/01B"]
    state.remove("staging/job/d=1", but="01B")
    assert list(state.directories("staging/job", 2)) == ["d=1/01B"]
    state.mark("staging/job/d=1/01B/files/_SUCCESS")
    assert state.below("staging/job/d=1/01B/files").sizes() == {"part.parquet": 5, "_SUCCESS": 0}
    state.remove_files("staging/job/d=1/01B/files", ["_SUCCESS", "never.parquet"])
    assert state.below("staging/job/d=1/01B").sizes("files") == {"part.parquet": 5}


@pytest.mark.parametrize("other", [False, True])
def test_files_are_sent_to_a_table_in_the_same_bucket_or_in_another(
    state: StateFiles, bucket: Bucket, s3_url: str, other: bool
) -> None:
    table = make_other(bucket, s3_url) if other else bucket.store
    for _ in range(2):
        state.send("staging/job/d=1/01A/files", ["part.parquet"], table, "predictions/d=1")
    assert table.get("predictions/d=1/part.parquet").data == b"12345"
    with pytest.raises(FileNotFoundError):
        state.send("staging/job/d=1/01A/files", ["gone.parquet"], table, "predictions/d=1")
