"""Real servers on loopback: good ones, ones that refuse, and ones that are up to no good."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from batch_scorer.core.notices import Event, Notice, Problem
from tests.patience import WAIT_S

RUN_ID = "01JQ8ZC2E6T1V4M8K3N5P7R9SA"
BLOCKED = Problem(
    partition="ride_date=2024-03-30",
    label="2024-03-30",
    state="blocked",
    kind="blocked rides_input",
    what="rides_input: fare between 0 and 500 fails for 8.1 % (limit 1 %)",
)


def notice(event: Event = Event.BLOCKED, **changes: Any) -> Notice:
    """Of a night with a blocked partition, unless it is said otherwise."""
    is_bad = event in (Event.BLOCKED, Event.FAILED)
    fields: dict[str, Any] = {
        "event": event,
        "job": "taxi_tips",
        "at": datetime(2024, 3, 31, 4, 31, tzinfo=UTC),
        "host": "box",
        "run_id": RUN_ID,
        "model": "taxi_tips@7",
        "exit_code": None if event is Event.START else 4 if is_bad else 0,
        "n_published": 2,
        "n_blocked": 1 if is_bad else 0,
        "problems": (BLOCKED,) if is_bad else (),
        "next_command": f"batch-scorer -p /srv/scoring show {RUN_ID} --validation" if is_bad else None,
    }
    return Notice(**(fields | changes))


@dataclass
class Web:
    """An HTTP server. got: (path with query, headers, body) of every request, in order."""

    url: str
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def serve() -> Iterator[Callable[..., Web]]:
    """`serve(status, **headers)`: a server that takes what it gets and answers so."""
    with ExitStack() as stack:
        yield lambda status=200, **headers: stack.enter_context(_web(status, headers))


@contextmanager
def _web(status: int, headers: dict[str, str]) -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            web.got.append((self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web = Web(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def listener(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A port; whoever connects is talked to in a thread, until the event is set."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def accept() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    connection, _ = server.accept()
                    threading.Thread(target=hold, args=(connection,), daemon=True).start()

        def hold(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                talk(connection, over)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def says_nothing(_connection: socket.socket, over: threading.Event) -> None:
    over.wait()


def drips(opening: bytes, connection: socket.socket, over: threading.Event) -> None:
    """A byte now and then, so that no single read ever takes too long."""
    connection.sendall(opening)
    while not over.wait(0.02):
        connection.sendall(b"2")


def talks_nonsense(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(1)
    connection.sendall(b"\x00\xff nonsense\r\n\r\n")


class MailServer(Controller):  # type: ignore[misc]  # aiosmtpd has no types
    """It has its port before it starts, and may take long to start."""

    def __init__(self, handler: Any, **options: Any) -> None:
        self._bound = socket.create_server(("127.0.0.1", 0))
        host, port = self._bound.getsockname()
        super().__init__(handler, hostname=host, port=port, ready_timeout=WAIT_S, **options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._bound, ssl=self.ssl_context)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
