"""What is set for the whole process while a model predicts, in workers that predict in several threads.

The first thread in sets it and the last one out takes it back: whoever leaves first must not lift the limit
of BLAS while others compute, or give stdout and the filters of warnings back to one that found them changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from threadpoolctl import ThreadpoolController


class Together:
    """One thing of the process, shared by those inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._set = ExitStack()

    @contextmanager
    def inside(self, change: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
        """change: sets it and takes it back; called by the first only."""
        with self._lock:
            if self._n_inside == 0:
                self._set.enter_context(change())
            self._n_inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0:
                    self._set.close()


_blas = Together()


@contextmanager
def one_thread(controller: ThreadpoolController) -> Iterator[None]:
    """For everything below a prediction. controller: of the libraries that are loaded.

    BLAS has one limit; OpenMP has one for each thread, so that limits set at start-up are not seen here.
    """
    blas, openmp = controller.select(user_api="blas"), controller.select(user_api="openmp")
    with _blas.inside(lambda: blas.limit(limits=1)), openmp.limit(limits=1):
        yield
