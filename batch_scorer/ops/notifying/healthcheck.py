"""Pings for a dead man's switch, as healthchecks.io documents them: it alerts when none comes in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from ulid import ULID

from batch_scorer.core.notices import Event, Notice
from batch_scorer.ops.notifying import words
from batch_scorer.ops.notifying.http import post
from batch_scorer.ops.secrets import secret_url

_MAX_BYTES = 10_000  # the smallest that a server of theirs is configured to keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """variable: of the environment, which holds the check's URL. log_lines: the last ones, oldest first."""

    variable: str
    log_lines: Callable[[], tuple[str, ...]]

    @property
    def name(self) -> str:
        return f"healthcheck {self.variable}"

    def send(self, notice: Notice) -> None:
        url = ping_url(secret_url(self.variable), notice)
        post(url, body=self._body(notice), content_type="text/plain; charset=utf-8")

    def _body(self, notice: Notice) -> bytes:
        """What happened, then the end of the log."""
        said = words.text(notice).encode()[:_MAX_BYTES]
        if notice.event is Event.START:
            return said
        log = "\n".join(self.log_lines()).encode()
        room = _MAX_BYTES - len(said) - 2
        return said + b"\n\n" + log[-room:] if log and room > 0 else said


def ping_url(url: str, notice: Notice) -> str:
    """`…/start`, `…` or `…/<exit code>`, with the run's id as a UUID, by which a start finds its end."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if notice.event is Event.START:
        path += "/start"
    elif notice.problems:
        path += f"/{notice.exit_code}"
    rid = {"rid": str(ULID.from_str(notice.run_id).to_uuid())} if notice.run_id else {}
    query = "&".join(filter(None, [parts.query, urlencode(rid)]))
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))
