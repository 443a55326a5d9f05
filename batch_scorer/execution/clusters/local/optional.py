"""Libraries that others import if they are there, and that a worker has no use for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_out(*names: str) -> Iterator[None]:
    """To what is imported meanwhile they seem not to be installed; afterwards they can be imported.

    One that was imported before stays what it is. For a process without threads: theirs would miss it too.
    """
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment] # so that its import fails, as Python documents
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
