"""Where it was measured: machine, versions, and whether the bytecode was compiled."""

from __future__ import annotations

import os
import platform
import re
import sysconfig
from importlib.metadata import version
from pathlib import Path

from batch_scorer.core.machine import usable_cpus, usable_memory

_PACKAGES = ("batch-scorer", "dask", "numpy", "pandas", "pyarrow", "scikit-learn")
_COMPILED = ("distributed", "pandas", "pyarrow", "sklearn", "sqlalchemy")


def machine() -> str:
    """As it is now: the load is what others did before we began."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    compiled = bytecode(Path(sysconfig.get_path("purelib")))
    return (
        f"{usable_cpus()} cores, {_processor()}, {usable_memory() / 1e9:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {versions}; {compiled}; "
        f"load before {os.getloadavg()[0]:.1f}."
    )


def bytecode(site_packages: Path) -> str:
    """Without it every process compiles what it imports again, and startup measures the compiler."""
    lacking = [name for name in _COMPILED if not _is_compiled(site_packages / name)]
    return f"bytecode NOT compiled of {', '.join(lacking)}" if lacking else "bytecode compiled"


def _is_compiled(package: Path) -> bool:
    """True where the package is not installed: it costs nothing there."""
    if not (package / "__init__.py").exists():
        return True
    modules = [path for path in package.rglob("*.py") if "tests" not in path.parts]
    cached = {(path.parent.parent, path.name.split(".")[0]) for path in package.rglob("__pycache__/*.pyc")}
    n_compiled = sum((path.parent, path.stem) in cached for path in modules)
    return n_compiled >= 0.95 * len(modules)  # a few do not compile for this Python


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()
