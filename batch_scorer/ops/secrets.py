"""Secrets of the environment: read when they are used, and never repeated to anybody."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from batch_scorer.core.errors import NotTold


def secret(variable: str) -> str:
    """The value of an environment variable. Raises: NotTold, when it is not set, or empty."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise NotTold(f"the environment variable {variable} is not set", fix=f"export {variable}=…")
    return value


def secret_url(variable: str) -> str:
    """The same of a variable that holds a URL. Raises: NotTold, also when it holds something else."""
    value = secret(variable)
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or any(character.isspace() for character in value):
        raise NotTold(f"the environment variable {variable} holds no http or https URL")
    return value
