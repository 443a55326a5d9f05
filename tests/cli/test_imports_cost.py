"""What must not be imported where: start-up is paid by everybody, every time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import TaxiProject

_HEAVY = {"pandas", "sklearn", "dask", "distributed", "great_expectations", "pyarrow", "sqlalchemy"}


def _imported(script: str) -> set[str]:
    code = f"import sys\n{script}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["completion", "bash"]])
def test_help_and_completion_import_nothing_heavy(arguments: list[str]) -> None:
    script = f"from batch_scorer.cli.main import run\nrun({arguments!r})"
    assert not _imported(script) & _HEAVY


def test_a_night_with_nothing_due_imports_neither_sklearn_nor_dask_nor_great_expectations(
    project: TaxiProject,
) -> None:
    project.cli("run", "taxi_tips")
    arguments = ["-p", str(project.root), "run", "taxi_tips"]
    script = f"from batch_scorer.cli.main import run\nassert run({arguments!r}) == 0"
    assert not _imported(script) & {"sklearn", "dask", "distributed", "great_expectations", "pandas"}
