"""A job as an earlier run had it: what decides rows and values from then, places and means from today.

The ledger keeps of each run the `values` of its job: dotted keys, and URLs without their password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from batch_scorer.config.checks import check_job
from batch_scorer.config.job import Job
from batch_scorer.config.load import LoadedJob
from batch_scorer.config.project import Project
from batch_scorer.core.errors import UsageError

_OF_THEN = ("input", "validate", "model", "output")
# Where the job lives: predictions that were moved since, and their ledger, are where today's file says.
_OF_TODAY = ("output.path", "output.state", "output.state_db")
_HIDDEN = ":***@"


def as_then(project: Project, today: LoadedJob, config: Mapping[str, Any], by: str) -> LoadedJob:
    """The job with `input`, `validate`, `model` and `output` as `config` has them; all else is today's.

    config: the values of an earlier run. by: what `--resolved` names as their source.
    Raises: UsageError, when no job can be made of them any more.
    """
    if not config:
        raise UsageError(f"the config of {by} is not known: its row was told anew from manifests")
    then = {key: _value(key, value, today) for key, value in config.items() if _is_of_then(key)}
    document = today.job.as_written()
    for section in _OF_THEN:
        document.pop(section, None)
    document |= _nested(then)
    for key in _OF_TODAY:
        section, name = key.split(".")
        document.setdefault(section, {})[name] = today.job.as_written()[section][name]
    job = _validated(project, _without_nothing(document), by)
    kept = tuple(each for each in today.values if not _is_of_then(each[0]))
    shown = ((key, value, by) for key, value in config.items() if _is_of_then(key))
    return replace(today, job=job, values=(*kept, *shown))


def differences(then: LoadedJob, today: LoadedJob) -> tuple[str, ...]:
    """The keys that decide rows and values in which what `as_then` gave differs from today's job; sorted."""
    values = [
        {key: value for key, value in _all((), loaded.job.as_written()) if _is_of_then(key)}
        for loaded in (then, today)
    ]
    return tuple(sorted(key for key in values[0].keys() | values[1].keys() if _differ(key, *values)))


def _differ(key: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """A mapping or list is told by the keys below it, as far as these are in both."""
    mine, other = then.get(key), now.get(key)
    return mine != other and not (_is_nest(mine) and _is_nest(other))


def _is_nest(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict) for each in value)
    )


def _is_of_then(key: str) -> bool:
    return key.split(".")[0] in _OF_THEN and key not in _OF_TODAY


def _value(key: str, value: Any, today: LoadedJob) -> Any:
    """A password was never recorded, so a URL that had one is today's."""
    if not isinstance(value, str) or _HIDDEN not in value:
        return value
    return dict(_all((), today.job.as_written())).get(key, value)


def _all(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, Any]]:
    """Every value, those that hold others too, under its dotted key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _all((*path, str(key)), item)
    if path:
        yield ".".join(path), value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.0.b": 1}` → `{"a": [{"b": 1}]}`."""
    root: dict[str, Any] = {}
    for dotted, value in values.items():
        *path, last = dotted.split(".")
        place = root
        for key in path:
            place = place.setdefault(key, {})
        place[last] = value
    listed: dict[str, Any] = _lists(root)
    return listed


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    items = {key: _lists(item) for key, item in node.items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items


def _without_nothing(node: Any) -> Any:
    """As a job file is read: an empty key is absent."""
    if not isinstance(node, dict):
        return node
    return {key: _without_nothing(item) for key, item in node.items() if item is not None}


def _validated(project: Project, document: dict[str, Any], by: str) -> Job:
    try:
        job = Job.model_validate(document)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        raise _unusable(by, ".".join(map(str, first["loc"])), first["msg"]) from None
    for path, what in check_job(job, suites=project.suite_names(), resolve=project.resolve):
        raise _unusable(by, ".".join(map(str, path)), what)
    return job


def _unusable(by: str, key: str, what: str) -> UsageError:
    return UsageError(f"the config of {by} cannot be used any more: {key}: {what}")
