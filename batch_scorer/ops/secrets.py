"""Values that a job file only names. Read at the moment of use, never stored."""

from __future__ import annotations

import os

from batch_scorer.core.errors import ConfigInvalid


def read_secret(name: str) -> str:
    """name: `env:NAME`. Without white space around it, which a file that was pasted into a variable leaves.

    Raises: ConfigInvalid, when there is no such variable, or nothing in it.
    """
    variable = name.removeprefix("env:")
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigInvalid(
            f"the environment variable {variable} is not set",
            fix=f"export {variable} where the run is started, or remove the key that names it",
        )
    return value
