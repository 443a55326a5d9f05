"""One POST to a URL that is a secret: no error, no log line and no other host ever sees it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from batch_scorer import __version__
from batch_scorer.core.errors import NotTold

if TYPE_CHECKING:
    import requests

# Below what a run waits for, so that a silent server is told as what it is.
TIMEOUT_S = 4.0

_REDIRECTS = range(300, 400)
_GOOD = range(200, 300)

# It writes whole URLs into its warnings.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


def post(url: str, *, body: bytes, content_type: str) -> None:
    """Proxies, and who is trusted for TLS, are the environment's, as ever with requests.

    Raises: NotTold, whose words hold nothing of the URL.
    """
    import requests  # not needed before something happened

    headers = {"Content-Type": content_type, "User-Agent": f"batch-scorer/{__version__}"}
    try:
        # Streamed and not read: what the server says beyond its status may never end.
        with requests.post(
            url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
        ) as response:
            status = response.status_code
    except requests.RequestException as error:
        raise NotTold(_in_words(error)) from None  # its own words hold the URL
    except ValueError:  # of what requests passes on unread
        raise NotTold("the URL cannot be used") from None
    if status in _REDIRECTS:
        raise NotTold(f"the server sends us elsewhere (HTTP {status}); give the URL that takes the message")
    if status not in _GOOD:
        raise NotTold(f"the server answered HTTP {status}")


def _in_words(error: requests.RequestException) -> str:
    from requests import exceptions

    match error:
        case exceptions.SSLError():
            return "the server's TLS certificate is not accepted"
        case exceptions.ProxyError():
            return "the proxy does not let us through"
        case exceptions.Timeout():
            return f"no answer in {TIMEOUT_S:g} s"
        case exceptions.ConnectionError():
            return "the connection failed: refused, reset, or no such host"
        case _:
            return f"the request failed ({type(error).__name__})"
