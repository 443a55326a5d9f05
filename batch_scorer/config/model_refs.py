"""Which model version a job file means: `taxi_tips@champion`, `taxi_tips@3`."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As the registry has them: models and aliases are directories and file names there.
MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_LIKE_A_VERSION = re.compile(r"v?([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """`taxi_tips@champion` or `taxi_tips@3`: exactly one of alias and version is set."""

    name: str
    alias: str | None = None
    version: int | None = None


def parse_model_ref(text: str) -> ModelRef:
    """Raises: ValueError."""
    name, at, which = text.partition("@")
    if not at or not MODEL_NAME.fullmatch(name):
        raise ValueError(f'"{text}" is not "name@alias" or "name@version", as in taxi_tips@champion')
    if _VERSION.fullmatch(which):
        return ModelRef(name=name, version=int(which))
    if number := _LIKE_A_VERSION.fullmatch(which):
        raise ValueError(f'"{which}" is no version; write {name}@{number[1].lstrip("0") or 1}')
    if not MODEL_NAME.fullmatch(which):
        raise ValueError(f'"{which}" is neither a version (3) nor an alias (champion)')
    return ModelRef(name=name, alias=which)
