"""docs/scheduling.md shows what is really rendered, and restarts what is really restarted."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from batch_scorer.config.sections import Compute
from batch_scorer.ops.schedules.call import DO_NOT_TRY_AGAIN, TRY_AGAIN, Call
from batch_scorer.ops.schedules.crontab import render_cron
from batch_scorer.ops.schedules.kubernetes import render_kubernetes
from batch_scorer.ops.schedules.systemd import render_systemd

PAGE = (Path(__file__).parents[3] / "docs" / "scheduling.md").read_text(encoding="utf-8")
CALL = Call(
    job="taxi_tips",
    executable="/opt/scoring/.venv/bin/batch-scorer",
    project="/srv/scoring",
    cron="30 4 * * *",
    timezone="America/Chicago",
    timeout=timedelta(hours=2),
)
RENDERED = render_cron(CALL) | render_systemd(CALL) | render_kubernetes(CALL, Compute())


@pytest.mark.parametrize("file", RENDERED)
def test_every_file_on_the_page_is_real(file: str) -> None:
    assert RENDERED[file] in PAGE


def test_the_table_restarts_what_is_restarted() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \| .* \| (tried again|not) \|$", PAGE, re.MULTILINE)
    told = {int(code): answer for codes, answer in rows for code in codes.split(",")}
    assert told == dict.fromkeys(TRY_AGAIN, "tried again") | dict.fromkeys(DO_NOT_TRY_AGAIN, "not")
