"""Versions of what is installed, without parsing all that a package says of itself."""

from __future__ import annotations

from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from batch_scorer.core.packages import installed_version
from batch_scorer.execution.environment import environment


def test_each_version_is_the_one_that_the_standard_library_finds() -> None:
    names = {each.name for each in distributions()}
    assert len(names) > 20
    assert {name: installed_version(name) for name in names} == {name: version(name) for name in names}


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert installed_version("no-such-package") is None


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("METADATA", "Name: odd\nVersion: 1.2\n\nVersion: 3 is the next\n", "1.2"),
        ("PKG-INFO", "Name: odd\nVersion: 1.3\n", "1.3"),
    ],
)
def test_the_version_is_in_the_head_or_where_older_installers_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, expected: str
) -> None:
    directory = tmp_path / ("odd-1.dist-info" if file == "METADATA" else "odd.egg-info")
    directory.mkdir()
    (directory / file).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed_version("odd") == expected


def test_what_is_recorded_of_a_run_names_everything_that_decides_a_score() -> None:
    assert environment().keys() >= {"python", "scikit-learn", "scipy", "numpy", "joblib", "skops", "pyarrow"}
