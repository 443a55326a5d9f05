"""URLs as a message may show them."""

from __future__ import annotations

import re

# Up to the last "@" of the word: a password that nobody escaped may hold "/" and "@" itself.
_USERINFO = re.compile(r"://\S*@")


def without_userinfo(text: str) -> str:
    """`postgresql://u:secret@db/x` → `postgresql://***@db/x`, for every URL in a text."""
    return _USERINFO.sub("://***@", text)
