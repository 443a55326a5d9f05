"""A whole job out of one with wrong keys, so that what must fit together is told in the same pass."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from batch_scorer.config.job import Job
from batch_scorer.core.models import Method

Path = tuple[str | int, ...]

# What required keys stand for while they are wrong or missing: valid, and in conflict with nothing. A URI is
# none of our directories, nor is the state beside it.
_STAND_INS: dict[Path, Any] = {
    ("version",): 1,
    ("name",): "unknown",
    ("schedule", "timezone"): "UTC",
    ("input", "path"): "unknown:/input",
    ("input", "partition_by"): {"unknown_partition": "date"},
    ("input", "key"): ["unknown_key"],
    ("model", "uri"): "unknown@1",
    ("model", "output"): {"unknown_output": "int64 = 1"},
    ("output", "path"): "unknown:/output/predictions",
}
_MAX_ROUNDS = 5
_NOWHERE = "unknown:/"


def is_nowhere(path: str) -> bool:
    """Whether a path of such a job stands for one that is not known."""
    return path.startswith(_NOWHERE)


def with_stand_ins(plain: dict[str, Any], wrong: Iterable[Path]) -> Job | None:
    """The job with defaults and stand-ins for wrong keys. plain: as pydantic reads it; not changed.

    None when no job comes of it. A mistake that only shows once another is mended is not looked for.
    """
    plain = copy.deepcopy(plain)
    for _ in range(_MAX_ROUNDS):
        for path in wrong:
            # Of a list, or an entry in it, the whole list goes.
            _replace(plain, tuple(takewhile(lambda step: isinstance(step, str), path)))
        try:
            return Job.model_validate(plain)
        except ValidationError as invalid:
            wrong = [error["loc"] for error in invalid.errors(include_url=False)]
    return None


def _replace(plain: dict[str, Any], path: Path) -> None:
    """Take the key out, and put a stand-in for it, and for every required key below it."""
    if path[:2] == ("compute", "cluster"):
        path = path[:2]  # the section may be absent, its required key may not
    section: Any = plain
    for step in path[:-1]:
        section = section.setdefault(step, {})
        if not isinstance(section, dict):
            return
    if path == ("model", "method"):
        section["method"] = _method_of(section.get("output"))
        return
    section.pop(path[-1], None)
    for known, value in _STAND_INS.items():
        if known[: len(path)] == path:
            _set(plain, known, value)


def _set(section: dict[Any, Any], path: Path, value: Any) -> None:
    for step in path[:-1]:
        section = section.setdefault(step, {})
    section[path[-1]] = value


def _method_of(output: object) -> str:
    """The method whose result the expressions name."""
    sources = output.values() if isinstance(output, dict) else ()
    words = {word for source in sources for word in re.findall(r"\w+", str(source))}
    return next((method for method in Method if method.result_name in words), Method.PREDICT).value
