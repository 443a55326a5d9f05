"""Before Arrow is imported: all of it takes memory from one pool, which gives back what no batch needs.

Told later, as `pyarrow.set_memory_pool` does, only what Python asks for would come from there, and decoded
pages from the usual pool: a worker would keep the unused memory of two.
Importing this changes the process it is imported in.
"""

import os
import sys

if sys.platform == "linux":  # elsewhere Arrow may be built without it, and would say so on stderr
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
