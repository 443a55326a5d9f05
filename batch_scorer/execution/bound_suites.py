"""The suites that a job names, read and bound to when they are checked."""

from __future__ import annotations

from batch_scorer.config.job import Job
from batch_scorer.config.project import Project
from batch_scorer.config.sections import SuiteUse
from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.validation.suites.reading import load_suite

_WATCHED = ("expect_column_values_to_not_be_null", "expect_column_values_to_be_between")  # as `early` does


def bound_suites(project: Project, job: Job) -> tuple[BoundSuite, ...]:
    """Those of the input first. Raises: ConfigInvalid."""
    uses = [(use, "input") for use in job.validation.input]
    uses += [(use, "output") for use in job.validation.output]
    return tuple(
        _bound(load_suite(project.suite_path(use.suite), custom_allowed=bool(job.code)), use, stage)
        for use, stage in uses
    )


def _bound(suite: Suite, use: SuiteUse, stage: str) -> BoundSuite:
    """What is asked of every partition's files is worked out here: once."""
    on_fail = OnFail(use.on_fail)
    blocks_input = stage == "input" and on_fail is OnFail.BLOCK
    return BoundSuite(
        suite=suite,
        on_fail=on_fail,
        stage=stage,
        max_quarantined_rate=use.max_quarantined_rate,
        watched=_watched(suite) if blocks_input else frozenset(),
    )


def _watched(suite: Suite) -> frozenset[str]:
    return frozenset(
        column
        for each in suite.document["expectations"]
        if each["type"] in _WATCHED and isinstance(column := each["kwargs"].get("column"), str)
    )
