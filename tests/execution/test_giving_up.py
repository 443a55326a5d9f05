"""More failures than a run may have: what has started ends as it would have, and nothing more starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import TaxiProject

_N = 6


def _broken_footer(path: Path) -> None:
    """It is not even taken in hand."""
    path.write_bytes(b"PAR1 and no more")


def _broken_page(path: Path) -> None:
    """A chunk finds out."""
    column = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start + column.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("break_", [_broken_footer, _broken_page])
@pytest.mark.parametrize(
    ("asked", "max_failed", "n_failed"), [((), 0, 1), ((), 1, 2), (("--fail-fast",), 1, 1), ((), None, 2)]
)
def test_after_one_failure_too_many_no_partition_is_begun(
    make_project: Callable[..., TaxiProject],
    break_: Callable[[Path], None],
    asked: tuple[str, ...],
    max_failed: int | None,
    n_failed: int,
) -> None:
    limit = {} if max_failed is None else {"max_failed_partitions": max_failed}
    project = make_project(_N, compute={"retries": 0, **limit})
    broken = [4, 2]  # the newest are scored first
    for index in broken:
        break_(project.day(index) / "part-0.parquet")
    one_by_one = ("--cluster", "inline", "--max-parallel", "1", "--json")
    result = project.cli("run", "taxi_tips", *one_by_one, *asked)
    assert result.code == 3, result.stderr
    oldest_begun = 0 if max_failed is None else broken[n_failed - 1]
    published = {index for index in range(_N) if (project.predictions / project.day(index).name).exists()}
    assert published == set(range(oldest_begun, _N)) - set(broken)
    summary = result.lines[-1]
    assert (summary["n_published"], summary["n_failed"]) == (len(published), n_failed)
    said = f"{n_failed} partitions failed: {oldest_begun} more were not started"
    assert (said in result.stderr) == (max_failed is not None)


def test_what_was_in_hand_at_one_failure_too_many_ends_as_it_would_have(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(_N, compute={"max_failed_partitions": 0})
    _broken_footer(project.day(2) / "part-0.parquet")
    result = project.cli("run", "taxi_tips", "--cluster", "inline", "--json")
    assert result.code == 3, result.stderr
    assert "1 partitions failed: 2 more were not started" in result.stderr
    for index in (3, 4, 5):
        assert len(project.published(index)) == 600
    assert len(list(project.predictions.iterdir())) == 3
