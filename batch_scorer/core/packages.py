"""Which version of a package is installed. Standard library only, and no package is imported."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution


def installed_version(package: str) -> str | None:
    """As its metadata says; None: it is not installed, or vendored, or repackaged without them.

    `importlib.metadata.version` parses all of them for one line: of SciPy, which has its licences there, for
    several milliseconds.
    """
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return None
    head = (found.read_text("METADATA") or "").partition("\n\n")[0]
    said = [line.removeprefix("Version: ") for line in head.splitlines() if line.startswith("Version: ")]
    return said[0].strip() if said else found.version
