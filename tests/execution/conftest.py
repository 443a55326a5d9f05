"""A project with a dirty day and a suite that sets rows aside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
