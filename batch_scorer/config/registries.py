"""Which model registry a project has, by what its jobs say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from batch_scorer.config.job import Job
from batch_scorer.config.load import load_job
from batch_scorer.config.mlflow import DEFAULT_MIRROR
from batch_scorer.config.project import Project
from batch_scorer.core.errors import ConfigInvalid, UsageError
from batch_scorer.core.stores import NO_OPTIONS, StoreOptions


def registry_of(project: Project, target: str | None = None) -> tuple[str, StoreOptions]:
    """The one that the project's jobs name, and how to reach it; before there is a job, the default one.

    A job file that is still wrong does not keep anybody from registering the model it waits for.
    Raises: UsageError, ConfigInvalid (the environment names a store that is not to be used).
    """
    jobs = tuple(_whole_jobs(project, target))
    named = {job.registry_directory for job in jobs}
    if len(named) > 1:
        raise UsageError(
            f"the jobs of this project use several registries: {', '.join(sorted(named))}",
            where=str(project.root / "jobs"),
            fix="let them share one: a model's versions and aliases live in one place",
        )
    return project.resolve(named.pop() if named else DEFAULT_MIRROR), _said(jobs).completed(os.environ)


def stores_said(project: Project, table: str, target: str | None = None) -> StoreOptions:
    """How the project's jobs say that object stores are reached: one that reads this table, or else the first
    that says anything. The environment is not asked.
    """
    jobs = sorted(_whole_jobs(project, target), key=lambda job: job.input.path.rstrip("/") != table)
    return _said(jobs)


def _said(jobs: Sequence[Job]) -> StoreOptions:
    said = (job.storage.options for job in jobs if job.storage.options != NO_OPTIONS)
    return next(said, NO_OPTIONS)


def project_tracking_uri(project: Project, target: str | None = None) -> str | None:
    """Of the MLflow that the jobs name in `registry`, or else its own variable. Raises: UsageError."""
    named = {job.tracking_uri for job in _whole_jobs(project, target)} - {None}
    if len(named) > 1:
        raise UsageError(
            f"the jobs of this project use several MLflows: {', '.join(sorted(filter(None, named)))}",
            where=str(project.root / "jobs"),
            fix="say which one is meant: --tracking-uri URI",
        )
    return tracking_uri_of(project, next(iter(named), None))


def tracking_uri_of(project: Project, written: str | None) -> str | None:
    """Of the MLflow to ask: what is written in a job file or on the command line, else MLflow's own variable.

    A SQLite file of a job file lies below the project, any other where MLflow would look for it.
    """
    if written is not None and written.startswith("sqlite:///"):
        return "sqlite:///" + project.resolve(written.removeprefix("sqlite:///"))
    return written or os.environ.get("MLFLOW_TRACKING_URI") or None


def code_directories(project: Project, target: str | None = None) -> tuple[str, ...]:
    """Of the project's own code: what any of its jobs names under `code:`, in the order of the jobs."""
    named = [directory for job in _whole_jobs(project, target) for directory in job.code]
    return tuple(dict.fromkeys(map(project.resolve, named)))


def _whole_jobs(project: Project, target: str | None) -> Iterator[Job]:
    for name in project.job_names():
        with suppress(ConfigInvalid):
            yield load_job(project, name, target=target, env=os.environ).job
