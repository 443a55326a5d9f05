"""What must not be imported where: start-up is paid by everybody, every time."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.test_docs import VERBS
from tests.conftest import TaxiProject

_HEAVY = {"pandas", "sklearn", "dask", "distributed", "great_expectations", "pyarrow", "numpy", "sqlalchemy"}
_NOT_FOR_HELP = _HEAVY | {"pydantic", "yaml", "rich", "filelock", "asyncio"}


def _imported(script: str) -> set[str]:
    code = f"import sys\n{script}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_no_verbs_help_imports_anything_heavy() -> None:
    """All in one process: whoever brings something in is seen by running one alone."""
    asked = [
        ["--help"],
        *([*verb.split(), "--help"] for verb in VERBS),
        ["completion", "bash"],
        ["--version"],
    ]
    script = f"from batch_scorer.cli.main import run\nfor words in {asked!r}: assert run(words) == 0, words"
    assert not _imported(script) & _NOT_FOR_HELP


def test_a_verb_is_imported_without_the_others() -> None:
    script = """
from batch_scorer.cli.main import run
assert run(["run", "--help"]) == 0
print(*(name for name in sys.modules if name.startswith("batch_scorer.cli.")))
"""
    code = f"import sys\n{script}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.rpartition(".")[2] for name in done.stdout.splitlines()[-1].split()}
    assert "running" in imported
    assert not imported & {"auditing", "mending", "models", "suites", "showing", "project", "retrying"}


def test_a_mistyped_command_imports_nothing_heavy() -> None:
    script = "from batch_scorer.cli.main import run\nassert run(['statsu']) == 2"
    assert not _imported(script) & _NOT_FOR_HELP


def test_a_night_with_nothing_due_imports_only_what_reads_the_ledger(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    arguments = ["-p", str(project.root), "run", "taxi_tips"]
    script = f"from batch_scorer.cli.main import run\nassert run({arguments!r}) == 0"
    assert not _imported(script) & (_HEAVY - {"sqlalchemy"} | {"filelock", "rich", "jinja2"})
