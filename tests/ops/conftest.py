from __future__ import annotations

from pathlib import Path

import pytest

from batch_scorer.ops.scaffold.lake import write_example_lake
from batch_scorer.ops.scaffold.project import Example, scaffold_example


@pytest.fixture(scope="session")
def full_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake exactly as `init --example` makes it. Read only."""
    root = tmp_path_factory.mktemp("lake") / "rides"
    write_example_lake(root)
    return root


@pytest.fixture
def small_example(tmp_path: Path) -> Example:
    """Three days of a few rides."""
    return scaffold_example(tmp_path / "project", days=3, rows=50)
