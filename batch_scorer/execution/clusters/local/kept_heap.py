"""Memory that NumPy frees after one batch stays with the process for the next.

glibc gives the top of its heap back to the system as soon as 128 KB of it are free, and asks the system
for each larger block: the arrays of every batch lay in new pages, which the system zeroes one by one. It
raises both limits as it goes, but only to what one block needs, and a batch has dozens.
Importing this changes the process it is imported in, and those forked from it.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_KEPT_BYTES = 1 << 25  # the most that glibc lets a block be that it does not take by itself
_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")

if sys.platform == "linux" and not any(name in os.environ for name in _SETTINGS):  # a user's settings win
    _mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if _mallopt is not None:  # another C library than glibc may have none
        _mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        _mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
