from __future__ import annotations

import errno
import multiprocessing as mp
import os
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_scorer.core.errors import OutputUnwritable
from batch_scorer.core.partitions import Partition
from batch_scorer.lake import exchange, parquet_sink
from batch_scorer.lake.exchange import Guarantee, move_new, probe
from batch_scorer.lake.parquet_sink import ParquetSink, same_filesystem
from batch_scorer.lake.preflight import check_writable, free_bytes, nearest_existing

PARTITION = Partition(names=("day",), values=("a day",))
N_FILES, N_ROWS = 3, 50
Seen = tuple[int, list[list[int]]]


@pytest.fixture(params=list(Guarantee))
def sink(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ParquetSink:
    """On this file system, and as on one that knows no exchange."""
    parquet_sink._probed.cache_clear()
    if request.param is Guarantee.TWO_RENAMES:
        monkeypatch.setattr(exchange, "_renameat2", None)
    elif probe(tmp_path) is not request.param:
        pytest.skip("this file system has no atomic exchange")
    found = ParquetSink(tmp_path / "predictions")
    assert found.guarantee is request.param
    return found


def stage(root: Path, generation: int, partition: Partition = PARTITION) -> tuple[Path, tuple[str, ...]]:
    """N_FILES files of one generation, under names of their own."""
    staged = root / "state" / "staging" / partition.path / str(generation)
    staged.mkdir(parents=True)
    names = tuple(f"part-{i}-{generation}.parquet" for i in range(N_FILES))
    for name in names:
        pq.write_table(pa.table({"generation": [generation] * N_ROWS}), staged / name)
    return staged, names


def publish(sink: ParquetSink, generation: int, partition: Partition = PARTITION) -> tuple[str, ...]:
    root = sink.predictions.parent
    staged, names = stage(root, generation, partition)
    sink.publish(partition, staged, replaced(root, generation, partition), names)
    assert not staged.exists()
    return names


def replaced(root: Path, generation: int, partition: Partition = PARTITION) -> Path:
    return root / "state" / "replaced" / partition.path / str(generation - 1)


def visible(sink: ParquetSink) -> list[str]:
    return sorted(str(p.relative_to(sink.predictions)) for p in sink.predictions.rglob("*") if p.is_file())


def test_generations_follow_each_other_and_the_old_one_is_kept_whole(sink: ParquetSink) -> None:
    first = publish(sink, 1)
    assert sink.holds(PARTITION, first)
    second = publish(sink, 2)
    assert sink.holds(PARTITION, second)
    assert not sink.holds(PARTITION, first)
    assert sorted(os.listdir(replaced(sink.predictions.parent, 2))) == sorted(first)
    assert visible(sink) == [f"{PARTITION.path}/{name}" for name in sorted(second)]


def test_a_sibling_partition_is_never_touched(sink: ParquetSink) -> None:
    other = Partition(names=("day",), values=("another day",))
    names = publish(sink, 1, other)
    publish(sink, 1)
    publish(sink, 2)
    assert sink.holds(other, names)


def test_files_of_a_chunk_that_ran_twice_are_never_published(sink: ParquetSink, tmp_path: Path) -> None:
    staged, names = stage(tmp_path, 1)
    pq.write_table(pa.table({"generation": [1]}), staged / "part-0-again.parquet")
    (staged / "_SUCCESS").touch()
    sink.publish(PARTITION, staged, replaced(tmp_path, 1), names)
    assert visible(sink) == [f"{PARTITION.path}/{name}" for name in sorted(["_SUCCESS", *names])]
    assert sink.holds(PARTITION, names)


def test_a_staged_file_that_is_gone_stops_the_publish(sink: ParquetSink, tmp_path: Path) -> None:
    old = publish(sink, 1)
    staged, names = stage(tmp_path, 2)
    (staged / names[1]).unlink()
    with pytest.raises(OutputUnwritable, match="is gone"):
        sink.publish(PARTITION, staged, replaced(tmp_path, 2), names)
    assert sink.holds(PARTITION, old)


def test_a_replaced_generation_is_never_overwritten(sink: ParquetSink, tmp_path: Path) -> None:
    old = publish(sink, 1)
    replaced(tmp_path, 2).mkdir(parents=True)
    staged, names = stage(tmp_path, 2)
    with pytest.raises(OutputUnwritable, match="already a replaced generation"):
        sink.publish(PARTITION, staged, replaced(tmp_path, 2), names)
    assert sink.holds(PARTITION, old)
    assert sorted(os.listdir(staged)) == sorted(names)


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_what_is_not_ours_is_not_replaced(
    sink: ParquetSink, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    sink.predictions.mkdir()
    make(sink.predictions / PARTITION.path)
    staged, names = stage(tmp_path, 1)
    with pytest.raises(OutputUnwritable, match="not a directory of ours"):
        sink.publish(PARTITION, staged, replaced(tmp_path, 1), names)


def test_a_file_in_place_of_the_table_is_unwritable(sink: ParquetSink, tmp_path: Path) -> None:
    sink.predictions.touch()
    staged, names = stage(tmp_path, 1)
    with pytest.raises(OutputUnwritable):
        sink.publish(PARTITION, staged, replaced(tmp_path, 1), names)
    assert not sink.holds(PARTITION, names)


def test_a_crash_between_the_steps_leaves_both_generations_whole(
    sink: ParquetSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = publish(sink, 1)
    staged, new = stage(tmp_path, 2)
    calls: list[Path] = []

    def crashing(source: Path, target: Path) -> None:
        calls.append(source)
        if source == staged:
            raise OSError(errno.EIO, "power cut")
        move_new(source, target)

    monkeypatch.setattr(parquet_sink, "move_new", crashing)
    with pytest.raises(OutputUnwritable, match="power cut"):
        sink.publish(PARTITION, staged, replaced(tmp_path, 2), new)
    if sink.guarantee is Guarantee.ATOMIC_EXCHANGE:
        assert sink.holds(PARTITION, new)
        assert sorted(os.listdir(staged)) == sorted(old)
    else:
        assert not sink.holds(PARTITION, old)
        assert sorted(os.listdir(replaced(tmp_path, 2))) == sorted(old)
        assert sorted(os.listdir(staged)) == sorted(new)


values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text not in (".", "..") and not set(text) & set("/\\\0")
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values, st.integers())
def test_partition_names_with_odd_characters_are_published_and_read_back(
    tmp_path: Path, text: str, unique: int
) -> None:
    root = tmp_path / f"{unique}-{len(os.listdir(tmp_path))}"
    sink = ParquetSink(root / "predictions")
    partition = Partition(names=("city", "n"), values=(text, 7))
    root.mkdir()
    publish(sink, 1, partition)
    names = publish(sink, 2, partition)
    assert sink.holds(partition, names)
    table = ds.dataset(sink.predictions, partitioning="hive").to_table()
    assert table.num_rows == N_FILES * N_ROWS
    assert set(table["generation"].to_pylist()) == {2}


def test_move_new_refuses_to_replace(sink: ParquetSink, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError):
        move_new(tmp_path / "a", tmp_path / "b")
    move_new(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").is_dir()


def test_probing_leaves_nothing_and_never_looks_into_the_table(tmp_path: Path) -> None:
    predictions = tmp_path / "predictions"
    predictions.mkdir(mode=0o500)
    before = predictions.stat().st_mtime_ns
    assert ParquetSink(predictions).guarantee in Guarantee
    assert predictions.stat().st_mtime_ns == before
    assert os.listdir(tmp_path) == ["predictions"]


def _read_pyarrow(table: str) -> list[int]:
    return ds.dataset(table, partitioning="hive").to_table()["generation"].to_pylist()  # type: ignore[no-any-return]


def _read_polars(table: str) -> list[int]:
    return pl.read_parquet(f"{table}/*/*.parquet", hive_partitioning=False)["generation"].to_list()


def _read_duckdb(table: str) -> list[int]:
    with duckdb.connect() as connection:
        query = f"SELECT generation FROM read_parquet('{table}/*/*.parquet', hive_partitioning = false)"
        return [row[0] for row in connection.sql(query).fetchall()]


def _read_until_told(
    read: Callable[[str], list[int]], table: str, ready: Event, stop: Event, seen: SimpleQueue[Seen]
) -> None:
    """Report how many reads succeeded and what was anything but one whole generation."""
    n_reads, wrong = 0, []
    while not stop.is_set():
        try:
            generations = read(table)
        except Exception:
            continue
        n_reads += 1
        ready.set()
        if len(set(generations)) != 1 or len(generations) != N_FILES * N_ROWS:
            wrong.append(sorted(set(generations)))
    seen.put((n_reads, wrong))


@pytest.mark.parametrize("read", [_read_pyarrow, _read_polars, _read_duckdb])
def test_a_looping_reader_sees_only_whole_generations(
    tmp_path: Path, read: Callable[[str], list[int]]
) -> None:
    if probe(tmp_path) is not Guarantee.ATOMIC_EXCHANGE:
        pytest.skip("this file system has no atomic exchange")
    sink = ParquetSink(tmp_path / "predictions")
    publish(sink, 0)
    context = mp.get_context("spawn")
    ready, stop, seen = context.Event(), context.Event(), context.SimpleQueue()
    reader = context.Process(
        target=_read_until_told, args=(read, str(sink.predictions), ready, stop, seen), daemon=True
    )
    reader.start()
    assert ready.wait(60)
    for generation in range(1, 201):
        publish(sink, generation)
    stop.set()
    reader.join(60)
    n_reads, wrong = seen.get()
    assert wrong == []
    assert n_reads > 1


def test_preflight_measures_where_the_path_will_be(tmp_path: Path) -> None:
    future = tmp_path / "not" / "yet"
    assert nearest_existing(future) == tmp_path
    assert 0 < free_bytes(future) < 2**60
    assert same_filesystem(future, tmp_path / "other")
    check_writable(future)
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputUnwritable) as caught:
            check_writable(path)
        assert caught.value.where == str(tmp_path / "file")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that refuses everybody")
def test_a_file_system_that_takes_no_files_is_unwritable() -> None:
    with pytest.raises(OutputUnwritable):
        check_writable(Path("/proc/self"))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_another_file_system_is_told_apart(tmp_path: Path) -> None:
    other = Path("/dev/shm")
    assert same_filesystem(tmp_path, other) == (tmp_path.stat().st_dev == other.stat().st_dev)
