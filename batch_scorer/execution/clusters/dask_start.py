"""Importing this imports Dask and `distributed`, whose settings are read by YAML's C library.

They are two files, for which Python's own reader needs 20 ms in every process that imports them; what is read
is the same. It comes before whatever else imports them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import yaml


@contextmanager
def _read_in_c() -> Iterator[None]:
    """`yaml.safe_load`, where there is a C library."""
    loader = yaml.SafeLoader
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", loader)  # type: ignore[misc]
    try:
        yield
    finally:
        yaml.SafeLoader = loader  # type: ignore[misc]


if "distributed" not in sys.modules:
    with _read_in_c():
        import distributed  # noqa: F401
