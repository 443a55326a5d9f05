"""What only a Delta table does: several writers, commits whose answer got lost, fences, other readers."""

from __future__ import annotations

import datetime as dt
import multiprocessing as mp
import os
from collections import Counter
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from batch_scorer.core.errors import (
    BatchScorerError,
    DamageFound,
    OutputOccupied,
    OutputSchemaChanged,
    OutputUnwritable,
)
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.sinks.delta import commits as delta_commits
from batch_scorer.lake.sinks.delta import sink as delta_sink
from batch_scorer.lake.sinks.delta.disk import OnDisk
from batch_scorer.lake.sinks.delta.sink import DeltaSink
from batch_scorer.lake.sinks.delta.table import Added, commit_nothing, replace_partition
from batch_scorer.lake.sinks.parquet import ParquetSink
from batch_scorer.lake.sinks.replaced import Replaced
from batch_scorer.lake.sinks.sink import holds
from batch_scorer.lake.storage.state_files import StateOnDisk
from tests.lake.sinks import KEYS, N_FILES, N_ROWS, is_kept, kept, on_disk, publish, region, stage
from tests.patience import WAIT_S

EU = region("eu")
N_GENERATIONS = 8


@pytest.fixture
def sink(tmp_path: Path) -> DeltaSink:
    return DeltaSink(OnDisk(tmp_path / "predictions"), "taxi_tips", KEYS)


def rows(root: Path) -> Counter[tuple[str, int]]:
    """(region, generation) of every row a reader sees."""
    frame = pl.read_delta(str(root / "predictions"))
    return Counter(zip(frame["region"].to_list(), frame["generation"].to_list(), strict=True))


def _publish_many(root: Path, value: str, barrier: Barrier) -> None:
    sink = DeltaSink(OnDisk(root / "predictions"), "taxi_tips", KEYS)
    base = None
    barrier.wait(WAIT_S)
    for generation in range(1, N_GENERATIONS + 1):
        base = kept(publish(sink, root, generation, region(value), base))


def _publish_first(root: Path, tag: str, barrier: Barrier, outcomes: SimpleQueue[str]) -> None:
    sink = DeltaSink(OnDisk(root / "predictions"), "taxi_tips", KEYS)
    publication = stage(root, 1, EU, tag=tag)
    barrier.wait(WAIT_S)
    try:
        sink.publish(publication)
        outcomes.put(publication.names[0])
    except BatchScorerError as error:
        outcomes.put(error.what)


