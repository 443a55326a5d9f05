"""What execution relies on, of every sink alike."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from batch_scorer.core.errors import DamageFound, OutputUnwritable
from batch_scorer.lake.sinks import parquet as parquet_sink
from batch_scorer.lake.sinks.delta.disk import OnDisk
from batch_scorer.lake.sinks.delta.objects import InStore
from batch_scorer.lake.sinks.delta.sink import DeltaSink
from batch_scorer.lake.sinks.parquet import ParquetSink
from batch_scorer.lake.sinks.parquet_in_store import ParquetInStore
from batch_scorer.lake.sinks.replaced import Replaced
from batch_scorer.lake.sinks.sink import Sink, holds
from batch_scorer.lake.storage import exchange
from batch_scorer.lake.storage.exchange import Guarantee, probe
from batch_scorer.lake.storage.state_files import StateOnDisk
from tests.lake.sinks import KEYS, is_kept, kept, on_disk, publish, region, seen, stage
from tests.objectstore.fixtures import Bucket

EU = region("eu")
ODD = ["a=b %", "ü", "it's", 'say "hi"', "x&y+z", "100%25", "a:b?c*", "null", "-5"]


@pytest.fixture(params=["atomic exchange", "two renames", "delta", "delta in a store", "parquet in a store"])
def sink(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sink:
    if request.param == "delta":
        return DeltaSink(OnDisk(tmp_path / "predictions"), "taxi_tips", KEYS)
    if request.param == "delta in a store":
        return DeltaSink(InStore(request.getfixturevalue("bucket").direct, "predictions"), "taxi_tips", KEYS)
    if request.param == "parquet in a store":
        return ParquetInStore(
            store=request.getfixturevalue("bucket").direct,
            prefix="predictions",
            replaced=Replaced(StateOnDisk(tmp_path / "state"), "replaced"),
            in_place=True,
        )
    parquet_sink._probed.cache_clear()
    if request.param == "two renames":
        monkeypatch.setattr(exchange, "_renameat2", None)
    elif probe(tmp_path) is not Guarantee.ATOMIC_EXCHANGE:
        pytest.skip("this file system has no atomic exchange")
    return ParquetSink(tmp_path / "predictions", Replaced(StateOnDisk(tmp_path / "state"), "replaced"))


@dataclass(frozen=True)
class Vandal:
    """Takes away what was published, wherever it is."""

    root: Path
    bucket: Bucket | None

    def take_file(self, name: str) -> None:
        for path in [*self.root.rglob(name)]:
            path.unlink()
        self._delete(lambda key: key.endswith(name))

    def take_table(self) -> None:
        shutil.rmtree(self.root / "predictions", ignore_errors=True)
        self._delete(lambda key: key.startswith("predictions/"))

    def _delete(self, is_meant: Callable[[str], bool]) -> None:
        if self.bucket is not None:
            self.bucket.direct.delete(*filter(is_meant, self.bucket.keys()))


@pytest.fixture
def vandal(request: pytest.FixtureRequest, sink: Sink, tmp_path: Path) -> Vandal:
    in_store = isinstance(sink, ParquetInStore) or (
        isinstance(sink, DeltaSink) and isinstance(sink.place, InStore)
    )
    return Vandal(tmp_path, request.getfixturevalue("bucket") if in_store else None)


def test_where_nothing_was_published_nothing_is_visible(sink: Sink) -> None:
    assert sink.visible(EU) is None


def test_a_generation_replaces_the_one_before_it(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    assert holds(sink, EU, first.names)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    assert holds(sink, EU, second.names)
    assert is_kept(sink, EU, kept(first))


def test_of_a_history_those_are_found_whose_files_are_there(
    sink: Sink, tmp_path: Path, vandal: Vandal
) -> None:
    published = [publish(sink, tmp_path, 1, EU)]
    for number in (2, 3, 4):
        published.append(publish(sink, tmp_path, number, EU, kept(published[-1])))
    vandal.take_file(published[1].names[0])
    history = [seen(kept(each)) for each in reversed(published[:3])]
    assert [each.number for each in sink.kept_among(EU, history)] == [3, 1]


def test_a_sibling_partition_is_never_touched(sink: Sink, tmp_path: Path) -> None:
    other = publish(sink, tmp_path, 1, region("us"))
    publish(sink, tmp_path, 2, EU, kept(publish(sink, tmp_path, 1, EU)))
    assert holds(sink, region("us"), other.names)


def test_odd_values_are_partitions_like_any_other(sink: Sink, tmp_path: Path) -> None:
    published = {value: publish(sink, tmp_path, 1, region(value)) for value in ODD}
    published[ODD[0]] = publish(sink, tmp_path, 2, region(ODD[0]), kept(published[ODD[0]]))
    for value, publication in published.items():
        assert holds(sink, region(value), publication.names)
    assert sink.visible(EU) is None


def test_a_generation_without_files_is_visible_as_one(sink: Sink, tmp_path: Path) -> None:
    if isinstance(sink, ParquetInStore):
        pytest.skip("a prefix without objects is none")
    first = publish(sink, tmp_path, 1, EU)
    empty = replace(stage(tmp_path, 2, EU, base=kept(first)), files=())
    sink.publish(empty)
    assert sink.visible(EU) == frozenset()
    third = publish(sink, tmp_path, 3, EU, kept(empty))
    assert holds(sink, EU, third.names)


def test_a_staged_file_that_is_gone_stops_the_publish(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = stage(tmp_path, 2, EU, base=kept(first))
    (second.staged.path / second.names[1]).unlink()
    with pytest.raises(OutputUnwritable, match="is gone"):
        sink.publish(second)
    assert holds(sink, EU, first.names)


def test_a_publish_whose_staging_was_renamed_finds_nothing(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = stage(tmp_path, 2, EU, base=kept(first))
    second.staged.path.rename(second.staged.path.with_name("taken over"))
    with pytest.raises(OutputUnwritable):
        sink.publish(second)
    assert holds(sink, EU, first.names)


def test_finish_and_undo_change_nothing_once_a_generation_is_visible(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    for _ in range(2):
        sink.finish(second)
        sink.undo(second)
    assert holds(sink, EU, second.names)
    assert is_kept(sink, EU, kept(first))


def test_undo_of_a_publish_that_moved_nothing_is_repeatable(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = stage(tmp_path, 2, EU, base=kept(first))
    for _ in range(2):
        sink.undo(second)
    assert sorted(os.listdir(second.staged.path)) == sorted(second.names)
    assert holds(sink, EU, first.names)
    sink.publish(second)
    assert holds(sink, EU, second.names)


def test_an_earlier_generation_is_recalled_and_published_again(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    again = replace(
        first, generation=3, staged=on_disk(tmp_path / "state" / "staging" / "3"), base=kept(second)
    )
    again.staged.path.mkdir()
    for _ in range(2):
        sink.recall(EU, kept(first), again.staged)
    assert holds(sink, EU, second.names)
    sink.publish(again)
    assert holds(sink, EU, first.names)
    assert is_kept(sink, EU, kept(second))
    assert not again.staged.path.exists() or not os.listdir(again.staged.path)


def test_a_recall_of_files_that_are_gone_is_damage(sink: Sink, tmp_path: Path, vandal: Vandal) -> None:
    first = publish(sink, tmp_path, 1, EU)
    publish(sink, tmp_path, 2, EU, kept(first))
    vandal.take_file(first.names[0])
    assert not is_kept(sink, EU, kept(first))
    (tmp_path / "staged").mkdir()
    with pytest.raises(DamageFound, match="of generation 1 is gone"):
        sink.recall(EU, kept(first), on_disk(tmp_path / "staged"))


def test_a_forgotten_generation_frees_its_bytes_and_no_others(sink: Sink, tmp_path: Path) -> None:
    first = publish(sink, tmp_path, 1, EU)
    second = publish(sink, tmp_path, 2, EU, kept(first))
    n_bytes = sink.forget(EU, kept(first), needed=frozenset(second.names))
    assert n_bytes == sum(file.n_bytes for file in first.files)
    assert not is_kept(sink, EU, kept(first))
    assert sink.forget(EU, kept(first), needed=frozenset(second.names)) == 0
    assert holds(sink, EU, second.names)


def test_a_table_that_was_taken_away_begins_anew(sink: Sink, tmp_path: Path, vandal: Vandal) -> None:
    publish(sink, tmp_path, 1, EU)
    vandal.take_table()
    assert sink.visible(EU) is None
    third = publish(sink, tmp_path, 3, EU)
    assert holds(sink, EU, third.names)
