"""Importing this imports SciPy, in two thirds of its time: without the tables it writes into its docstrings.

It parses and writes hundreds of docstrings while it is imported, which is a quarter of what importing
scikit-learn takes, and nobody who scores reads them. Nothing else differs. It comes before scikit-learn.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any


class _AsWritten(dict[str, list[str]]):
    """Stands for a parsed docstring: takes a note, and is the docstring as it was."""

    def __init__(self, function: Any) -> None:
        super().__init__(Notes=[])
        self._text = str(function.__doc__ or "")

    def __missing__(self, section: str) -> list[str]:
        """Of a SciPy that notes more than ours does."""
        return self.setdefault(section, [])

    def __str__(self) -> str:
        return f"\n{self._text}"  # its first line is left for a signature


def _import_undocumented(decorators: Any) -> None:
    """decorators: the module that parses docstrings, by a class that it has back at the end."""
    parser = decorators.FunctionDoc
    decorators.FunctionDoc = _AsWritten
    try:
        import scipy.stats  # noqa: F401 (with it comes all that is documented in this way)
    finally:
        decorators.FunctionDoc = parser


if "scipy.stats" not in sys.modules:
    # A SciPy that works in another way, or not at all, is imported as it is, by whoever needs it: whatever it
    # raised here, it has its parser back, and what it began is imported anew.
    with suppress(Exception):
        from scipy._lib import _array_api

        _import_undocumented(_array_api)
