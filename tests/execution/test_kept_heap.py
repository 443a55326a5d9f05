"""Memory that a batch frees is there for the next."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_BATCHES = """
import resource
import numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def batch():
    del [np.ones(100_000, np.uint8) for _ in range(40)][:]  # 4 MB, 1,000 pages

batch()
before = faults()
for _ in range(10):
    batch()
print(faults() - before)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")


def n_new_pages(before: str, environment: dict[str, str]) -> int:
    done = subprocess.run(
        [sys.executable, "-c", before + _BATCHES],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


KEPT = "import batch_scorer.execution.clusters.local.kept_heap\n"


def test_batch_after_batch_is_made_of_the_same_pages() -> None:
    assert n_new_pages("", {}) > 5_000
    assert n_new_pages(KEPT, {}) < 1_000


def test_a_users_settings_win() -> None:
    assert n_new_pages(KEPT, {"MALLOC_TRIM_THRESHOLD_": "131072"}) > 5_000


def test_a_worker_that_is_forked_keeps_it_too() -> None:
    fork = "import os, sys\nif os.fork():\n    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    assert n_new_pages(KEPT + fork, {}) < 1_000
