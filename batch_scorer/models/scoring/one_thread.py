"""One thread for everything below a prediction, also when a worker predicts in several threads at once.

OpenMP keeps its limit for each thread, BLAS one for the process: whoever leaves first must not lift it while
others still compute, or their sums would be added up in another order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_n_inside = 0
_until_all_left = ExitStack()


@contextmanager
def one_thread(controller: ThreadpoolController) -> Iterator[None]:
    """controller: of the libraries that are loaded. Here, not at start-up: a thread's limit is its own."""
    global _n_inside
    with _lock:
        if _n_inside == 0:
            _until_all_left.enter_context(controller.limit(limits={"blas": 1}))
        _n_inside += 1
    try:
        with controller.limit(limits={"openmp": 1}):
            yield
    finally:
        with _lock:
            _n_inside -= 1
            if _n_inside == 0:
                _until_all_left.close()
