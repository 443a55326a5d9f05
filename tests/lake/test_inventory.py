from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core.errors import PartitionPathRefused, StoreUnavailable
from batch_scorer.core.lakefiles import Inventory, PartitionFiles
from batch_scorer.core.partitions import KeyType, Partition, PartitionKey
from batch_scorer.lake.finding.inventory import list_partitions, relist
from batch_scorer.lake.storage.storage import Entry, LocalStorage
from tests.lake.lakes import DAY, STORAGE

REGION = PartitionKey(name="region", type=KeyType.STRING)
SHARD = PartitionKey(name="shard", type=KeyType.INT)


def inventory(root: Path, *keys: PartitionKey, marker: str | None = None) -> Inventory:
    return list_partitions(STORAGE, str(root), keys, keep=lambda _: True, marker=marker)


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def reasons(found: Inventory) -> dict[str, str]:
    assert all(isinstance(refused.error, PartitionPathRefused) for refused in found.refused)
    return {refused.directory: refused.error.what for refused in found.refused}


def test_nested_keys_give_typed_partitions_sorted_by_path(tmp_path: Path) -> None:
    touch(tmp_path, "region=us/day=2024-01-01/a.parquet", "region=eu/day=2024-01-02/b.parquet")
    touch(tmp_path, "region=eu/day=2024-01-01/z.parquet", "region=eu/day=2024-01-01/a.parquet")
    found = inventory(tmp_path, REGION, DAY)
    assert [p.partition.values for p in found.partitions] == [
        ("eu", dt.date(2024, 1, 1)),
        ("eu", dt.date(2024, 1, 2)),
        ("us", dt.date(2024, 1, 1)),
    ]
    assert [f.path for f in found.partitions[0].files] == [
        "region=eu/day=2024-01-01/a.parquet",
        "region=eu/day=2024-01-01/z.parquet",
    ]
    assert found.refused == ()


def test_temporary_files_markers_and_other_formats_are_no_data(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "README.txt",
        "_delta_log/0.json",
        "day=2024-01-01/_SUCCESS",
        "day=2024-01-01/.a.parquet.crc",
        "day=2024-01-01/_tmp.parquet",
        "day=2024-01-01/_temporary/0/a.parquet",
        "day=2024-01-01/notes.csv",
    )
    found = inventory(tmp_path, DAY)
    assert [(p.files, p.ignored) for p in found.partitions] == [((), ("notes.csv",))]
    assert found.refused == ()


@pytest.mark.parametrize("name", ["part-2.PARQUET", "part-2.pq", "part-2.Parq"])
def test_a_data_file_with_another_suffix_refuses_its_partition(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "day=2024-01-01/a.parquet", f"day=2024-01-01/{name}", "day=2024-01-02/a.parquet")
    found = inventory(tmp_path, DAY)
    assert [p.directory for p in found.partitions] == ["day=2024-01-02"]
    assert f'"{name}" looks like Parquet' in reasons(found)["day=2024-01-01"]
    assert found.refused[0].error.where == "day=2024-01-01"


def test_the_marker_is_no_ignored_file(tmp_path: Path) -> None:
    touch(tmp_path, "day=2024-01-01/a.parquet", "day=2024-01-01/done.csv")
    (found,) = inventory(tmp_path, DAY, marker="done.csv").partitions
    assert (found.has_marker, found.ignored) == (True, ())


def test_the_marker_says_whether_a_partition_is_complete(tmp_path: Path) -> None:
    touch(tmp_path, "day=2024-01-01/_SUCCESS", "day=2024-01-02/a.parquet")
    assert [p.has_marker for p in inventory(tmp_path, DAY, marker="_SUCCESS").partitions] == [True, False]
    assert [p.has_marker for p in inventory(tmp_path, DAY).partitions] == [True, True]


@pytest.mark.parametrize(
    ("key", "name", "reason"),
    [
        (REGION, "region=__HIVE_DEFAULT_PARTITION__", "is null"),
        (REGION, "region=a%2Fb", "could leave its directory"),
        (SHARD, "shard=007", "canonical"),
        (DAY, "day=2024-13-01", "month"),
        (DAY, "day=2024-01-01 00:00:00", "not a date"),
        (DAY, "2024-01-01", 'not "day=…"'),
    ],
)
def test_a_directory_that_is_no_partition_is_refused_and_the_others_are_found(
    tmp_path: Path, key: PartitionKey, name: str, reason: str
) -> None:
    good = {REGION: "region=eu", SHARD: "shard=7", DAY: "day=2024-01-01"}[key]
    touch(tmp_path, f"{name}/a.parquet", f"{good}/a.parquet")
    found = inventory(tmp_path, key)
    assert [p.directory for p in found.partitions] == [good]
    assert reasons(found).keys() == {name}
    assert reason in reasons(found)[name]


def test_two_directories_that_mean_the_same_partition_are_both_refused(tmp_path: Path) -> None:
    touch(tmp_path, "region=São/a.parquet", "region=S%C3%A3o/a.parquet", "region=eu/a.parquet")
    found = inventory(tmp_path, REGION)
    assert [p.directory for p in found.partitions] == ["region=eu"]
    assert reasons(found).keys() == {"region=São", "region=S%C3%A3o"}


