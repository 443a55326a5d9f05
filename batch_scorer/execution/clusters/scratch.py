"""The directory of this process's own, if it is a Dask worker: Dask takes it away when the worker is gone.

Of a worker that was killed its nanny does so, or the next worker that starts there; nobody would look through
a `TMPDIR`.
"""

from __future__ import annotations

import sys


def own_directory() -> str | None:
    """None: not on a worker."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        return str(get_worker().local_directory)
    except ValueError:
        return None
