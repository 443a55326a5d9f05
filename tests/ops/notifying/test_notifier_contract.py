"""What holds for everything that can be told, against real servers on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from batch_scorer.core.errors import BatchScorerError, LockHeld, NotTold
from batch_scorer.core.notices import Event
from batch_scorer.execution.observing import Observers
from batch_scorer.ops.notifying import http, mail
from batch_scorer.ops.notifying.healthcheck import Healthcheck
from batch_scorer.ops.notifying.mail import Mail
from batch_scorer.ops.notifying.notifier import Notifier
from batch_scorer.ops.notifying.webhook import Webhook
from tests.ops.notifying.conftest import (
    MailServer,
    Web,
    drips,
    listener,
    notice,
    says_nothing,
    talks_nonsense,
)
from tests.patience import WAIT_S

TOKEN = "T0P-s3cret-t0ken"
Make = Callable[[int], Notifier]
_SLOW_WEB = b"HTTP/1.1 200 OK\r\nX-Slow: "


@dataclass(frozen=True)
class Kind:
    """at: the notifier for a server at a port. serving: a port that takes everything, or refuses it all.

    slow: how an answer begins that does not end.
    """

    at: Make
    slow: bytes
    serving: Callable[..., Any]


class _Inbox:
    """An SMTP server's handler. got: every message as it came."""

    def __init__(self, refusing: bool) -> None:
        self.got: list[str] = []
        self._refusing = refusing

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (theirs)
        if self._refusing:
            return f"554 {TOKEN} is not welcome"
        self.got.append(envelope.content.decode())
        return "250 OK"


@contextmanager
def _mail_server(refusing: bool) -> Iterator[tuple[int, list[str]]]:
    inbox = _Inbox(refusing)
    controller = MailServer(inbox)
    controller.start()
    try:
        yield controller.port, inbox.got
    finally:
        controller.stop()


@pytest.fixture(params=["webhook", "healthcheck", "mail"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Web]) -> Kind:
    def by_url(make: Callable[[], Notifier]) -> Make:
        def at(port: int) -> Notifier:
            monkeypatch.setenv("HOOK", f"http://127.0.0.1:{port}/{TOKEN}?key={TOKEN}")
            return make()

        return at

    @contextmanager
    def web(refusing: bool) -> Iterator[tuple[int, list[str]]]:
        server = serve(500 if refusing else 204)
        got: list[str] = []
        yield int(server.url.rpartition(":")[2]), got
        got += [body.decode() for _path, _headers, body in server.got]

    match request.param:
        case "webhook":
            return Kind(by_url(lambda: Webhook(variable="HOOK")), _SLOW_WEB, web)
        case "healthcheck":
            return Kind(by_url(lambda: Healthcheck(variable="HOOK", log_lines=tuple)), _SLOW_WEB, web)
        case _:
            return Kind(_mail_to, b"220-", _mail_server)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those that never answer; who does may take its time."""
    monkeypatch.setattr(http, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.3)


def _mail_to(port: int) -> Mail:
    return Mail(host="127.0.0.1", port=port, security="none", sender="a@example.com", to=("b@example.com",))


@pytest.fixture
def every_log_line(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Of everybody but the mail server, which is in this process too."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("mail.")
    )


def _refusal(notifier: Notifier, every_log_line: Callable[[], str]) -> str:
    """What went wrong, in words; they hold no secret, nor does any log line."""
    with pytest.raises(NotTold) as caught:
        notifier.send(notice())
    words = caught.value.render()
    assert TOKEN not in words + repr(caught.value) + every_log_line()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return words


@pytest.mark.parametrize("event", list(Event))
def test_a_server_that_takes_it_gets_what_happened(
    kind: Kind, event: Event, every_log_line: Callable[[], str]
) -> None:
    with kind.serving(refusing=False) as (port, got):
        kind.at(port).send(notice(event))
    (message,) = got
    assert "taxi_tips" in message
    assert ("2024-03-30" in message) == (event in (Event.BLOCKED, Event.FAILED))
    assert TOKEN not in every_log_line()


def test_nobody_listens(kind: Kind, closed_port: int, every_log_line: Callable[[], str]) -> None:
    assert "connection" in _refusal(kind.at(closed_port), every_log_line)


def test_a_server_that_refuses(kind: Kind, every_log_line: Callable[[], str]) -> None:
    with kind.serving(refusing=True) as (port, _):
        assert any(code in _refusal(kind.at(port), every_log_line) for code in ("500", "554"))


def test_a_server_that_says_nothing(kind: Kind, hasty: None, every_log_line: Callable[[], str]) -> None:
    with listener(says_nothing) as port:
        assert "no answer" in _refusal(kind.at(port), every_log_line)


def test_a_server_that_talks_nonsense(kind: Kind, hasty: None, every_log_line: Callable[[], str]) -> None:
    with listener(talks_nonsense) as port:
        _refusal(kind.at(port), every_log_line)


class _Observer:
    """Tells one notifier of refusals."""

    def __init__(self, notifier: Notifier) -> None:
        self.name = notifier.name
        self._notifier = notifier

    def started(self, *_: object) -> None: ...

    def ended(self, *_: object) -> None: ...

    def refused(self, error: BatchScorerError) -> None:
        self._notifier.send(notice())


def test_a_server_whose_answer_never_ends_keeps_nobody_waiting(kind: Kind) -> None:
    before = set(threading.enumerate())
    with listener(partial(drips, kind.slow)) as port:
        notifier = kind.at(port)
        observers = Observers([_Observer(notifier)], patience_s=0.5)
        (untold,) = observers.refused(LockHeld("another run"))
        assert untold == f"{notifier.name}: no answer in 0.5 s"
    for thread in set(threading.enumerate()) - before:  # what hung lets go when the server does
        thread.join(WAIT_S)


def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)
    for notifier in (Webhook(variable="HOOK"), Healthcheck(variable="HOOK", log_lines=tuple)):
        with pytest.raises(NotTold, match="the environment variable HOOK is not set"):
            notifier.send(notice())


@pytest.mark.parametrize(
    "value", ["ftp://x/y", "hooks.example.com/x", "http://", "http://h:99999/", "http://[x/"]
)
def test_what_is_no_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HOOK", value)
    with pytest.raises(NotTold, match="the environment variable HOOK holds no http or https URL") as caught:
        Webhook(variable="HOOK").send(notice())
    assert value not in caught.value.render()


def test_nobody_is_followed_elsewhere(serve: Callable[..., Web], monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = serve()
    first = serve(307, Location=f"{elsewhere.url}/{TOKEN}")
    monkeypatch.setenv("HOOK", first.url)
    with pytest.raises(NotTold, match="sends us elsewhere"):
        Webhook(variable="HOOK").send(notice())
    assert (len(first.got), elsewhere.got) == (1, [])
