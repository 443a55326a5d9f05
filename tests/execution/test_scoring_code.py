"""What the code that scores is known by."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from batch_scorer.execution import scoring_code
from batch_scorer.execution.scoring_code import ScoringCode
from tests.memory import traced_memory


def test_code_is_known_by_the_names_and_contents_of_its_modules_and_by_nothing_else(tmp_path: Path) -> None:
    src = tmp_path / "src"
    (src / "own").mkdir(parents=True)
    (src / "own" / "steps.py").write_text("A = 1")
    (src / "alone.py").write_text("B = 1")
    known = ScoringCode((str(src),)).sha256
    for other in ("own/__pycache__", "ride_date=2024-01-01", ".git"):
        (src / other).mkdir()
        (src / other / "no_module.py").write_text("C = 1")
    (src / "part.parquet").write_bytes(b"a lake in the project's own directory")
    (src / "gone.py").symlink_to("nowhere.py")
    (src / "back").symlink_to(src)
    assert ScoringCode((str(src),)).sha256 == known
    assert ScoringCode((str(tmp_path),)).sha256 != known, "under other names"
    (src / "own" / "steps.py").write_text("A = 2")
    changed = ScoringCode((str(src),)).sha256
    assert changed != known
    (src / "alone.py").rename(src / "renamed.py")
    assert ScoringCode((str(src),)).sha256 not in (known, changed)


def test_code_that_lies_nowhere_is_known_as_such(tmp_path: Path) -> None:
    assert ScoringCode((str(tmp_path / "gone"),)).sha256 == ScoringCode((str(tmp_path),)).sha256


def test_a_module_without_its_source_and_one_whose_name_is_no_text_are_code_too(tmp_path: Path) -> None:
    (tmp_path / "alone.pyc").write_bytes(b"1")
    known = {ScoringCode((str(tmp_path),)).sha256}
    (tmp_path / "alone.pyc").write_bytes(b"2")
    known.add(ScoringCode((str(tmp_path),)).sha256)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).write_text("A = 1")
    known.add(ScoringCode((str(tmp_path),)).sha256)
    assert len(known) == 3


def test_code_is_read_a_piece_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "large.so").open("wb") as module:
        module.truncate(64 << 20)
    with traced_memory() as memory:
        assert ScoringCode((str(tmp_path),)).sha256
        assert 0 < memory.peak_bytes < 16 << 20


def test_builds_of_one_version_are_told_apart_wherever_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = ScoringCode(()).sha256
    shutil.copytree(scoring_code._OURS, tmp_path / "build", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(scoring_code, "_OURS", str(tmp_path / "build"))
    assert ScoringCode(()).sha256 == ours
    with (tmp_path / "build" / "execution" / "chunk.py").open("a") as module:
        module.write("# another build\n")
    assert ScoringCode(()).sha256 != ours
