"""Names of models, versions and aliases: what is allowed, and what a person meant."""

from __future__ import annotations

import re

from batch_scorer.core.errors import UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_LIKE_A_VERSION = re.compile(r"v?[0-9]+")


def is_name(text: str) -> bool:
    """Can it be a model or an alias? Such a name is one path segment, never hidden, never `..`."""
    return _NAME.fullmatch(text) is not None


def as_version(text: str) -> int | None:
    """`3` → 3; None for anything that is no version in canonical form (`03`, `v3`, `champion`)."""
    return int(text) if _VERSION.fullmatch(text) else None


def require_name(text: str) -> str:
    """Raises: UsageError."""
    if not is_name(text):
        raise UsageError(
            f'"{text}" cannot be the name of a model',
            fix="use up to 64 lower-case letters, digits, _ . and -, the first a letter or digit",
        )
    return text


def require_alias(text: str) -> str:
    """Raises: UsageError, also for what reads as a version number."""
    if not is_name(text) or _LIKE_A_VERSION.fullmatch(text):
        raise UsageError(
            f'"{text}" cannot be an alias',
            fix="use a word such as champion: lower-case letters, digits, _ . and -; not a number",
        )
    return text
