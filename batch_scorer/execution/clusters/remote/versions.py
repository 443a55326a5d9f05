"""The versions that must be equal on driver, scheduler and workers, as they are installed, not imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

# What decides about a prediction, and how chunks travel.
PACKAGES = ("batch-scorer", "scikit-learn", "scipy", "numpy", "pandas", "pyarrow", "dask", "distributed")
# A scheduler unpickles what is submitted, and computes nothing.
_OF_A_SCHEDULER = ("python", "batch-scorer", "dask", "distributed")


@cache
def installed_here() -> Mapping[str, str | None]:
    from distributed.versions import get_versions

    return _shown(get_versions(packages=PACKAGES))


def differing(report: Mapping[str, Any]) -> tuple[str, ...]:
    """report: distributed's own, of a worker. `scikit-learn 1.8.0, here 1.9.0`."""
    return tuple(_differing(report, tuple(installed_here())))


def differing_scheduler(report: Mapping[str, Any]) -> tuple[str, ...]:
    """report: distributed's own, of a scheduler."""
    return tuple(_differing(report, _OF_A_SCHEDULER))


def _differing(report: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    there, here = _shown(report), installed_here()
    for name in names:
        if there.get(name) != here[name]:
            yield f"{name} {there.get(name) or 'is missing'}, here {here[name] or 'it is not installed'}"


def _shown(report: Mapping[str, Any]) -> dict[str, str | None]:
    """A patch release of Python changes no prediction."""
    python = ".".join(str(report["host"]["python"]).split(".")[:2])
    return {"python": python, **{name: report["packages"].get(name) for name in PACKAGES}}
