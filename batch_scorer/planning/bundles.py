"""Small partitions go to a worker together, so that what each costs beside its rows is paid once.

Weights are in bytes of input. A partition of one small chunk weighs what it holds, and at least a sixteenth
of a bundle; any other fills one. The same weights say how many partitions are in hand.
"""

from __future__ import annotations

BUNDLE_BYTES = 4 << 20  # scored in a fraction of a second: who waits for the rest of a bundle waits no longer
MOST_TOGETHER = 16


def weight(n_bytes: int, n_chunks: int) -> int:
    """Of a partition with so many bytes in so many chunks that are still to be scored."""
    if n_chunks != 1:
        return BUNDLE_BYTES
    return min(BUNDLE_BYTES, max(n_bytes, BUNDLE_BYTES // MOST_TOGETHER))


def goes_along(n_together: int, weight_together: int, weight_next: int, *, n_left: int, slots: int) -> bool:
    """Whether a bundle takes one more, as long as no slot is left idle for the sake of a fuller bundle.

    n_left: partitions that have not gone out, those in the bundle included.
    """
    if not n_together:
        return True
    return weight_together + weight_next <= BUNDLE_BYTES and n_together < -(-n_left // slots)
