from __future__ import annotations

import errno
import multiprocessing as mp
import os
from collections.abc import Callable, Iterator, Sequence
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

from batch_scorer.core.chunks import StagedFile
from batch_scorer.core.errors import DamageFound, OutputUnwritable
from batch_scorer.core.footing import VisibleGeneration
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.sinks import parquet as parquet_sink
from batch_scorer.lake.sinks.parquet import ParquetSink, same_filesystem
from batch_scorer.lake.sinks.replaced import Replaced
from batch_scorer.lake.sinks.sink import Kept, Publication, holds
from batch_scorer.lake.storage import exchange
from batch_scorer.lake.storage.exchange import Guarantee, move_new, probe
from batch_scorer.lake.storage.preflight import check_writable, free_bytes, nearest_existing
from batch_scorer.lake.storage.state_files import StateOnDisk
from tests.lake.sinks import is_kept, on_disk, seen
from tests.patience import WAIT_S

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
    found = ParquetSink(tmp_path / "predictions", Replaced(StateOnDisk(tmp_path / "state"), "replaced"))
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


def publication(
    staged: Path, names: Sequence[str], generation: int, partition: Partition = PARTITION
) -> Publication:
    """It replaces the generation before it, if its number says that there is one."""
    before = tuple(f"part-{i}-{generation - 1}.parquet" for i in range(N_FILES))
    return Publication(
        partition=partition,
        generation=generation,
        run_id="01RUN",
        staged=on_disk(staged),
        files=tuple(StagedFile(name=name, n_rows=N_ROWS, n_bytes=1, sha256="s") for name in names),
        columns=(("generation", "int64"),),
        base=Kept(generation=generation - 1, names=before) if generation > 1 else None,
    )


def publish(sink: ParquetSink, generation: int, partition: Partition = PARTITION) -> tuple[str, ...]:
    root = sink.predictions.parent
    staged, names = stage(root, generation, partition)
    sink.publish(publication(staged, names, generation, partition))
    assert not staged.exists()
    return names


def replaced(root: Path, generation: int, partition: Partition = PARTITION) -> Path:
    return root / "state" / "replaced" / partition.path / str(generation - 1)


def visible(sink: ParquetSink) -> list[str]:
    return sorted(str(p.relative_to(sink.predictions)) for p in sink.predictions.rglob("*") if p.is_file())


def test_a_long_history_is_asked_for_no_further_back_than_directories_are_kept(sink: ParquetSink) -> None:
    names = {number: publish(sink, number) for number in (1, 2, 3, 4)}
    sink.forget(PARTITION, Kept(generation=1, names=names[1]), needed=frozenset())
    asked: list[int] = []

    def history() -> Iterator[VisibleGeneration]:
        for number in (3, 2, 1):
            asked.append(number)
            yield seen(Kept(generation=number, names=names[number]))

    assert [each.number for each in sink.kept_among(PARTITION, history())] == [3, 2]
    assert asked == [3, 2]
    other = Partition(names=("day",), values=("another",))
    assert (list(sink.kept_among(other, history())), asked) == ([], [3, 2])


def test_generations_follow_each_other_and_the_old_one_is_kept_whole(sink: ParquetSink) -> None:
    first = publish(sink, 1)
    assert holds(sink, PARTITION, first)
    second = publish(sink, 2)
    assert holds(sink, PARTITION, second)
    assert not holds(sink, PARTITION, first)
    assert sorted(os.listdir(replaced(sink.predictions.parent, 2))) == sorted(first)
    assert visible(sink) == [f"{PARTITION.path}/{name}" for name in sorted(second)]


def test_a_sibling_partition_is_never_touched(sink: ParquetSink) -> None:
    other = Partition(names=("day",), values=("another day",))
    names = publish(sink, 1, other)
    publish(sink, 1)
    publish(sink, 2)
    assert holds(sink, other, names)


def test_files_of_a_chunk_that_ran_twice_are_never_published(sink: ParquetSink, tmp_path: Path) -> None:
    staged, names = stage(tmp_path, 1)
    pq.write_table(pa.table({"generation": [1]}), staged / "part-0-again.parquet")
    (staged / "_SUCCESS").touch()
    sink.publish(publication(staged, names, 1))
    assert visible(sink) == [f"{PARTITION.path}/{name}" for name in sorted(["_SUCCESS", *names])]
    assert holds(sink, PARTITION, names)


def test_a_staged_file_that_is_gone_stops_the_publish(sink: ParquetSink, tmp_path: Path) -> None:
    old = publish(sink, 1)
    staged, names = stage(tmp_path, 2)
    (staged / names[1]).unlink()
    with pytest.raises(OutputUnwritable, match="is gone"):
        sink.publish(publication(staged, names, 2))
    assert holds(sink, PARTITION, old)


