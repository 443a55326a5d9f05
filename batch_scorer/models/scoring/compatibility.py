"""What a model was registered with, and what is installed here."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from batch_scorer.core.models import ModelManifest
from batch_scorer.core.packages import installed_version

_PACKAGES = ("scikit-learn", "numpy", "pandas", "scipy", "skops", "joblib")


def current_environment() -> Mapping[str, str]:
    """Versions that can change a prediction, with `python` and `platform`."""
    return {"python": platform.python_version(), "platform": platform.platform(), **_packages()}


def environment_differences(manifest: ModelManifest) -> tuple[str, ...]:
    """`scikit-learn 1.7.2 at registration, 1.9.1 here`, for every package that differs and was recorded."""
    # Without the platform, for which Python asks another program.
    here = {"python": platform.python_version(), **_packages()}
    return tuple(
        f"{package} {then} at registration, {here.get(package, 'not installed')} here"
        for package, then in manifest.environment.items()
        if package != "platform" and here.get(package) != then
    )


def _packages() -> dict[str, str]:
    return {package: installed_version(package) or "not installed" for package in _PACKAGES}
