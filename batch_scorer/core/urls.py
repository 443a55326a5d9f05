"""URLs as a message may show them."""

from __future__ import annotations

import re

# Up to the last "@" of the word: a password that nobody escaped may hold "/" and "@" itself.
_USERINFO = re.compile(r"://\S*@")
_PASSWORD = re.compile(r"(://[^\s:]*):\S*@")
_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&\s]*", re.IGNORECASE)


def without_userinfo(text: str) -> str:
    """`postgresql://u:secret@db/x` → `postgresql://***@db/x`, for every URL in a text."""
    return _PARAMETER.sub(r"\1***", _USERINFO.sub("://***@", text))


def without_password(text: str) -> str:
    """`postgresql://u:secret@db/x` → `postgresql://u:***@db/x`, for every URL in a text."""
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))
