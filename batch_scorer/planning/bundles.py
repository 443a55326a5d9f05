"""Short chunks go to a worker together, so that what each task costs beside its rows is paid once.

What a chunk fills of a bundle follows the pace of those that came back. Before any did, a partition of one
small chunk fills what its bytes say, and any other chunk all of it: the first results come as soon as they
can. The same shares say how many partitions are in hand.
"""

from __future__ import annotations

BUNDLE_BYTES = 4 << 20  # scored in a fraction of a second: who waits for the rest of a bundle waits no longer
BUNDLE_S = 0.6  # a chunk beyond costs little more than itself; results and a stop hardly wait for it
MOST_TOGETHER = 16
_LEAST = 1 / MOST_TOGETHER
_SHORT = 1 / 4  # of a bundle: one that lasts no longer is not made shorter for the sake of the last ones


def share(*, seconds: float | None, n_bytes: int, n_chunks: int) -> float:
    """What each of a partition's chunks fills of a bundle, from a sixteenth to all of it.

    seconds: that it will take, None while nobody knows. n_bytes, n_chunks: of the partition, as far as it is
    still to be scored.
    """
    if seconds is not None:
        return min(1.0, max(seconds / BUNDLE_S, _LEAST))
    if n_chunks != 1:
        return 1.0
    return min(1.0, max(n_bytes / BUNDLE_BYTES, _LEAST))


def goes_along(n_together: int, filled: float, more: float, *, n_left: int, slots: int) -> bool:
    """Whether a bundle takes one more chunk. No slot is left without one, and towards the end bundles become
    shorter, so that all slots end at about the same time.

    filled: of the bundle so far. more: what the chunk fills. n_left: chunks that have not gone out, those in
    the bundle included, or fewer.
    """
    if not n_together:
        return True
    if filled + more > 1.0 or n_together >= -(-n_left // slots):
        return False
    # Each slot has one that waits beside the one that runs.
    return filled + more <= _SHORT or n_together < -(-n_left // (2 * slots))
