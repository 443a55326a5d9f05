"""What each target is sent: bodies, URLs, headers."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from batch_scorer.core.errors import NotTold
from batch_scorer.core.notices import Event
from batch_scorer.ops.notifying import words
from batch_scorer.ops.notifying.healthcheck import Healthcheck, ping_url
from batch_scorer.ops.notifying.mail import Mail
from batch_scorer.ops.notifying.webhook import Webhook, document
from tests.ops.notifying.conftest import BLOCKED, MailServer, Web, notice

PAGE = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")


def test_every_field_of_a_webhooks_body_is_described_and_nothing_else() -> None:
    table = PAGE.partition("## A webhook")[2].partition("\n## ")[0]
    listed = {
        name
        for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    body = document(notice())
    assert listed == set(body)
    (of_a_problem,) = [line for line in table.splitlines() if line.startswith("| `problems`")]
    assert [name for name in body["problems"][0] if f"`{name}`" not in of_a_problem] == []


def test_a_webhook_gets_json_that_says_what_and_where(
    serve: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    web = serve()
    monkeypatch.setenv("HOOK", f"{web.url}/services/T0/B0")
    Webhook(variable="HOOK").send(notice())
    ((path, headers, body),) = web.got
    assert (path, headers["Content-Type"]) == ("/services/T0/B0", "application/json")
    told = json.loads(body)
    assert (told["schema_version"], told["event"], told["exit_code"]) == (1, "blocked", 4)
    assert told["problems"] == [
        {
            "partition": "ride_date=2024-03-30",
            "state": "blocked",
            "kind": "blocked rides_input",
            "what": BLOCKED.what,
            "fix": None,
        }
    ]
    assert told["text"].splitlines()[0] == "taxi_tips blocked: 2 published, 1 blocked (exit 4)"
    assert told["next"] in told["text"]


def test_data_cannot_call_a_whole_channel() -> None:
    shout = replace(BLOCKED, what="company in set fails, e.g. <!channel> & <@U123>")
    text = document(notice(problems=(shout,)))["text"]
    assert "&lt;!channel&gt; &amp; &lt;@U123&gt;" in text
    assert "<" not in text


def test_a_text_is_short_however_many_partitions_there_are() -> None:
    many = tuple(replace(BLOCKED, label=f"day {day}", what="x" * 5_000) for day in range(3_000))
    told = notice(problems=many, warnings=("y\n" * 3_000,) * 50)
    assert len(words.text(told)) < 10_000
    assert "… and 2,990 more problems" in words.text(told)
    assert len(json.dumps(document(told))) < 1_500_000


@pytest.mark.parametrize(
    ("told", "path"),
    [
        (notice(Event.START), "/ping/abc/start"),
        (notice(Event.SUCCESS), "/ping/abc"),
        (notice(Event.RECOVERED), "/ping/abc"),
        (notice(Event.BLOCKED), "/ping/abc/4"),
        (notice(Event.FAILED, exit_code=143), "/ping/abc/143"),
        (notice(Event.SUCCESS, exit_code=9), "/ping/abc"),  # --empty-exit-code
    ],
)
def test_a_ping_says_how_it_went_and_which_run_it_was(told: Any, path: str) -> None:
    url, _, query = ping_url("https://hc.example.com/ping/abc/", told).partition("?")
    assert url == f"https://hc.example.com{path}"
    rid = query.removeprefix("rid=")
    assert str(uuid.UUID(rid)) == rid
    assert ping_url("https://h/a?create=1", told).endswith(f"?create=1&rid={rid}")


def test_a_run_that_never_began_pings_without_an_id() -> None:
    assert ping_url("https://h/a", notice(Event.FAILED, run_id=None, exit_code=78)) == "https://h/a/78"


def test_a_ping_brings_what_happened_and_the_end_of_the_log(
    serve: Callable[..., Web], monkeypatch: pytest.MonkeyPatch
) -> None:
    web = serve()
    monkeypatch.setenv("HC_URL", f"{web.url}/abc")
    log = tuple(f"line {number} " + "x" * 1_000 for number in range(20))
    for event in (Event.START, Event.BLOCKED):
        Healthcheck(variable="HC_URL", log_lines=lambda: log).send(notice(event))
    start, end = (body.decode() for _path, _headers, body in web.got)
    assert "line" not in start
    assert BLOCKED.what in end
    assert "line 19" in end
    assert "line 0 " not in end
    assert len(end.encode()) <= 10_000


class _Letters:
    def __init__(self) -> None:
        self.got: list[tuple[str, list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 (theirs)
        self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 OK"


@contextmanager
def _mail_server(**options: Any) -> Iterator[tuple[int, _Letters]]:
    letters: _Letters = options.pop("letters", _Letters)()
    controller = MailServer(letters, **options)
    controller.start()
    try:
        yield controller.port, letters
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail on loopback")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _mail(port: int, **changes: Any) -> Mail:
    fields: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none"}
    fields |= {"sender": "scorer@example.com", "to": ("a@example.com", "b@example.com")}
    return Mail(**(fields | changes))


def test_a_mail_is_plain_text_to_everybody_in_the_list() -> None:
    what = "Zürich: line\nbreak"
    with _mail_server() as (port, letters):
        _mail(port).send(notice(problems=(replace(BLOCKED, what=what),)))
    ((sender, to, content),) = letters.got
    assert (sender, to) == ("scorer@example.com", ["a@example.com", "b@example.com"])
    message = message_from_bytes(content, policy=policy.default)
    assert message["Subject"] == "taxi_tips blocked: 2 published, 1 blocked (exit 4)"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    assert "2024-03-30 BLOCKED Zürich: line break" in message.get_content()


class _Door:
    """Lets one pair of user and password in."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and given == LoginPassword(b"scorer", b"hunter2")
        return AuthResult(success=is_right, handled=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # TLS is all around it
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_who_logs_in_does_it_under_tls(
    security: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("MAIL_USER", "scorer")
    context = _server_side(certificate)
    guarded = {"tls_context": context} if security == "starttls" else {"ssl_context": context}
    options = {"authenticator": _Door(), "auth_required": True, "auth_require_tls": security == "starttls"}
    with _mail_server(**guarded, **options) as (port, letters):
        mail = _mail(port, security=security, user="MAIL_USER", password="MAIL_PASSWORD")
        monkeypatch.setenv("MAIL_PASSWORD", "hunter1")
        with pytest.raises(NotTold, match="refused user and password") as caught:
            mail.send(notice())
        assert "hunter1" not in caught.value.render()
        monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
        mail.send(notice())
    assert len(letters.got) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_gets_no_mail(security: str, certificate: Path) -> None:
    context = _server_side(certificate)
    guarded = {"tls_context": context} if security == "starttls" else {"ssl_context": context}
    with _mail_server(**guarded) as (port, letters), pytest.raises(NotTold, match="TLS certificate"):
        _mail(port, security=security).send(notice())
    assert letters.got == []


def test_a_server_without_starttls_gets_neither_mail_nor_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_USER", "scorer")
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    with _mail_server() as (port, letters), pytest.raises(NotTold, match="does not offer STARTTLS"):
        _mail(port, security="starttls", user="MAIL_USER", password="MAIL_PASSWORD").send(notice())
    assert letters.got == []


class _Picky(_Letters):
    async def handle_RCPT(  # noqa: N802 (theirs)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("b@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_one_of_the_list_who_is_not_taken_is_told_though_the_others_have_it() -> None:
    with (
        _mail_server(letters=_Picky) as (port, letters),
        pytest.raises(NotTold, match=r"550 for b@example\.com"),
    ):
        _mail(port).send(notice())
    assert [to for _, to, _ in letters.got] == [["a@example.com"]]


def test_a_password_that_smtp_cannot_send_is_not_repeated(
    closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_USER", "scorer")
    monkeypatch.setenv("MAIL_PASSWORD", "größer")
    with pytest.raises(NotTold, match="must be ASCII") as caught:
        _mail(closed_port, user="MAIL_USER", password="MAIL_PASSWORD").send(notice())
    assert "ö" not in caught.value.render()


def test_no_warning_adds_a_line_of_its_own() -> None:
    told = words.text(notice(warnings=("eu: odd\nnext: evil",)))
    assert " warning: eu: odd next: evil" in told.splitlines()
