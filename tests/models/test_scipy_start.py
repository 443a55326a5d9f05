"""SciPy imported without its documentation is SciPy, and another SciPy is imported as it is."""

from __future__ import annotations

import functools
import subprocess
import sys


@functools.cache
def _said(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


_NAMES = """
import inspect, re
import scipy.linalg, scipy.ndimage, scipy.special, scipy.stats, sklearn.linear_model
def of(found):
    try:
        return type(found).__name__, re.sub(" at 0x[0-9a-f]+", "", str(inspect.signature(found)))
    except (TypeError, ValueError):
        return type(found).__name__
for module in (scipy.linalg, scipy.ndimage, scipy.special, scipy.stats):
    named = {name: getattr(module, name) for name in module.__all__}
    # SciPy lists a module where it was imported by then, which depends on who came first.
    print(*sorted(f"{name}:{of(it)}" for name, it in named.items() if not inspect.ismodule(it)))
"""
_START = "import batch_scorer.models.scipy_start\n"


def test_everything_of_scipy_is_there_and_only_tables_in_docstrings_are_not() -> None:
    table = """
import scipy.stats
print("Array API Standard Support" in scipy.stats.zscore.__doc__, "z score" in scipy.stats.zscore.__doc__)
"""
    assert _said(_START + _NAMES) == _said(_NAMES)
    assert _said(table) == ["True True"]
    assert _said(_START + table) == ["False True"]


def test_scipy_has_its_parsers_of_docstrings_back() -> None:
    program = """
import sys
from scipy._lib import _docscrape, doccer
parsers = {name: getattr(_docscrape, name) for name in ("FunctionDoc", "ClassDoc")}
parsers["docformat"] = doccer.docformat
scipys = [vars(module) for name, module in sys.modules.items() if name.startswith("scipy.")]
print(*(sum(name in module for module in scipys) > 1 for name in ("FunctionDoc", "ClassDoc")))
print(all(module.get(name, parser) is parser for module in scipys for name, parser in parsers.items()))
print(*(parser.__module__ for parser in parsers.values()))
"""
    where = "scipy._lib._docscrape scipy._lib._docscrape scipy._lib.doccer"
    assert _said(_START + program) == ["True True", "True", where]


def test_numpy_lists_what_it_listed_and_its_tools_are_imported_by_who_asks() -> None:
    program = """
import numpy
print(*sorted(numpy.__all__), *sorted(dir(numpy)))
"""
    tools = """
import sys
print(*(name in sys.modules for name in ("numpy.f2py", "numpy.testing")))
print(numpy.f2py.__name__, numpy.testing.__name__)
"""
    assert _said(_START + program + tools) == [
        *_said("import scipy.stats, sklearn.base" + program),
        "False False",
        "numpy.f2py numpy.testing",
    ]


def test_a_scipy_that_documents_itself_in_another_way_is_imported_by_whoever_needs_it() -> None:
    """Ours gives way, with what it began, and leaves nothing half imported."""
    without_parser = """
from scipy._lib import _array_api
parser = _array_api.__dict__.pop("FunctionDoc")
import batch_scorer.models.scipy_start
_array_api.FunctionDoc = parser
"""
    wants_more = """
from scipy._lib import _array_api
note = _array_api._make_capabilities_note
def wanting(*_):
    _array_api.FunctionDoc(print).parse()
_array_api._make_capabilities_note = wanting
import sys
import batch_scorer.models.scipy_start
print("scipy.stats" in sys.modules)
_array_api._make_capabilities_note = note
"""
    assert _said(without_parser + _NAMES) == _said(_NAMES)
    assert _said(wants_more + _NAMES) == ["False", *_said(_NAMES)]


def test_a_scipy_that_cannot_be_imported_half_way_is_imported_by_whoever_needs_it() -> None:
    """Whatever it raised: nothing is left half imported, and nothing is said."""
    breaks = """
from scipy._lib import _array_api
note, n_left = _array_api._make_capabilities_note, [40]
def breaking(*given):
    n_left[0] -= 1
    if not n_left[0]:
        raise RuntimeError("half way")
    return note(*given)
_array_api._make_capabilities_note = breaking
import sys
import batch_scorer.models.scipy_start
print("scipy.stats" in sys.modules, n_left[0] <= 0)
"""
    assert _said(breaks + _NAMES) == ["False True", *_said(_NAMES)]


def test_a_scipy_that_notes_more_than_ours_is_imported_without_it() -> None:
    notes = """
from scipy._lib import _array_api
note = _array_api._make_capabilities_note
def noting(*given):
    _array_api.FunctionDoc(print)["Warnings"].append("odd")
    return note(*given)
_array_api._make_capabilities_note = noting
import sys
import batch_scorer.models.scipy_start
print("scipy.stats" in sys.modules)
"""
    assert _said(notes + _NAMES) == ["True", *_said(_NAMES)]
