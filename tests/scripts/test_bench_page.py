"""The page is written one section at a time, and its goals follow from the sections."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.benches.memory import worst_growth
from benchmarks.benches.scale import further_ms
from benchmarks.catalogue import BENCHES
from benchmarks.measuring.commands import Measured
from benchmarks.measuring.turns import Ratio, in_turn, ratio_of
from benchmarks.page.goals import GOALS, goals_table
from benchmarks.page.machine import bytecode
from benchmarks.page.page import rendered, write_section
from benchmarks.page.sections import Section, bodies_of, body_of, figures_of
from benchmarks.page.tables import seconds, table

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
_ORDER = ("night", "slope", "plan")


def test_the_ratio_is_the_median_of_pairs_not_the_ratio_of_medians() -> None:
    assert ratio_of([1, 8, 9], [2, 4, 3]) == Ratio(median=2.0, low=0.5, high=3.0)
    assert str(ratio_of([1, 8, 9], [2, 4, 3])) == "2.00× (0.50–3.00)"
    assert str(ratio_of([1.0], [2.0])) == "0.50×"


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [1.0, 2.0])])
def test_sides_without_pairs_have_no_ratio(ours: list[float], theirs: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no pairs|zip\(\)"):
        ratio_of(ours, theirs)


def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> Measured:
        order.append(name)
        return Measured(began_at=0, wall_s=1, cpu_s=1, peak_process_bytes=1, peak_tree_bytes=1)

    found = in_turn({"ours": lambda: side("a"), "theirs": lambda: side("b")}, 2)
    assert order == ["a", "b", "a", "b"]
    assert {name: len(each) for name, each in found.items()} == {"ours": 2, "theirs": 2}


def test_a_further_partition_costs_the_difference_of_two_sizes() -> None:
    assert further_ms({1_000: 11.0, 100: 2.0, 10_000: 110.0}) == {1_000: 10.0, 10_000: 11.0}
    assert further_ms({100: 2.0}) == {}


def test_growth_of_memory_is_the_last_column() -> None:
    found = "| layout | 1 M | growth |\n|---|---|---|\n| one | 200 MB | 1.02× |\n| many | 3.50× | 1.08× |"
    assert worst_growth(found) == 1.08


def test_a_table_refuses_a_row_that_does_not_fit() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    with pytest.raises(ValueError, match="2 headings"):
        table(["a", "b"], [["1"]])


def test_seconds_have_three_figures() -> None:
    assert [seconds(value) for value in (0.1234, 1.234, 12.34, 123.4)] == ["0.123", "1.23", "12.3", "123"]


def test_writing_a_section_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    write_section(page, "plan", _body("Planning", {}), _ORDER)
    write_section(page, "night", _body("A night", {"night.linear": 0.5}), _ORDER)
    before = bodies_of(page.read_text())
    write_section(page, "night", _body("A night", {"night.linear": 0.75}), _ORDER)
    after = bodies_of(page.read_text())
    assert list(after) == ["night", "plan"]
    assert after["plan"] == before["plan"]
    assert figures_of(after) == {"night.linear": 0.75}


_TEXTS = st.text(st.characters(exclude_characters="\r<>", codec="utf-8"), max_size=60)


@given(texts=st.dictionaries(st.sampled_from(_ORDER), _TEXTS))
def test_a_page_gives_back_the_sections_it_was_made_of(texts: dict[str, str]) -> None:
    bodies = {name: f"## {text}" for name, text in texts.items()}
    assert bodies_of(rendered(bodies)) == bodies


def test_goals_are_reached_missed_or_not_measured() -> None:
    found = goals_table(
        {"night.linear": 0.55, "night.boosted": 1.2, "peers.ray_data": 4.9, "peers.spark_mlflow": 6}
    )
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in found.splitlines()}
    by_key = {goal.key: rows[goal.what] for goal in GOALS}
    assert by_key["night.linear"].endswith("| ≤ 0.55× | 0.55× | yes |")
    assert by_key["night.boosted"].endswith("| ≤ 0.9× | 1.2× | **no** |")
    assert by_key["peers.ray_data"].endswith("| ≥ 5× | 4.9× | **no** |")
    assert by_key["peers.spark_mlflow"].endswith("| ≥ 6× | 6× | yes |")
    assert by_key["night.forest"].endswith("| not measured yet | – |")


def test_every_goal_belongs_to_a_bench() -> None:
    assert {goal.key.split(".")[0] for goal in GOALS} <= set(BENCHES)


def test_the_committed_page_is_what_the_bench_would_write() -> None:
    page = _PAGE.read_text()
    assert page == rendered(bodies_of(page))
    assert set(bodies_of(page)) <= set(BENCHES)


def test_missing_bytecode_is_said(tmp_path: Path) -> None:
    package = tmp_path / "pandas"
    package.mkdir()
    (package / "__init__.py").touch()
    assert bytecode(tmp_path) == "bytecode NOT compiled of pandas"
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "__init__.cpython-311.pyc").touch()
    assert bytecode(tmp_path) == "bytecode compiled"


def _body(title: str, figures: dict[str, float]) -> str:
    section = Section(title=title, text="| a |\n| --- |", figures=figures)
    return body_of(section, command="scripts/bench", machine="2 cores")
