"""README, and pages of docs/ with terminal pictures, typed from the first command to the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.readme.pictures import PAGES, ROOT, Picture, SavedFile, differences, steps, terminal


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_every_terminal_picture_is_what_its_command_prints(page: str, tmp_path: Path) -> None:
    wrong = []
    n_pictures = 0
    with terminal(page, tmp_path.resolve()) as typing:
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
