"""Importing this imports SciPy and scikit-learn's base, without what nobody who scores looks at.

While it is imported SciPy parses and writes a thousand docstrings, and both list all of NumPy, which imports
its Fortran compiler and its test tools. Docstrings differ, and two private namespaces lack those two modules;
nothing else does. It comes before scikit-learn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

_TOOLS = ("f2py", "testing")  # of NumPy, imported by whoever asks for them


class _AsWritten(dict[str, list[str]]):
    """Stands for a parsed docstring: takes a note, and is the docstring as it was."""

    def __init__(self, documented: Any) -> None:
        super().__init__(Notes=[])
        self._text = str(documented.__doc__ or "")

    def __missing__(self, section: str) -> list[str]:
        return self.setdefault(section, [])

    def __str__(self) -> str:
        return f"\n{self._text}"  # its first line is left for a signature


class _ClassAsWritten(_AsWritten):
    """The same of a class, which has no signature."""

    def __str__(self) -> str:
        return self._text


def _not_filled_in(docstring: Any, *_: Any) -> Any:
    return docstring


@contextmanager
def _undocumented(parsing: Any, filling: Any) -> Iterator[None]:
    """parsing, filling: SciPy's modules that parse docstrings, and that fill in what many have in common."""
    in_place = {
        parsing.FunctionDoc: _AsWritten,
        parsing.ClassDoc: _ClassAsWritten,
        filling.docformat: _not_filled_in,
    }
    _replace(in_place)
    try:
        yield
    finally:
        _replace({ours: theirs for theirs, ours in in_place.items()})


def _replace(in_place: Mapping[Any, Any]) -> None:
    """In every module of SciPy that is imported by now: each has imported the names for itself."""
    modules = [module for name, module in sys.modules.items() if name.startswith("scipy.")]
    for module in modules:
        for name in ("FunctionDoc", "ClassDoc", "docformat"):
            with suppress(KeyError, TypeError):  # it has none, or one that we do not know
                setattr(module, name, in_place[vars(module)[name]])


@contextmanager
def _without_tools(numpy: Any) -> Iterator[None]:
    """NumPy does not list them meanwhile."""
    names, listed = list(numpy.__all__), set(numpy.__numpy_submodules__)
    numpy.__all__[:] = (name for name in names if name not in _TOOLS)
    numpy.__numpy_submodules__.difference_update(_TOOLS)
    try:
        yield
    finally:
        numpy.__all__[:] = names
        numpy.__numpy_submodules__.update(listed)


if "scipy.stats" not in sys.modules:
    # A SciPy or a NumPy that works in another way, or not at all, is imported as it is, by whoever needs it:
    # whatever it raised here, it has its own back, and what it began is imported anew.
    with suppress(Exception):
        import numpy
        from scipy._lib import _docscrape, doccer

        with _without_tools(numpy), _undocumented(_docscrape, doccer):
            import scipy.stats  # noqa: F401 (with it comes all that is documented in this way)
            import sklearn.base  # noqa: F401 (with it comes its list of all of NumPy)
