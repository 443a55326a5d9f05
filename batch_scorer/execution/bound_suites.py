"""The suites that a job names, read and bound to when they are checked."""

from __future__ import annotations

from batch_scorer.config.job import Job
from batch_scorer.config.project import Project
from batch_scorer.core.validation import OnFail
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.validation.suites.reading import load_suite


def bound_suites(project: Project, job: Job) -> tuple[BoundSuite, ...]:
    """Those of the input first. Raises: ConfigInvalid."""
    uses = [(use, "input") for use in job.validation.input]
    uses += [(use, "output") for use in job.validation.output]
    return tuple(
        BoundSuite(
            suite=load_suite(project.suite_path(use.suite), custom_allowed=bool(job.code)),
            on_fail=OnFail(use.on_fail),
            stage=stage,
            max_quarantined_rate=use.max_quarantined_rate,
        )
        for use, stage in uses
    )