def test_processes_that_publish_different_partitions_all_get_through(tmp_path: Path) -> None:
    spawn = mp.get_context("spawn")
    barrier = spawn.Barrier(2)
    writers = [spawn.Process(target=_publish_many, args=(tmp_path, v, barrier)) for v in ("eu", "us")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(WAIT_S)
        assert writer.exitcode == 0
    n = N_FILES * N_ROWS
    assert rows(tmp_path) == {("eu", N_GENERATIONS): n, ("us", N_GENERATIONS): n}


def test_of_two_that_publish_the_same_first_generation_one_wins(tmp_path: Path) -> None:
    spawn = mp.get_context("spawn")
    barrier, outcomes = spawn.Barrier(2), spawn.SimpleQueue()
    writers = [
        spawn.Process(target=_publish_first, args=(tmp_path, tag, barrier, outcomes)) for tag in ("a", "b")
    ]
    for writer in writers:
        writer.start()
    said = sorted(outcomes.get() for _ in writers)
    for writer in writers:
        writer.join(WAIT_S)
    assert "another run fenced this publish" in said[0]
    assert said[1].startswith("part-0-1")
    assert rows(tmp_path) == {("eu", 1): N_FILES * N_ROWS}


def test_overwrite_replaces(sink: DeltaSink, tmp_path: Path) -> None:
    """A canary: one series of deltalake appended instead."""
    publish(sink, tmp_path, 2, EU, kept(publish(sink, tmp_path, 1, EU)))
    assert rows(tmp_path) == {("eu", 2): N_FILES * N_ROWS}


def _answering_with_an_error(*args: Any) -> None:
    replace_partition(*args)
    raise OSError("the answer got lost")


def test_a_commit_that_is_in_although_it_raised_is_found_and_not_doubled(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_sink, "replace_partition", _answering_with_an_error)
    first = publish(sink, tmp_path, 1, EU)
    assert holds(sink, EU, first.names)
    assert rows(tmp_path) == {("eu", 1): N_FILES * N_ROWS}
    assert DeltaTable(Path(sink.place.address.url)).version() == 1


def test_a_commit_that_raised_and_is_not_in_leaves_what_was_there(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = stage(tmp_path, 2, EU, base=kept(first))
    with monkeypatch.context() as patch:
        patch.setattr(delta_sink, "replace_partition", _raising)
        with pytest.raises(OutputUnwritable, match=r"cannot publish region=eu: no luck$"):
            sink.publish(second)
    assert holds(sink, EU, first.names)
    sink.undo(second)
    assert sorted(os.listdir(second.staged.path)) == sorted(second.names)
    assert sorted(os.listdir(Path(sink.place.address.url) / EU.path)) == sorted(first.names)
    sink.publish(second)
    assert holds(sink, EU, second.names)


def _raising(*args: Any) -> None:
    raise CommitFailedError("no luck\n  0: a backtrace")


def test_a_commit_of_which_nobody_knows_is_damage(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publication = stage(tmp_path, 1, EU)

    def tear(*args: Any) -> None:
        (Path(sink.place.address.url) / "_delta_log" / f"{1:020}.json").write_text("{torn")
        raise OSError("the disk went away")

    monkeypatch.setattr(delta_sink, "replace_partition", tear)
    with pytest.raises(DamageFound, match="the outcome of a commit is unknown") as caught:
        sink.publish(publication)
    assert caught.value.next_command == "batch-scorer repair taxi_tips"
    with pytest.raises(DamageFound, match="cannot be read"):
        sink.visible(EU)


def test_who_is_always_slower_gives_up(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1, 1000))
    monkeypatch.setattr(delta_commits, "_PAUSE_S", 0.0)
    monkeypatch.setattr(delta_commits, "_MAX_TRIES", 3)

    def overtaken(*args: Any) -> None:
        commit_nothing(
            DeltaTable(Path(sink.place.address.url)),
            EU,
            delta_commits.properties(f"other{next(numbers)}", publication),
        )
        replace_partition(*args)

    publication = stage(tmp_path, 1, EU)
    monkeypatch.setattr(delta_sink, "replace_partition", overtaken)
    with pytest.raises(OutputUnwritable, match="other commits were faster 3 times"):
        sink.publish(publication)
    assert sink.visible(EU) is None


def test_a_commit_from_before_the_fence_fails_and_so_does_a_new_publish(
    sink: DeltaSink, tmp_path: Path
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    late = stage(tmp_path, 2, EU, base=kept(first))
    stale = DeltaTable(Path(sink.place.address.url))
    for _ in range(2):
        assert sink.fence(late, may_live=True) is False
    for name in late.names:
        (late.staged.path / name).rename(Path(sink.place.address.url) / EU.path / name)
    added = [Added(path=f"{EU.path}/{f.name}", n_bytes=f.n_bytes, n_rows=f.n_rows) for f in late.files]
    with pytest.raises(CommitFailedError):
        replace_partition(stale, EU, added, delta_commits.properties("app", late))
    assert holds(sink, EU, first.names)
    sink.undo(late)
    with pytest.raises(OutputUnwritable, match="another run fenced this publish of region=eu"):
        sink.publish(late)
    assert sorted(os.listdir(late.staged.path)) == sorted(late.names)
    third = publish(sink, tmp_path, 3, EU, kept(first))
    assert holds(sink, EU, third.names)


def test_a_fence_before_there_is_a_table_holds(sink: DeltaSink, tmp_path: Path) -> None:
    late = stage(tmp_path, 1, EU)
    assert sink.fence(late, may_live=True) is False
    assert sink.visible(EU) is None
    with pytest.raises(OutputUnwritable, match="fenced"):
        sink.publish(late)


def test_undo_of_a_rollback_leaves_the_earlier_generation_where_it_is(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    again = replace(first, generation=3, staged=on_disk(tmp_path / "again"), base=kept(second))
    again.staged.path.mkdir()
    sink.recall(EU, kept(first), again.staged)
    with monkeypatch.context() as patch:
        patch.setattr(delta_sink, "replace_partition", _raising)
        with pytest.raises(OutputUnwritable):
            sink.publish(again)
    for _ in range(2):
        sink.undo(again)
    assert holds(sink, EU, second.names)
    assert is_kept(sink, EU, kept(first))
    sink.publish(again)
    assert holds(sink, EU, first.names)


def test_the_current_files_shown_again_are_never_removed_and_added_at_once(
    sink: DeltaSink, tmp_path: Path
) -> None:
    first = publish(sink, tmp_path, 1, EU)
    again = replace(first, generation=2, staged=on_disk(tmp_path / "again"), base=kept(first))
    again.staged.path.mkdir()
    sink.recall(EU, kept(first), again.staged)
    sink.publish(again)
    assert holds(sink, EU, first.names)
    assert rows(tmp_path) == {("eu", 1): N_FILES * N_ROWS}


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
def test_a_file_that_is_not_as_it_was_staged_is_never_committed(
    sink: DeltaSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any
) -> None:
    publication = stage(tmp_path, 1, EU)
    monkeypatch.setattr(
        delta_sink,
        "fault_point",
        lambda _point: harm(Path(sink.place.address.url) / EU.path / publication.names[0]),
    )
    with pytest.raises(OutputUnwritable, match=r"is gone|4 bytes"):
        sink.publish(publication)
    assert sink.visible(EU) is None


TYPES = [
    ("int8", pa.int8()), ("int16", pa.int16()), ("int32", pa.int32()), ("int64", pa.int64()),
    ("float32", pa.float32()), ("float64", pa.float64()), ("bool", pa.bool_()), ("string", pa.string()),
    ("naive", pa.timestamp("us")), ("naive_ms", pa.timestamp("ms")), ("utc", pa.timestamp("us", "UTC")),
    ("zoned", pa.timestamp("us", "Europe/Berlin")), ("decimal", pa.decimal128(38, 2)),
]  # fmt: skip


def test_every_type_that_the_format_has_can_be_read_again(sink: DeltaSink, tmp_path: Path) -> None:
    sink.publish(stage(tmp_path, 1, EU, columns=TYPES))
    frame = pl.read_delta(str(Path(sink.place.address.url)))
    assert frame.height == N_FILES * N_ROWS
    assert frame["naive"][0] == dt.datetime(1970, 1, 1, 0, 0, 0, 1)  # noqa: DTZ001 (naive is the point)
    assert dict(zip(frame.columns, frame.dtypes, strict=True))["int8"] == pl.Int8
    assert DeltaTable(Path(sink.place.address.url)).to_pyarrow_table().num_rows == frame.height


@pytest.mark.parametrize(
    "kind", [pa.uint8(), pa.uint64(), pa.float16(), pa.time64("us"), pa.duration("us"), pa.timestamp("ns")]
)
def test_a_type_that_the_format_lacks_is_refused_by_column(
    sink: DeltaSink, tmp_path: Path, kind: pa.DataType
) -> None:
    publication = stage(tmp_path, 1, EU, columns=[("odd", kind)])
    with pytest.raises(OutputUnwritable, match='cannot hold column "odd"') as caught:
        sink.publish(publication)
    assert "keep_columns" in (caught.value.fix or "")
    assert not Path(sink.place.address.url).exists()


def test_keys_have_their_types_in_the_table(tmp_path: Path) -> None:
    keys = (
        PartitionKey(name="day", type=KeyType.DATE),
        PartitionKey(name="shop", type=KeyType.INT),
    )
    sink = DeltaSink(OnDisk(tmp_path / "predictions"), "taxi_tips", keys)
    partition = Partition(names=("day", "shop"), values=(dt.date(2024, 1, 1), -5))
    publish(sink, tmp_path, 2, partition, kept(publish(sink, tmp_path, 1, partition)))
    frame = pl.read_delta(str(Path(sink.place.address.url)))
    assert frame.select("generation", "day", "shop").unique().rows() == [(2, dt.date(2024, 1, 1), -5)]


def test_a_new_column_is_added_and_old_rows_have_nulls(sink: DeltaSink, tmp_path: Path) -> None:
    publish(sink, tmp_path, 1, region("us"))
    columns = [("generation", pa.int64()), ("at", pa.timestamp("us"))]
    sink.publish(stage(tmp_path, 1, EU, columns=columns))
    frame = pl.read_delta(str(Path(sink.place.address.url)))
    assert frame["at"].null_count() == N_FILES * N_ROWS == frame["at"].count()


def test_a_column_of_another_type_is_refused(sink: DeltaSink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    changed = stage(tmp_path, 2, EU, base=kept(first), columns=[("generation", pa.string())])
    with pytest.raises(OutputSchemaChanged, match=r'"generation" is .*long.* would be .*string') as caught:
        sink.publish(changed)
    assert "output.path" in (caught.value.fix or "")
    assert holds(sink, EU, first.names)


def test_no_table_begins_among_plain_parquet_nor_parquet_in_a_table(tmp_path: Path) -> None:
    delta = DeltaSink(OnDisk(tmp_path / "predictions"), "taxi_tips", KEYS)
    parquet = ParquetSink(tmp_path / "predictions", Replaced(StateOnDisk(tmp_path / "state"), "replaced"))
    first = publish(parquet, tmp_path, 1, EU)
    with pytest.raises(OutputOccupied, match="where a Delta table would begin"):
        delta.publish(stage(tmp_path, 2, EU))
    assert holds(parquet, EU, first.names)
    (tmp_path / "predictions").rename(tmp_path / "moved away")
    publish(delta, tmp_path, 3, EU)
    with pytest.raises(OutputUnwritable, match="this is a Delta table"):
        parquet.publish(stage(tmp_path, 1, region("us")))


def test_a_table_with_other_keys_is_not_ours(sink: DeltaSink, tmp_path: Path) -> None:
    publish(sink, tmp_path, 1, EU)
    other = DeltaSink(sink.place, "taxi_tips", (PartitionKey(name="day", type=KeyType.DATE),))
    with pytest.raises(OutputSchemaChanged, match="not partitioned by day"):
        publish(other, tmp_path, 1, Partition(names=("day",), values=(dt.date(2024, 1, 1),)))


def test_what_somebody_else_wrote_into_a_partition_shows(sink: DeltaSink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    (Path(sink.place.address.url) / "elsewhere").mkdir()
    os.link(
        Path(sink.place.address.url) / EU.path / first.names[0],
        Path(sink.place.address.url) / "elsewhere" / "x.parquet",
    )
    table = DeltaTable(Path(sink.place.address.url))
    properties = delta_commits.properties(None, first)
    replace_partition(
        table,
        EU,
        [Added(path="elsewhere/x.parquet", n_bytes=first.files[0].n_bytes, n_rows=N_ROWS)],
        properties,
    )
    visible = sink.visible(EU)
    assert visible is not None
    assert [name.endswith("elsewhere/x.parquet") for name in visible] == [True]


def test_all_readers_see_odd_partitions_alike(sink: DeltaSink, tmp_path: Path) -> None:
    values = ["a=b %", "ü", "it's", "eu"]
    for value in values:
        publish(sink, tmp_path, 2, region(value), kept(publish(sink, tmp_path, 1, region(value))))
    expected = {(value, 2): N_FILES * N_ROWS for value in values}
    assert rows(tmp_path) == expected
    table = DeltaTable(Path(sink.place.address.url)).to_pyarrow_table()
    assert Counter(zip(table["region"].to_pylist(), table["generation"].to_pylist(), strict=True)) == expected


def test_duckdb_sees_the_current_generation(sink: DeltaSink, tmp_path: Path) -> None:
    publish(sink, tmp_path, 2, EU, kept(publish(sink, tmp_path, 1, EU)))
    connection = duckdb.connect(config={"autoinstall_known_extensions": False})
    try:
        connection.execute("load delta")
    except duckdb.Error as error:
        pytest.skip(f"DuckDB has no delta extension here: {str(error).splitlines()[0]}")
    found = connection.execute(
        "select region, generation, count(*) from delta_scan(?) group by all",
        [str(Path(sink.place.address.url))],
    ).fetchall()
    assert found == [("eu", 2, N_FILES * N_ROWS)]
