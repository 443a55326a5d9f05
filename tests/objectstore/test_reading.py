"""Reading Parquet out of a bucket: the same rows as from a disk, and no more bytes than the columns need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.chunks import Chunk, ReadSpec
from batch_scorer.core.errors import FileUnreadable, InputMoved, StoreUnavailable
from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.core.models import ColumnSpec
from batch_scorer.core.partitions import Partition
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.reading.reader import read_chunk
from batch_scorer.lake.storage import ranged_file
from batch_scorer.lake.storage.roots import storage_for
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind

KEY = "lake/day=1/a.parquet"
PATH = "day=1/a.parquet"
FEATURES = (
    ColumnSpec(name="a", type="float64", nullable=False, pandas_dtype="float64"),
    ColumnSpec(name="c", type="string", nullable=True, pandas_dtype="object"),
)
N_ROWS, PER_GROUP = 60_000, 20_000


def table() -> pa.Table:
    rng = np.random.default_rng(7)
    wide = {f"unused_{number}": rng.random(N_ROWS) for number in range(8)}
    text = np.array(["x", "yy", None], dtype=object)[rng.integers(0, 3, N_ROWS)]
    return pa.table(
        {"key": np.arange(N_ROWS), "a": rng.random(N_ROWS), **wide, "c": pa.array(text, pa.string())}
    )


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    path = tmp_path / "lake" / PATH
    pq.write_table(table(), path, row_group_size=PER_GROUP, write_page_checksum=True)
    return path.read_bytes()


def spec(bucket: Bucket, **changes: object) -> ReadSpec:
    found = ReadSpec(
        root=f"{bucket.url}/lake", features=FEATURES, carried=(("key", "int64"),), key=("key",),
        stores=bucket.store.options, max_batch_rows=PER_GROUP,
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]


def chunk(root: str, bucket: Bucket, *row_groups: int) -> Chunk:
    stamp = storage_for(root, bucket.direct.options).stamp(root, PATH)
    return Chunk(
        partition=Partition(names=("day",), values=("1",)), file=LakeFile(path=PATH, stamp=stamp),
        row_groups=row_groups, index=0, n_rows=PER_GROUP * len(row_groups), row_offset=0,
    )  # fmt: skip


def rows(bucket: Bucket, wanted: Chunk, how: ReadSpec) -> pd.DataFrame:
    batches = [batch.raw for batch in read_chunk(wanted, how)]
    frame: pd.DataFrame = pa.concat_tables(batches).unify_dictionaries().to_pandas()
    return frame.astype({"c": "str"})


def test_a_bucket_gives_the_rows_of_a_disk_and_only_the_bytes_of_the_columns(
    bucket: Bucket, data: bytes, tmp_path: Path
) -> None:
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0, 2)
    on_disk = replace(wanted, file=LakeFile(path=PATH, stamp=storage_for(str(tmp_path)).stamp(
        str(tmp_path / "lake"), PATH)))  # fmt: skip
    expected = rows(bucket, on_disk, spec(bucket, root=str(tmp_path / "lake")))
    bucket.proxy.forget()
    pd.testing.assert_frame_equal(rows(bucket, wanted, spec(bucket)), expected)
    needed = needed_bytes(data, ("key", "a", "c"), (0, 2))
    sent = bucket.proxy.n_sent()
    # The end of the file, and for each row group at most the gaps that are cheaper than a request.
    assert needed < sent <= needed + ranged_file.TAIL_BYTES
    assert sent < len(data) / 2
    # One to open, two ranges a row group (a and c are far apart; the last c came with the end), a last look.
    assert bucket.proxy.count() == {"GET": 1 + 2 + 1, "HEAD": 1}


def test_row_groups_that_are_one_batch_cost_no_request_and_no_byte_more(bucket: Bucket, data: bytes) -> None:
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0, 1, 2)
    expected = rows(bucket, wanted, spec(bucket))
    alone, n_alone = bucket.proxy.count(), bucket.proxy.n_sent()
    bucket.proxy.forget()
    together = spec(bucket, max_batch_rows=N_ROWS)
    assert [batch.n_read for batch in read_chunk(wanted, together)] == [N_ROWS]
    assert bucket.proxy.count()["GET"] <= alone["GET"]
    assert bucket.proxy.n_sent() == n_alone
    pd.testing.assert_frame_equal(rows(bucket, wanted, together), expected)


def needed_bytes(data: bytes, columns: tuple[str, ...], row_groups: tuple[int, ...]) -> int:
    metadata = pq.read_metadata(pa.BufferReader(data))
    return sum(
        metadata.row_group(group).column(at).total_compressed_size
        for group in row_groups
        for at, name in enumerate(metadata.schema.names)
        if name in columns
    )


@pytest.mark.parametrize("max_rows", [PER_GROUP, N_ROWS])
def test_a_batch_larger_than_may_be_held_is_read_piece_by_piece(
    bucket: Bucket, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_rows: int
) -> None:
    monkeypatch.setattr(ranged_file, "HELD_BYTES", 100_000)
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0, 1, 2)
    found = rows(bucket, wanted, spec(bucket, max_batch_rows=max_rows))
    expected = pd.read_parquet(tmp_path / "lake" / PATH, columns=["a", "c", "key"]).astype({"c": "str"})
    pd.testing.assert_frame_equal(found[["a", "c", "key"]], expected)
    assert bucket.proxy.n_sent() < needed_bytes(data, ("key", "a", "c"), (0, 1, 2)) + 2 * 65_536


def test_a_footer_costs_one_request_and_the_end_of_the_file(bucket: Bucket, data: bytes) -> None:
    bucket.direct.put(KEY, data)
    root = f"{bucket.url}/lake"
    storage = storage_for(root, bucket.store.options)
    file = chunk(root, bucket, 0).file
    footer = read_footer(storage, root, file)
    assert footer.n_rows == N_ROWS
    assert bucket.proxy.count() == {"GET": 1}
    assert bucket.proxy.n_sent() == ranged_file.TAIL_BYTES


def test_an_object_that_was_replaced_is_never_read_in_part(bucket: Bucket, data: bytes) -> None:
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0, 1, 2)
    other = pa.BufferOutputStream()
    pq.write_table(table().slice(0, N_ROWS), other, row_group_size=PER_GROUP, compression="none")
    batches = read_chunk(wanted, spec(bucket))
    next(batches)
    bucket.direct.put(KEY, other.getvalue().to_pybytes())
    with pytest.raises(InputMoved, match="changed since the plan"):
        list(batches)
    with pytest.raises(InputMoved, match="changed since the plan"):
        next(read_chunk(wanted, spec(bucket)))
    bucket.direct.delete(KEY)
    with pytest.raises(InputMoved, match="is gone"):
        next(read_chunk(wanted, spec(bucket)))


def test_bytes_that_are_no_parquet_are_told_as_on_a_disk(bucket: Bucket, data: bytes) -> None:
    root = f"{bucket.url}/lake"
    storage = storage_for(root, bucket.store.options)
    for bad, said in ((b"", "is empty"), (b"ten bytes!", "is not Parquet"), (data[:90_000], "truncated")):
        bucket.direct.put(KEY, bad)
        with pytest.raises(FileUnreadable, match=said):
            read_footer(storage, root, chunk(root, bucket, 0).file)


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.FAILED, Kind.DROPPED, Kind.DROPPED_IN_BODY, Kind.SLOW])
def test_reading_through_faults_that_pass_gives_the_rows_and_else_a_store_that_does_not_answer(
    bucket: Bucket, data: bytes, tmp_path: Path, kind: Kind
) -> None:
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0, 1)
    expected = rows(bucket, wanted, spec(bucket))
    bucket.proxy.inject(Fault(kind=kind, method="GET", rate=0.4, delay_s=0.02))
    pd.testing.assert_frame_equal(rows(bucket, wanted, spec(bucket)), expected)
    bucket.proxy.forget()
    bucket.proxy.inject(Fault(kind=kind, method="GET", skip=2, delay_s=0.2))
    with pytest.raises(StoreUnavailable):
        rows(bucket, wanted, spec(bucket, stores=bucket.impatient.options))


def test_a_read_that_is_forbidden_is_said_to_be(bucket: Bucket, data: bytes) -> None:
    bucket.direct.put(KEY, data)
    wanted = chunk(f"{bucket.url}/lake", bucket, 0)
    bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN, method="GET", skip=1))
    with pytest.raises(FileUnreadable, match="no permission to read"):
        rows(bucket, wanted, spec(bucket))
