"""Where things are, as a user may write it: paths, file names, URLs, hosts, mail addresses, schedulers.

Each function takes the text and gives it back. Raises: ValueError, in words for the user.
"""

from __future__ import annotations

import re

from pydantic import ValidationInfo

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.stores import is_in_the_clear, is_object_url, parse_object_url

_HTTP_URL = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|\[?[0-9a-fA-F:]+\]?")
# What a header takes as one address: a comma would make two of it, and a quote none.
_ADDRESS = re.compile(
    r"{0}(?:\.{0})*@{1}(?:\.{1})*".format(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+", r"[A-Za-z0-9_-]+")
)
_SCHEDULERS = re.compile(r"(?:tcp|tls|ws|wss)://(?:\[[0-9a-fA-F:.%]+\]|[^\s:/@]+):[0-9]{1,5}/?")


def check_cluster(text: str) -> str:
    """`auto`, `inline`, `local` or the address of a running scheduler."""
    known = ("auto", "inline", "local")
    if text in known or _SCHEDULERS.fullmatch(text):
        return text
    if "@" in text:
        raise ValueError("the address of a scheduler holds no user and password; write tcp://host:port")
    raise ValueError(f'"{text}" is not auto, inline, local or tcp://host:port{suggestion(text, known)}')


def check_path(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a path has no control characters")
    if is_object_url(text):
        try:
            parse_object_url(text)
        except ConfigInvalid as error:
            raise ValueError(f"{error.what}; {error.fix}") from None
    return text


def check_textfile(text: str) -> str:
    if not text.endswith(".prom"):
        raise ValueError(f'"{text}" must end with .prom: node_exporter reads no other files')
    return text


def check_file_name(text: str) -> str:
    if "/" in text or "\\" in text or text in (".", ".."):
        raise ValueError(f'"{text}" is not the plain name of a file')
    return text


def check_http_url(text: str) -> str:
    """No message repeats the value, which may hold a password."""
    if not _HTTP_URL.fullmatch(text):
        raise ValueError("must be the URL of a server, such as http://marquez:5000")
    if "@" in text:
        raise ValueError("a URL in a job file holds no password; name the variable of the key in api_key")
    return text


def check_endpoint(text: str, info: ValidationInfo) -> str:
    """No message repeats the value, which may hold a password."""
    if not _HTTP_URL.fullmatch(text) or "@" in text:
        raise ValueError("must be the URL of a server without user and password, such as https://minio:9000")
    if is_in_the_clear(text) and not info.data.get("allow_http"):
        raise ValueError("is plain http: anybody on the way could read; use https, or set storage.allow_http")
    return text


def check_host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f'"{text}" is no name of a host, such as mail.example.com')
    return text


def check_mail_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f'"{text}" is no mail address, such as data@example.com')
    return text