def test_a_replaced_generation_is_never_overwritten(sink: ParquetSink, tmp_path: Path) -> None:
    old = publish(sink, 1)
    replaced(tmp_path, 2).mkdir(parents=True)
    staged, names = stage(tmp_path, 2)
    with pytest.raises(OutputUnwritable, match="already a replaced generation"):
        sink.publish(publication(staged, names, 2))
    assert holds(sink, PARTITION, old)
    assert sorted(os.listdir(staged)) == sorted(names)


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("elsewhere")])
def test_what_is_not_ours_is_not_replaced(
    sink: ParquetSink, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    sink.predictions.mkdir()
    make(sink.predictions / PARTITION.path)
    staged, names = stage(tmp_path, 1)
    with pytest.raises(OutputUnwritable, match="not a directory of ours"):
        sink.publish(publication(staged, names, 1))


def test_a_file_in_place_of_the_table_is_unwritable(sink: ParquetSink, tmp_path: Path) -> None:
    sink.predictions.touch()
    staged, names = stage(tmp_path, 1)
    with pytest.raises(OutputUnwritable):
        sink.publish(publication(staged, names, 1))
    assert not holds(sink, PARTITION, names)


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
        sink.publish(publication(staged, new, 2))
    if sink.guarantee is Guarantee.ATOMIC_EXCHANGE:
        assert holds(sink, PARTITION, new)
        assert sorted(os.listdir(staged)) == sorted(old)
    else:  # what readers saw came back at once
        assert holds(sink, PARTITION, old)
        assert sorted(os.listdir(staged)) == sorted(new)


def test_a_kill_behind_the_exchange_is_finished_and_one_between_two_renames_undone(
    sink: ParquetSink, tmp_path: Path
) -> None:
    old = publish(sink, 1)
    staged, new = stage(tmp_path, 2)
    target, away = sink.predictions / PARTITION.path, replaced(tmp_path, 2)
    if sink.guarantee is Guarantee.ATOMIC_EXCHANGE:
        exchange.exchange(staged, target)
    else:
        away.parent.mkdir(parents=True, exist_ok=True)
        target.rename(away)
        assert sink.visible(PARTITION) is None
    for _ in range(2):  # both are repeatable
        if holds(sink, PARTITION, new):
            sink.finish(publication(staged, new, 2))
        else:
            sink.undo(publication(staged, new, 2))
    if sink.guarantee is Guarantee.ATOMIC_EXCHANGE:
        assert holds(sink, PARTITION, new)
        assert sorted(os.listdir(away)) == sorted(old)
    else:
        assert holds(sink, PARTITION, old)
        assert sorted(os.listdir(staged)) == sorted(new)


def test_what_a_kill_left_visible_is_on_the_disk_before_it_counts_and_the_old_generation_moves(
    sink: ParquetSink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the exchange, and before its fsync: a power cut would bring the old generation back."""
    publish(sink, 1)
    if sink.guarantee is not Guarantee.ATOMIC_EXCHANGE:
        pytest.skip("the old generation has moved before")
    staged, new = stage(tmp_path, 2)
    exchange.exchange(staged, sink.predictions / PARTITION.path)
    refused: list[Path] = []

    def refuse(path: Path) -> None:
        refused.append(path)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(parquet_sink, "fsync_directory", refuse)
        with pytest.raises(OutputUnwritable, match="Input/output error"):
            sink.finish(publication(staged, new, 2))
    assert refused == [(sink.predictions / PARTITION.path).parent]
    assert not replaced(tmp_path, 2).exists()
    sink.finish(publication(staged, new, 2))
    assert holds(sink, PARTITION, new)
    assert replaced(tmp_path, 2).exists()


def test_a_replaced_generation_is_recalled_published_again_and_forgotten(
    sink: ParquetSink, tmp_path: Path
) -> None:
    first = Kept(generation=1, names=publish(sink, 1))
    publish(sink, 2)
    assert is_kept(sink, PARTITION, first)
    staged = tmp_path / "state" / "staging" / "again"
    staged.mkdir(parents=True)
    for _ in range(2):
        sink.recall(PARTITION, first, on_disk(staged))
    sink.publish(publication(staged, first.names, 3))
    assert holds(sink, PARTITION, first.names)
    assert is_kept(sink, PARTITION, first)  # linked, not moved

    assert sink.forget(PARTITION, first, needed=frozenset()) == 0  # readers still have these bytes
    assert not is_kept(sink, PARTITION, first)
    assert holds(sink, PARTITION, first.names)
    with pytest.raises(DamageFound, match="is gone"):
        sink.recall(PARTITION, first, on_disk(tmp_path))
    assert sink.forget(PARTITION, first, needed=frozenset()) == 0


values = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text not in (".", "..") and not set(text) & set("/\\\0")
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values, st.integers())
def test_partition_names_with_odd_characters_are_published_and_read_back(
    tmp_path: Path, text: str, unique: int
) -> None:
    root = tmp_path / f"{unique}-{len(os.listdir(tmp_path))}"
    sink = ParquetSink(root / "predictions", Replaced(StateOnDisk(root / "state"), "replaced"))
    partition = Partition(names=("city", "n"), values=(text, 7))
    root.mkdir()
    publish(sink, 1, partition)
    names = publish(sink, 2, partition)
    assert holds(sink, partition, names)
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
    assert ParquetSink(predictions, Replaced(StateOnDisk(tmp_path), "replaced")).guarantee in Guarantee
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
    sink = ParquetSink(tmp_path / "predictions", Replaced(StateOnDisk(tmp_path / "state"), "replaced"))
    publish(sink, 1)
    context = mp.get_context("spawn")
    ready, stop, seen = context.Event(), context.Event(), context.SimpleQueue()
    reader = context.Process(
        target=_read_until_told, args=(read, str(sink.predictions), ready, stop, seen), daemon=True
    )
    reader.start()
    assert ready.wait(WAIT_S)
    for generation in range(2, 202):
        publish(sink, generation)
    stop.set()
    reader.join(WAIT_S)
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
