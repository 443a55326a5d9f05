"""Python and the packages that decide about a prediction, for every manifest."""

from __future__ import annotations

from platform import python_version

from batch_scorer.core.packages import installed_version

# What reads, validates and scores; SciPy has the functions that make probabilities, and joblib or skops makes
# the model of its bytes.
_RECORDED_PACKAGES = (
    "scikit-learn", "scipy", "numpy", "pandas", "pyarrow", "dask", "great-expectations", "joblib", "skops",
)  # fmt: skip


def environment() -> dict[str, str]:
    """With their versions. Of one that is vendored or repackaged nothing is said, rather than guessed."""
    versions = {package: installed_version(package) for package in _RECORDED_PACKAGES}
    found = {package: number for package, number in versions.items() if number is not None}
    return {"python": python_version(), **found}
