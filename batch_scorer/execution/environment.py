"""Python and the packages that decide about a prediction, for every manifest."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from platform import python_version

_RECORDED_PACKAGES = ("scikit-learn", "numpy", "pandas", "pyarrow", "dask", "great-expectations")


def environment() -> dict[str, str]:
    """Python and the packages that decide about a prediction, with their versions."""
    found = {"python": python_version()}
    for package in _RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # vendored or repackaged: say nothing rather than guess
            continue
    return found
