"""Arrow imported so that all of it takes memory from one pool, which gives back what no batch needs.

Told later, as `pyarrow.set_memory_pool` does, only what Python asks for would come from there, and decoded
pages from the usual pool: a worker would keep the unused memory of two.
Importing this changes the process it is imported in.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_POOL = "ARROW_DEFAULT_MEMORY_POOL"


@contextmanager
def _unheard() -> Iterator[None]:
    """Whatever is written to stderr meanwhile, by C++ too. Where there is none, nothing is heard anyway."""
    try:
        heard = os.dup(2)
    except OSError:
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(heard, 2)
        os.close(heard)


if sys.platform == "linux" and _POOL not in os.environ:  # elsewhere hardly a build has this pool
    os.environ[_POOL] = "jemalloc"
    try:
        with _unheard():  # some builds do not have it, which they say, and take their usual one
            import pyarrow  # noqa: F401 (which reads the variable now, and never again)
    finally:
        del os.environ[_POOL]  # what a model's code starts may have another Arrow
