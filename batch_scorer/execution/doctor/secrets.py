"""Secrets that the job names are set here. Their values are looked at by nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydantic import BaseModel

from batch_scorer.config.job import Job
from batch_scorer.config.sections import Secret
from batch_scorer.core.errors import ConfigInvalid


def named(job: Job) -> Iterator[tuple[str, str]]:
    """(dotted key, environment variable) of every secret in the job."""
    yield from _below("notify", job.notify)
    yield from _below("emit", job.emit)


def are_set(job: Job) -> str:
    """Raises: ConfigInvalid, with every variable that is missing or empty."""
    wanted = dict(named(job))
    missing = [f"{name} ({key})" for key, name in wanted.items() if not os.environ.get(name)]
    if missing:
        raise ConfigInvalid(
            f"not set in this environment: {', '.join(missing)}",
            where=f"jobs/{job.name}.yml",
            fix="export them where the job runs: a scheduler does not read the files of your shell",
        )
    return f"{', '.join(dict.fromkeys(wanted.values()))} set in this environment"


def _below(key: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case Secret():
            yield key, value.secret.removeprefix("env:")
        case BaseModel():
            for name in type(value).model_fields:
                yield from _below(f"{key}.{name}", getattr(value, name))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _below(f"{key}.{index}", item)
