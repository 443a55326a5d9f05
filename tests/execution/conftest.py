"""A project with a dirty day and a suite that sets rows aside, and one GX process for many runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batch_scorer.validation.gx import process as gx_process
from batch_scorer.validation.gx.process import GxProcess
from tests.conftest import TaxiProject
from tests.execution.dirty import ROW_RULES, add_dirty, write_suite


@pytest.fixture
def make_dirty(make_project: Callable[..., TaxiProject]) -> Callable[..., TaxiProject]:
    """`make_dirty(rate, **changes to the job)`: one day of 600 rides, soiled; three rules of each row."""

    def make(rate: str | None = None, *, n_days: int = 1, **changes: Any) -> TaxiProject:
        use = {"suite": "rides_input", "on_fail": "quarantine"}
        use |= {"max_quarantined_rate": rate} if rate else {}
        validate = {"input": [use], **changes.pop("validate", {})}
        changes["compute"] = {"chunk": "20kB", **changes.get("compute", {})}
        project = make_project(0, validate=validate, **changes)
        write_suite(project, *ROW_RULES)
        for index in range(n_days):
            add_dirty(project, index)
        return project

    return make


@pytest.fixture(scope="session")
def _judge() -> Iterator[GxProcess]:
    with GxProcess(max_bytes=4 << 30) as process:
        yield process


class _Shared:
    """What a run is given for a GX process of its own: its start takes longer than all the rest of a run."""

    def __init__(self, judge: GxProcess) -> None:
        self.submit = judge.submit

    def __enter__(self) -> _Shared:
        return self

    def __exit__(self, *_: object) -> None:
        """The others need it still."""


@pytest.fixture
def shared_judge(_judge: GxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx_process, "GxProcess", lambda **_: _Shared(_judge))