def test_symlinks_are_refused_and_loops_never_followed(tmp_path: Path) -> None:
    touch(tmp_path, "day=2024-01-01/a.parquet", "day=2024-01-03/a.parquet")
    (tmp_path / "day=2024-01-02").symlink_to("day=2024-01-01")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "day=2024-01-03" / "b.parquet").symlink_to("a.parquet")
    found = inventory(tmp_path, DAY)
    assert [p.directory for p in found.partitions] == ["day=2024-01-01"]
    assert reasons(found).keys() == {"day=2024-01-02", "day=2024-01-03", "loop"}
    assert all("symlink" in reason for reason in reasons(found).values())
    named = {refused.directory: refused.partition for refused in found.refused}
    assert [p and str(p) for p in named.values()] == ["day=2024-01-02", "day=2024-01-03", None]


def test_a_refused_directory_above_the_last_key_is_known_by_the_keys_it_has(tmp_path: Path) -> None:
    touch(tmp_path, "region=eu/day=2024-01-01/a.parquet")
    (tmp_path / "region=us").symlink_to("region=eu")
    (refused,) = inventory(tmp_path, REGION, DAY).refused
    assert refused.partition == Partition(names=("region",), values=("us",))


def test_an_undeclared_directory_below_a_partition_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "day=2024-01-01/hour=3/a.parquet")
    assert "declare its key" in str(inventory(tmp_path, DAY).refused[0].error.fix)


def test_rows_outside_of_any_partition_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    touch(tmp_path, "stray.parquet", "region=eu/stray.parquet", "region=eu/day=2024-01-01/a.parquet")
    found = inventory(tmp_path, REGION, DAY)
    assert len(found.partitions) == 1
    assert reasons(found).keys() == {"stray.parquet", "region=eu/stray.parquet"}


def test_files_are_listed_only_in_partitions_that_are_kept(tmp_path: Path) -> None:
    listed: list[str] = []

    class Watched(LocalStorage):
        def list(self, root: str, directory: str) -> tuple[Entry, ...]:
            listed.append(directory)
            return super().list(root, directory)

    touch(tmp_path, *(f"day=2024-01-{day:02}/a.parquet" for day in range(1, 31)))

    def keep(partition: Partition) -> bool:
        return partition.date == dt.date(2024, 1, 7)

    found = list_partitions(Watched(), str(tmp_path), (DAY,), keep=keep, marker=None)
    assert [p.directory for p in found.partitions] == ["day=2024-01-07"]
    assert listed == ["", "day=2024-01-07"]


def test_a_missing_root_says_where_and_an_empty_one_has_no_partitions(tmp_path: Path) -> None:
    assert inventory(tmp_path, DAY) == Inventory(partitions=())
    with pytest.raises(StoreUnavailable) as caught:
        inventory(tmp_path / "nowhere", DAY)
    assert caught.value.where == str(tmp_path / "nowhere")
    assert "input.path" in str(caught.value.fix)


def test_one_partition_is_listed_again_as_it_is_now(tmp_path: Path) -> None:
    touch(tmp_path, "day=2024-01-01/a.parquet")
    (found,) = inventory(tmp_path, DAY).partitions
    assert relist(STORAGE, str(tmp_path), found) == found
    touch(tmp_path, "day=2024-01-01/late.parquet")
    again = relist(STORAGE, str(tmp_path), found)
    assert isinstance(again, PartitionFiles)
    assert again.stamp_fingerprint != found.stamp_fingerprint
    for name in ("a.parquet", "late.parquet"):
        (tmp_path / "day=2024-01-01" / name).unlink()
    (tmp_path / "day=2024-01-01").rmdir()
    assert relist(STORAGE, str(tmp_path), found) is None


def test_a_thousand_partitions_take_milliseconds(tmp_path: Path) -> None:
    """Told by the calls for each of them, of Python and of its libraries, not by a clock: 61 took 40 µs."""
    for shard in range(1_000):
        os.mkdir(tmp_path / f"shard={shard}")  # noqa: PTH102
        (tmp_path / f"shard={shard}" / "a.parquet").touch()
    n_calls = 0

    def count(_frame: Any, event: str, _what: Any) -> None:
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = inventory(tmp_path, SHARD)
    finally:
        sys.setprofile(None)
    assert len(found.partitions) == 1_000
    assert n_calls < 100 * 1_000


def test_names_that_are_not_utf8_refuse_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    touch(tmp_path, "region=eu/a.parquet", "region=us/a.parquet", os.fsdecode(b"region=us/b\xff.parquet"))
    touch(tmp_path, os.fsdecode(b"region=\xff/a.parquet"))
    found = inventory(tmp_path, REGION)
    assert [each.partition.values for each in found.partitions] == [("eu",)]
    assert reasons(found) == {
        "region=us": 'the name of the file "b\\udcff.parquet" is not UTF-8',
        os.fsdecode(b"region=\xff"): 'the value of partition key "region" is not UTF-8',
    }
