"""Validation: suites, exact partials of their expectations over Arrow batches, and GX's results from them.

`validate` is public; the rest serves the job runner.
"""

from __future__ import annotations

from typing import Any

__all__ = ["validate"]


def __getattr__(name: str) -> Any:
    """Loaded when asked for: most of what imports this room does so on a night with nothing to do."""
    if name != "validate":
        raise AttributeError(name)
    from batch_scorer.validation.api import validate

    return validate
