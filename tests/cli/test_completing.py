"""A shell completes what the project holds; a broken project completes nothing, and nothing is printed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import taxi
from tests.conftest import TaxiProject


def completed(project: TaxiProject, words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Through click's protocol, as zsh and fish ask: words up to the cursor, the last one unfinished."""
    *_, last = words.split(" ")
    with monkeypatch.context() as patch:
        patch.chdir(project.root)
        patch.setenv("_BATCH_SCORER_COMPLETE", "fish_complete")
        patch.setenv("COMP_WORDS", f"batch-scorer {words}")
        patch.setenv("COMP_CWORD", last)
        with pytest.raises(SystemExit):
            project.cli()
    stdout, stderr = project.captured()
    assert stderr == ""
    return [line.partition(",")[2].split("\t")[0] for line in stdout.splitlines() if line]


@pytest.fixture
def ran(project: TaxiProject) -> TaxiProject:
    taxi.write_job(project.root, taxi.job_document(targets={"dev": {"input": {"limit_rows": 10}}}))
    (project.root / "jobs" / "suites").mkdir()
    (project.root / "jobs" / "suites" / "rides.json").write_text('{"name": "rides", "expectations": []}')
    assert project.cli("run", "taxi_tips").code == 0
    return project


def test_names_of_the_project_are_completed(ran: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = ran.cli("--json", "runs").lines[0]["run_id"]
    days = ["ride_date=2024-01-02", "ride_date=2024-01-01"]
    for words, names in {
        "plan t": ["taxi_tips"],
        "plan x": [],
        "run taxi_tips -t ": ["dev"],
        "run taxi_tips --model t": ["taxi_tips"],
        "run taxi_tips --model taxi_tips@": ["taxi_tips@champion", "taxi_tips@1"],
        "models show taxi_tips@c": ["taxi_tips@champion"],
        "models list taxi": ["taxi_tips"],
        "models promote taxi_tips@": ["taxi_tips@champion", "taxi_tips@1"],
        "models sign taxi_tips@1": ["taxi_tips@1"],
        "models verify t": ["taxi_tips"],
        "suites check ": ["rides"],
        "suites check rides --job ": ["taxi_tips"],
        "run taxi_tips --partition ride": days,
        "rollback taxi_tips --partition 2024-01-02": ["2024-01-02"],
        "rollback taxi_tips --partition ride_date=2024-01-0": days,
        "show ": ["last", run_id, "taxi_tips/"],
        "show taxi_tips/": [f"taxi_tips/{day}" for day in days],
        "suites docs l": ["last"],
        "stat": ["status"],
        "plan --repr": ["--reprocess"],
        "plan taxi_tips --reprocess st": ["stale"],
    }.items():
        assert completed(ran, words, monkeypatch) == names, words


@pytest.mark.parametrize(
    "words", ["plan taxi", "show ", "run taxi_tips --partition ", "models show ", "run -t "]
)
def test_a_broken_project_completes_no_names_and_says_nothing(
    project: TaxiProject, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.root / "jobs" / "taxi_tips.yml").write_text("version: [1\n\tname")
    shutil.rmtree(project.root / "data")
    found = completed(project, words, monkeypatch)
    assert found in ([], ["taxi_tips"])  # the file's name is all that is known


def test_outside_a_project_nothing_is_completed(
    project: TaxiProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_SCORER_PROJECT", str(tmp_path))
    assert completed(project, "plan ", monkeypatch) == []


_BASH = """
source <(batch-scorer completion bash)
complete -p batch-scorer | grep -q _batch_scorer_completion || exit 9
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_batch_scorer_completion batch-scorer
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "replies"),
    [
        ("batch-scorer plan ta", ["taxi_tips"]),
        ("batch-scorer models show taxi_tips @ ch", ["champion"]),
        ("batch-scorer run taxi_tips --partition ride_date = 2024-01-02", ["2024-01-02"]),
        ("batch-scorer run taxi_tips --partition ride_date =", ["2024-01-02", "2024-01-01"]),
    ],
)
def test_bash_completes_and_replaces_the_piece_it_splits_off(
    project: TaxiProject, tmp_path: Path, words: str, replies: list[str]
) -> None:
    assert _in_shell("bash", _BASH.format(words=words), project, tmp_path) == replies


_ZSH = """
autoload -Uz compinit && compinit -u -D
source <(batch-scorer completion zsh)
[[ ${_comps[batch-scorer]} == _batch_scorer_completion ]] || exit 9
export COMP_WORDS="batch-scorer models show taxi_tips@ch" COMP_CWORD=3
_BATCH_SCORER_COMPLETE=zsh_complete batch-scorer
"""


def test_zsh_takes_the_script(project: TaxiProject, tmp_path: Path) -> None:
    assert _in_shell("zsh", _ZSH, project, tmp_path)[:2] == ["plain", "taxi_tips@champion"]


def test_fish_completes_as_typed(project: TaxiProject, tmp_path: Path) -> None:
    script = "batch-scorer completion fish | source; complete -C 'batch-scorer models show taxi_tips@ch'"
    assert _in_shell("fish", script, project, tmp_path) == ["taxi_tips@champion"]


def _in_shell(shell: str, script: str, project: TaxiProject, scratch: Path) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    command = scratch / "bin" / "batch-scorer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m batch_scorer "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "HOME": str(scratch)}
    done = subprocess.run(
        [shell, "-c", script], cwd=project.root, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()
