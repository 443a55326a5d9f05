"""Fingerprints of input files: written down once, they must never come out otherwise."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.lakefiles import FileStamp, LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.partitions import Partition

DAY = Partition(names=("ds",), values=(dt.date(2024, 4, 9),))
numbers = st.integers(min_value=0, max_value=2**64 - 1)
texts = st.text(st.characters(codec=None))  # a name on disk may hold any byte, as a lone surrogate
stamps = st.builds(
    FileStamp, size=numbers, mtime_ns=numbers, ctime_ns=numbers, inode=numbers, etag=st.none() | texts
)
files = st.lists(st.builds(LakeFile, path=texts, stamp=stamps, sha256=texts.filter(bool)), max_size=3)


def _sha256_of_json(entries: Sequence[Sequence[object]]) -> str:
    return hashlib.sha256(json.dumps(entries, separators=(",", ":")).encode()).hexdigest()


@given(found=files)
def test_stamps_are_hashed_as_compact_json(found: list[LakeFile]) -> None:
    partition = PartitionFiles(partition=DAY, directory="ds=2024-04-09", files=tuple(found))
    told = [
        [f.path, f.stamp.size, f.stamp.mtime_ns, f.stamp.ctime_ns, f.stamp.inode, f.stamp.etag] for f in found
    ]
    assert partition.stamp_fingerprint == _sha256_of_json(told)
    assert partition.stamp_fingerprint == _sha256_of_json(told)  # the second answer is kept from the first


@given(found=files)
def test_contents_are_hashed_as_compact_json_by_path(found: list[LakeFile]) -> None:
    ordered = sorted(found, key=lambda file: file.path)
    assert content_fingerprint(found) == _sha256_of_json([[f.path, f.sha256] for f in ordered])


def test_a_partition_with_other_files_has_other_stamps() -> None:
    """What was asked of the partition before does not stick to its copy."""
    stamp = FileStamp(size=1, mtime_ns=2, ctime_ns=3, inode=4)
    found = PartitionFiles(partition=DAY, directory="d", files=(LakeFile(path="d/a.parquet", stamp=stamp),))
    before = found.stamp_fingerprint
    for change in ({"size": 9}, {"mtime_ns": 9}, {"ctime_ns": 9}, {"inode": 9}, {"etag": "9"}):
        moved = LakeFile(path="d/a.parquet", stamp=replace(stamp, **change))
        assert replace(found, files=(moved,)).stamp_fingerprint != before
    assert replace(found, has_marker=False).stamp_fingerprint == before
