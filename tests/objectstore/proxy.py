"""A proxy between us and an S3 server: it counts requests and bytes, and does what networks do.

Requests that write go to the server one at a time: moto looks and writes in two steps, which a store that is
asked for a conditional write must not.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from tests.patience import WAIT_S


class Kind(Enum):
    THROTTLED = auto()  # 503 SlowDown, not carried out
    FAILED = auto()  # 500, not carried out
    FAILED_AFTER = auto()  # carried out, and answered with 500
    FORBIDDEN = auto()  # 403
    FULL = auto()  # 507, not carried out
    DROPPED = auto()  # the connection closed without an answer, not carried out
    DROPPED_AFTER = auto()  # carried out, and no answer
    DROPPED_IN_BODY = auto()  # half of the answer's body, then nothing
    HELD = auto()  # carried out once `let_go` is called, whether the client still waits or not
    SLOW = auto()  # the answer's body in pieces, delay_s before each


@dataclass(kw_only=True)
class Fault:
    """What happens to requests of a method, to keys that match a pattern.

    skip: so many of them are let through first. times: how many it happens to; None: all. rate: the share of
    those it happens to, by chance.
    """

    kind: Kind
    method: str = "*"
    key: str = "*"
    times: int | None = None
    skip: int = 0
    rate: float = 1.0
    delay_s: float = 0.0
    n_hit: int = field(default=0, init=False)


@dataclass(frozen=True, kw_only=True)
class Request:
    """key: without the bucket; of a listing, its prefix. n_sent: bytes of the answer's body."""

    method: str
    key: str
    is_list: bool
    range: str | None
    status: int
    n_received: int
    n_sent: int

    @property
    def what(self) -> str:
        return "LIST" if self.is_list else self.method


class Proxy:
    """url: where clients connect to. requests: what was asked since the last `forget`.

    page_size: how many keys a listing tells at once; None: as many as the server does, 1,000.
    """

    def __init__(self, upstream: str, seed: int = 7) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[Request] = []
        self.page_size: int | None = None
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._held = threading.Semaphore(0)
        self._let_go = threading.Event()
        self._chance = random.Random(seed)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def inject(self, *faults: Fault) -> None:
        """The first that fits a request happens to it."""
        with self._lock:
            self._faults.extend(faults)

    def forget(self) -> None:
        """What was asked, and what was to be broken."""
        with self._lock:
            self.requests.clear()
            self._faults.clear()

    def wait_for_held(self) -> None:
        """Until a request has come that is held."""
        assert self._held.acquire(timeout=WAIT_S), "no request came that was to be held"

    def let_go(self) -> None:
        """Carry out what is held."""
        self._let_go.set()

    def hold(self) -> None:
        self._held.release()
        self._let_go.wait(WAIT_S)

    def count(self, key: str = "*") -> Counter[str]:
        """How many requests of each kind: GET, HEAD, LIST, PUT, …"""
        with self._lock:
            return Counter(each.what for each in self.requests if fnmatchcase(each.key, key))

    def n_sent(self, key: str = "*") -> int:
        """Bytes of answers."""
        with self._lock:
            return sum(each.n_sent for each in self.requests if fnmatchcase(each.key, key))

    def fault_for(self, method: str, key: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.method in ("*", method) and fnmatchcase(key, fault.key) and self._strikes(fault):
                    return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.times is not None and fault.n_hit >= fault.times:
            return False
        if self._chance.random() >= fault.rate:
            return False
        fault.n_hit += 1
        return True

    def asked(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def writing(self) -> threading.Lock:
        return self._writing


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away in the middle of an answer is nobody's mistake here."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


_THROTTLED = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
_BROKEN = b"<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>"
_FORBIDDEN = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_FULL = b"<Error><Code>InsufficientStorage</Code><Message>No space left on device</Message></Error>"
_REFUSALS = {
    Kind.THROTTLED: (503, _THROTTLED),
    Kind.FAILED: (500, _BROKEN),
    Kind.FAILED_AFTER: (500, _BROKEN),
    Kind.FORBIDDEN: (403, _FORBIDDEN),
    Kind.FULL: (507, _FULL),
}
_AFTER = (Kind.FAILED_AFTER, Kind.DROPPED_AFTER)
_OF_ONE_CONNECTION = frozenset({"connection", "transfer-encoding", "keep-alive", "date", "server"})
_PIECES = 8


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            key, is_list = _key_of(self.command, self.path)
            fault = proxy.fault_for("LIST" if is_list else self.command, key)
            kind = fault.kind if fault else None
            answer = None
            if is_list and proxy.page_size:
                self.path += f"&max-keys={proxy.page_size}"
            if kind is Kind.HELD:
                proxy.hold()
            if kind in (None, Kind.HELD, Kind.SLOW, Kind.DROPPED_IN_BODY, *_AFTER):
                answer = _ask(proxy, self, body)
            if kind in _REFUSALS:
                status, text = _REFUSALS[kind]
                answer = _Answer(status=status, headers=[("Content-Type", "application/xml")], body=text)
            elif kind in (Kind.DROPPED, Kind.DROPPED_AFTER):
                answer = None
            body_sent = _body_sent(self.command, answer, kind)
            # Before the answer goes out: whoever has it may look at once.
            proxy.asked(
                Request(
                    method=self.command,
                    key=key,
                    is_list=is_list,
                    range=self.headers.get("Range"),
                    status=answer.status if answer else 0,
                    n_received=len(body),
                    n_sent=len(body_sent),
                )
            )
            if answer is None:
                self.close_connection = True
            else:
                self._answer(answer, body_sent, fault)

        def _answer(self, answer: _Answer, body: bytes, fault: Fault | None) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            if not any(name.lower() == "content-length" for name, _ in answer.headers):
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            delay_s = fault.delay_s if fault is not None and fault.kind is Kind.SLOW else 0.0
            size = -(-len(body) // _PIECES) if delay_s else len(body)
            for start in range(0, len(body), size or 1):
                time.sleep(delay_s)
                self.wfile.write(body[start : start + size])
            if fault is not None and fault.kind is Kind.DROPPED_IN_BODY:
                self.close_connection = True

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 (names of http.server)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _body_sent(method: str, answer: _Answer | None, kind: Kind | None) -> bytes:
    if answer is None or method == "HEAD":
        return b""
    return answer.body[: len(answer.body) // 2] if kind is Kind.DROPPED_IN_BODY else answer.body


def _key_of(method: str, path: str) -> tuple[str, bool]:
    """(key, or the prefix of a listing; is it a listing)."""
    parts = urlsplit(path)
    asked = parse_qs(parts.query, keep_blank_values=True)
    _bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    if method == "GET" and "list-type" in asked:
        return asked.get("prefix", [""])[0], True
    return key, False


def _ask(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> _Answer:
    if handler.command in ("GET", "HEAD"):
        return _ask_now(proxy, handler, body)
    with proxy.writing():
        return _ask_now(proxy, handler, body)


def _ask_now(proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> _Answer:
    connection = http.client.HTTPConnection(proxy.upstream, timeout=WAIT_S)
    try:
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
        connection.request(handler.command, handler.path, body=body or None, headers=headers)
        found = connection.getresponse()
        kept = [(name, value) for name, value in found.getheaders() if name.lower() not in _OF_ONE_CONNECTION]
        return _Answer(status=found.status, headers=kept, body=found.read())
    finally:
        connection.close()
