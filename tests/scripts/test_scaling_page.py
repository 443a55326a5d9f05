"""What the scaling page computes from a night is what the performance page says of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.page.scaling import night_of, refresh, refreshed

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_SCALING, _PERFORMANCE = _DOCS / "scaling.md", _DOCS / "performance.md"
_NIGHT = """<!-- bench night -->
3 partitions × 1,000,000 rows, 1 pair.

| model | ratio | s, ours | s, loop |
| --- | --- | --- | --- |
| linear | 0.5× | 1 | 2 |
| boosted | 0.5× | 2 | 4 |
| forest | 0.5× | 4 | 8 |

| model | load | score | check (driver) |
| --- | --- | --- | --- |
| linear | 0.5 | 0.5 | 100 |
| boosted | 1 | 2 | 100 |
| forest | 1 | 9 | 100 |
<!-- end night -->"""


def test_the_pages_agree() -> None:
    """Else somebody wrote the one without the other: `scripts/bench night --write` writes both."""
    scaling = _SCALING.read_text()
    assert refreshed(scaling, _PERFORMANCE.read_text()) == scaling


def test_another_night_makes_other_tables_and_leaves_the_rest(tmp_path: Path) -> None:
    night = night_of(_NIGHT)
    assert (night.n_rows, dict(night.worker_s)) == (3_000_000, {"linear": 1, "boosted": 3, "forest": 10})
    assert night.loop_s == 8
    assert night.core_hours_per_tb("forest") == pytest.approx(1e12 / 25.4 / 300_000 / 3600)
    scaling, performance = tmp_path / "scaling.md", tmp_path / "performance.md"
    scaling.write_text(_SCALING.read_text())
    performance.write_text(_NIGHT)
    refresh(scaling, performance)
    told = scaling.read_text()
    assert "| boosted trees | 3.00 | 1,000,000 | 25.4 | 10.9 |" in told
    assert "| forest | 2.08 |" in told
    assert refreshed(told, _PERFORMANCE.read_text()) == _SCALING.read_text()


@pytest.mark.parametrize("gone", ["| forest | 1 | 9 | 100 |\n", "3 partitions", "bench night"])
def test_a_night_without_every_model_makes_no_page(gone: str) -> None:
    with pytest.raises(ValueError, match="no whole night"):
        refreshed(_SCALING.read_text(), _NIGHT.replace(gone, ""))


def test_a_page_that_lost_its_marks_is_not_taken_for_written() -> None:
    with pytest.raises(ValueError, match="no marks of costs"):
        refreshed(_SCALING.read_text().replace("<!-- bench costs -->", ""), _NIGHT)
