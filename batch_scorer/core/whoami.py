"""Who runs this, for the audit."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The login name; for a uid without one, as containers often have it, the uid."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
