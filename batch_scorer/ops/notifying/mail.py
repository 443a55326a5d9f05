"""Plain text mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Literal

from batch_scorer.core.errors import NotTold
from batch_scorer.core.notices import Notice
from batch_scorer.ops.notifying import words
from batch_scorer.ops.notifying.http import TIMEOUT_S
from batch_scorer.ops.secrets import secret

_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """user, password: variables of the environment that hold them; both or none."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = None

    @property
    def name(self) -> str:
        return f"mail by {self.host}:{self.port} to {', '.join(self.to)}"

    def send(self, notice: Notice) -> None:
        login = (secret(self.user), secret(self.password)) if self.user and self.password else ()
        if not all(map(str.isascii, login)):  # smtplib would repeat a character of the secret
            raise NotTold("user and password of a mail server must be ASCII")
        try:
            with self._connection() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if login:
                    server.login(*login)
                if refused := server.send_message(self.message(notice)):  # the others have it
                    raise smtplib.SMTPRecipientsRefused(refused)
        except smtplib.SMTPNotSupportedError:
            offers = "STARTTLS" if self.security == "starttls" else "what is needed to log in"
            raise NotTold(f"the mail server does not offer {offers}") from None
        except smtplib.SMTPAuthenticationError:
            raise NotTold("the mail server refused user and password") from None
        except smtplib.SMTPServerDisconnected:  # a time-out, too, where it happens to read
            raise NotTold(f"the mail server hung up, or gave no answer in {TIMEOUT_S:g} s") from None
        except smtplib.SMTPException as error:
            raise NotTold(f"the mail server refused the message ({_code(error)})") from None
        except ssl.SSLError:
            raise NotTold("the mail server's TLS certificate is not accepted") from None
        except TimeoutError:
            raise NotTold(f"no answer from the mail server in {TIMEOUT_S:g} s") from None
        except OSError as error:
            raise NotTold(f"no connection to the mail server: {error.strerror or error}") from None

    def message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = " ".join(words.headline(notice).split())[:_LONGEST_SUBJECT]
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Date"] = format_datetime(notice.at)
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"  # no holiday answers
        message.set_content(words.text(notice))
        return message

    def _connection(self) -> smtplib.SMTP:
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)


def _code(error: smtplib.SMTPException) -> str:
    """Its number where it has one: its words may repeat what we sent."""
    match error:
        case smtplib.SMTPResponseException():
            return str(error.smtp_code)
        case smtplib.SMTPRecipientsRefused():
            return ", ".join(f"{code} for {address}" for address, (code, _said) in error.recipients.items())
        case _:
            return type(error).__name__
