"""The key `output.state_db`. No message repeats its value, which may hold a password."""

from __future__ import annotations

import re

_SERVERS = ("postgresql+psycopg", "postgresql", "postgres")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_REST = re.compile(
    r"(?:[^@]*@)?(?P<host>\[[^\]/]*\]|[^:/?@]*)(?::(?P<port>[^/?]*))?(?:/(?P<database>[^?]*))?(?:\?.*)?"
)
_EXAMPLE = "postgresql+psycopg://host/database"  # messages lose what looks like a password
_MAX_PORT = 65_535


def check_state_db(text: str) -> str:
    """`sqlite`, or the URL of a PostgreSQL database, as it was written. Raises: ValueError."""
    if text == "sqlite":
        return text
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise ValueError(f"is neither sqlite nor a database URL, such as {_EXAMPLE}")
    if scheme[1] not in _SERVERS:
        raise ValueError(f"{scheme[1]} is no database for the ledger; use sqlite or {_EXAMPLE}")
    if not text.isprintable() or " " in text:
        raise ValueError("a URL has no spaces or control characters; write a space as %20")
    rest = text[scheme.end() :]
    if rest.partition("?")[0].count("@") > 1:
        raise ValueError('an "@" within the user or the password must be written as %40')
    parts = _REST.fullmatch(rest)
    if parts is None or not parts["database"]:
        raise ValueError(f"the URL names no database; write {_EXAMPLE}")
    _check_port(parts["port"])
    return text


def _check_port(port: str | None) -> None:
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) <= _MAX_PORT):
        raise ValueError(
            "the URL's port is no number from 1 to 65535; in user and password write : as %3A and / as %2F"
        )
