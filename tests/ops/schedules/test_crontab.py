"""A crontab snippet does what it says when a shell runs its command."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from batch_scorer.core.errors import UsageError
from batch_scorer.ops.schedules.call import Call
from batch_scorer.ops.schedules.crontab import render_cron as render


def render_cron(
    job: str, project: Path, cron: str, timezone: str, executable: Path | str, target: str | None = None
) -> str:
    call = Call(
        job=job,
        executable=str(executable),
        project=str(project),
        cron=cron,
        timezone=timezone,
        target=target,
    )
    (text,) = render(call).values()
    return text


def _entry(snippet: str) -> tuple[list[str], str]:
    """The five fields, and the command as cron gives it to sh. Refuses what crontab(5) would not take."""
    entries = []
    for line in snippet.splitlines():
        if line.startswith("#") or re.fullmatch(r"[A-Z_]+=[^ ]+", line):
            continue
        fields = line.split(maxsplit=5)
        command, bare, _ = re.sub(r"\\%", "\0", fields[5]).partition("%")
        assert not bare, "a bare % would end the command"
        entries.append((fields[:5], command.replace("\0", "%")))
    assert len(entries) == 1
    return entries[0]


def _run_as_cron(command: str) -> subprocess.CompletedProcess[str]:
    """As cron does: nearly nothing in the environment."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh"}
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, cwd="/", env=bare, check=False
    )


@pytest.fixture(params=["plain", "odd 100% 'quoted' $HOME"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / str(request.param)
    (root / "data").mkdir(parents=True)
    return root


def _scorer_that_exits(code: int, directory: Path) -> Path:
    """Stands in for batch-scorer: prints its arguments one a line, then exits with the code."""
    path = directory / "scorer"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@"\nexit {code}\n')
    path.chmod(0o755)
    return path


def test_the_time_zone_stands_before_the_entry() -> None:
    snippet = render_cron("taxi_tips", Path("/srv"), "30 4 * * *", "America/Chicago", "/opt/batch-scorer")
    lines = snippet.splitlines()
    (zone,) = [index for index, line in enumerate(lines) if line.startswith("CRON_TZ=")]
    (entry,) = [index for index, line in enumerate(lines) if line.startswith("30 4 ")]
    assert lines[zone] == "CRON_TZ=America/Chicago"
    assert zone < entry
    assert snippet.endswith("\n")  # crontab ignores a last line without one
    assert _entry(snippet)[0] == ["30", "4", "*", "*", "*"]


def test_a_good_night_logs_and_mails_nothing(project: Path) -> None:
    scorer = _scorer_that_exits(0, project)
    done = _run_as_cron(_entry(render_cron("taxi_tips", project, "30 4 * * *", "Etc/UTC", scorer))[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    logged = (project / "data/taxi_tips.log").read_text().splitlines()
    assert logged == ["--project", str(project), "-v", "run", "taxi_tips"]


def test_the_target_comes_along(project: Path) -> None:
    scorer = _scorer_that_exits(0, project)
    _run_as_cron(_entry(render_cron("t", project, "30 4 * * *", "Etc/UTC", scorer, target="prod"))[1])
    logged = (project / "data/t.log").read_text().splitlines()
    assert logged == ["--project", str(project), "--target", "prod", "-v", "run", "t"]


def test_a_blocked_night_mails_one_line_with_the_exit_code(project: Path) -> None:
    scorer = _scorer_that_exits(4, project)
    done = _run_as_cron(_entry(render_cron("taxi_tips", project, "30 4 * * *", "Etc/UTC", scorer))[1])
    assert done.stdout == "taxi_tips: exit 4, see data/taxi_tips.log\n"
    assert done.stderr == ""


def test_the_next_night_keeps_the_log_of_the_night_before(project: Path) -> None:
    scorer = _scorer_that_exits(0, project)
    command = _entry(render_cron("t", project, "30 4 * * *", "Etc/UTC", scorer))[1]
    _run_as_cron(command)
    _run_as_cron(command)
    assert (project / "data/t.log").read_text().count("--project") == 2


def test_a_path_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line break"):
        render_cron("t", tmp_path / "a\nb", "30 4 * * *", "Etc/UTC", os.devnull)
