"""README, and pages of docs/ with terminal pictures, typed from the first command to the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme.pictures import PAGES, ROOT, Picture, SavedFile, Terminal, differences, steps, warm_terminal


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_every_terminal_picture_is_what_its_command_prints(page: str, tmp_path: Path) -> None:
    with warm_terminal(tmp_path.resolve()) as typing:
        _check(page, typing)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_is_so_where_each_command_is_a_process_of_its_own(tmp_path: Path) -> None:
    _check("README.md", Terminal(tmp_path.resolve()))


def _check(page: str, typing: Terminal) -> None:
    wrong = []
    n_pictures = 0
    for step in steps((ROOT / page).read_text()):
        match step:
            case SavedFile():
                typing.save(step)
            case Picture():
                n_pictures += 1
                differing = differences(step, typing.type(step.command))
                wrong += [f"{page}:{step.line}: $ {step.command}", *differing] if differing else []
    assert n_pictures > 15
    assert wrong == [], "\n".join([*wrong, f"take them again: python -m tests.readme.pictures {page}"])
