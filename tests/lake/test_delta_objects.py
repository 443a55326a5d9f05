"""A Delta table in an object store under writers that meet: nothing is lost, nothing doubled."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.errors import (
    BatchScorerError,
    DiskFull,
    OutputOccupied,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.lake.sinks.delta.objects import InStore
from batch_scorer.lake.sinks.delta.sink import DeltaSink
from batch_scorer.lake.sinks.delta.table import open_table
from batch_scorer.lake.sinks.sink import holds
from batch_scorer.lake.storage.state_files import StagedDirectory
from batch_scorer.lake.storage.state_in_store import StateInStore
from tests.lake.sinks import KEYS, N_FILES, N_ROWS, kept, on_disk, publish, region, stage
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind

EU = region("eu")
N_GENERATIONS = 3


@pytest.fixture
def sink(bucket: Bucket) -> DeltaSink:
    return DeltaSink(InStore(bucket.store, "predictions"), "taxi_tips", KEYS)


def rows(sink: DeltaSink) -> Counter[tuple[str, int]]:
    table = open_table(sink.place.address)
    assert table is not None
    found = table.to_pyarrow_table()
    return Counter(zip(found["region"].to_pylist(), found["generation"].to_pylist(), strict=True))


def together(*tasks: Callable[[], None]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_writers_of_different_partitions_all_get_through(
    sink: DeltaSink, tmp_path: Path, bucket: Bucket
) -> None:
    bucket.proxy.inject(Fault(kind=Kind.FAILED_AFTER, method="PUT", key="*_delta_log/*", rate=0.3))

    def publish_many(value: str) -> None:
        last = None
        for generation in range(1, N_GENERATIONS + 1):
            last = publish(sink, tmp_path, generation, region(value), kept(last) if last else None)

    together(lambda: publish_many("eu"), lambda: publish_many("us"))
    bucket.proxy.forget()
    n = N_FILES * N_ROWS
    assert rows(sink) == {("eu", N_GENERATIONS): n, ("us", N_GENERATIONS): n}


def test_of_two_that_publish_the_same_first_generation_one_wins(sink: DeltaSink, tmp_path: Path) -> None:
    said: list[str] = []

    def publish_first(tag: str) -> None:
        publication = stage(tmp_path, 1, EU, tag=tag)
        try:
            sink.publish(publication)
            said.append(publication.names[0])
        except BatchScorerError as error:
            said.append(error.what)

    together(lambda: publish_first("a"), lambda: publish_first("b"))
    assert "another run fenced this publish" in min(said)
    assert max(said).startswith("part-0-1")
    assert rows(sink) == {("eu", 1): N_FILES * N_ROWS}


def test_a_fenced_publish_fails_and_leaves_no_file_once_it_is_undone(
    sink: DeltaSink, tmp_path: Path, bucket: Bucket
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    late = stage(tmp_path, 2, EU, base=kept(first))
    sink.place.move_in(late)
    assert sink.fence(late, may_live=True) is False
    with pytest.raises(OutputUnwritable, match="another run fenced this publish of region=eu"):
        sink.publish(late)
    sink.undo(late)
    assert holds(sink, EU, first.names)
    assert [key.rpartition("/")[2] for key in bucket.keys("predictions/region=eu")] == sorted(first.names)


@pytest.mark.parametrize("n_before", [0, 1])
@pytest.mark.parametrize(
    ("first", "kind", "told", "exit_code"),
    [
        (None, Kind.FAILED, StoreUnavailable, 69),
        (None, Kind.THROTTLED, StoreUnavailable, 69),
        (None, Kind.DROPPED, StoreUnavailable, 69),
        (None, Kind.FORBIDDEN, OutputUnwritable, 1),
        (Kind.FAILED, Kind.FORBIDDEN, OutputUnwritable, 1),
        (Kind.FORBIDDEN, Kind.FAILED, OutputUnwritable, 1),
        (None, Kind.FULL, DiskFull, 1),
    ],
)
def test_a_store_that_takes_no_commit_is_away_full_or_unwritable_by_what_it_says_at_last(
    tmp_path: Path,
    bucket: Bucket,
    first: Kind | None,
    kind: Kind,
    told: type[BatchScorerError],
    exit_code: int,
    n_before: int,
) -> None:
    """Creating the table, and committing to it."""
    sink = DeltaSink(InStore(bucket.hasty, "predictions"), "taxi_tips", KEYS)
    last = publish(sink, tmp_path, 1, EU) if n_before else None
    if first is not None:
        bucket.proxy.inject(Fault(kind=first, method="PUT", key="*_delta_log/*.json", times=1))
    bucket.proxy.inject(Fault(kind=kind, method="PUT", key="*_delta_log/*.json"))
    with pytest.raises(told) as caught:
        publish(sink, tmp_path, 2, EU, kept(last) if last else None)
    assert type(caught.value) is told
    assert caught.value.exit_code == exit_code
    assert "<" not in caught.value.what
    bucket.proxy.forget()
    if last is not None:
        assert holds(sink, EU, last.names)


def test_undo_of_a_rollback_leaves_the_earlier_generation_where_it_is(
    sink: DeltaSink, tmp_path: Path
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    again = replace(first, generation=3, staged=on_disk(tmp_path / "again"), base=kept(second))
    sink.recall(EU, kept(first), again.staged)
    assert sink.fence(again, may_live=False) is True
    sink.undo(again)
    assert holds(sink, EU, second.names)
    sink.publish(again)
    assert holds(sink, EU, first.names)


@pytest.mark.parametrize("staged_in", ["disk", "store"])
def test_a_file_of_several_parts_is_whole_in_the_table_though_requests_fail(
    sink: DeltaSink, tmp_path: Path, bucket: Bucket, staged_in: str
) -> None:
    """Its upload is begun, sent in parts of 5 MB and ended; a copy is one request whatever its size."""
    publication = stage(tmp_path, 1, EU)
    name, n_rows = publication.names[0], 1_000_000
    values = np.random.default_rng(1).integers(1 << 62, size=n_rows)  # nothing to compress
    pq.write_table(pa.table({"generation": values}), publication.staged.path / name)
    n_bytes = (publication.staged.path / name).stat().st_size
    assert n_bytes > 5 << 20
    long = replace(publication.files[0], n_bytes=n_bytes, n_rows=n_rows)
    publication = replace(publication, files=(long, *publication.files[1:]))
    if staged_in == "store":
        publication.staged.send(publication.names, bucket.store, "state/staging/1/files")
        there = StagedDirectory(StateInStore(bucket.store, "state"), "staging/1/files")
        publication = replace(publication, staged=there)
    bucket.proxy.forget()
    place = f"predictions/region=eu/{name}"
    bucket.proxy.inject(
        Fault(kind=Kind.FAILED_AFTER, method="PUT", key=place, times=2),
        Fault(kind=Kind.DROPPED, method="PUT", key=place, times=1),
    )
    sink.publish(publication)
    n_begun_and_ended = bucket.proxy.count(place)["POST"]
    assert n_begun_and_ended == (2 if staged_in == "disk" else 0)
    table = open_table(sink.place.address)
    assert table is not None
    found = table.to_pyarrow_table()["generation"].to_numpy()
    assert sorted(found[found > 1]) == sorted(values)
    assert len(found) == n_rows + N_ROWS


def test_a_table_never_begins_among_other_files(sink: DeltaSink, tmp_path: Path, bucket: Bucket) -> None:
    bucket.direct.put("predictions/region=eu/theirs.parquet", b"PAR1")
    with pytest.raises(OutputOccupied, match='"region=eu" lies where a Delta table would begin'):
        publish(sink, tmp_path, 1, EU)
