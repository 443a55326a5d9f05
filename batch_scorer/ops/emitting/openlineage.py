"""Sends lineage events through OpenLineage's own client, which is imported when there is one to send."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from batch_scorer.config.sections import OpenLineage
from batch_scorer.core.errors import BatchScorerError, ConfigInvalid, NotTold
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.emitting.ended import EndedRun, Subject
from batch_scorer.ops.emitting.facts import OpenLedger
from batch_scorer.ops.emitting.lineage import end_event, start_event
from batch_scorer.ops.secrets import secret

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

# Together less than a run waits for anybody, so that it is us who say which server did not answer.
_CONNECT_S, _READ_S = 2.0, 2.5


class Receiver(Protocol):
    """Where events go."""

    @property
    def name(self) -> str:
        """A URL or a path, for people."""

    def take(self, event: RunEvent) -> None:
        """Raises: NotTold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEvents:
    """Observes runs: one event when a run starts, one when it has ended."""

    receiver: Receiver
    subject: Subject
    open_ledger: OpenLedger

    @property
    def name(self) -> str:
        return f"emit.openlineage {self.receiver.name}"

    def started(self, run: RunRecord, plan: Plan) -> None:  # noqa: ARG002 (the hook gives it)
        """Raises: as Receiver.take."""
        self.receiver.take(start_event(self.subject, run))

    def ended(self, report: RunReport, plan: Plan) -> None:
        """Raises: as Receiver.take, and of the ledger StoreUnavailable or DamageFound."""
        run = report.run
        ended = EndedRun(
            run=run,
            plan=plan,
            outcomes=report.outcomes,
            ended_at=run.finished_at or run.started_at,
            exit_code=report.exit_code,
            output_columns=self._columns() if run.n_published else None,
        )
        self.receiver.take(end_event(self.subject, ended))

    def refused(self, error: BatchScorerError) -> None:
        """It was no run, so there is nothing to tell."""

    def _columns(self) -> tuple[tuple[str, str], ...] | None:
        with closing(self.open_ledger()) as ledger:
            return ledger.output_columns(self.subject.job.name)


def check_installed(job: str) -> None:
    """Raises: ConfigInvalid."""
    if find_spec("openlineage") is None:
        raise ConfigInvalid(
            "emit.openlineage needs the package openlineage-python",
            where=f"jobs/{job}.yml, emit.openlineage",
            fix='pip install "batch-scorer[openlineage]"',
        )


def receiver(config: OpenLineage, resolve: Callable[[str], str]) -> Receiver:
    """resolve: a path of the job file to an absolute one."""
    if config.url is None:
        assert config.file is not None  # noqa: S101 (config/checks.py: one of the two is there)
        return File(Path(resolve(config.file)))
    return Server(config.url, config.api_key.variable if config.api_key else None)


@dataclass(frozen=True, slots=True)
class Server:
    """url: what is before api/v1/lineage. key: the variable that holds it.

    An event is sent once: whoever tries again lets the run wait. No error tells the key.
    """

    url: str
    key: str | None = None

    @property
    def name(self) -> str:
        return self.url

    def take(self, event: RunEvent) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.http import (
            ApiKeyTokenProvider,
            HttpConfig,
            HttpTransport,
            TokenProvider,
        )

        key = secret(self.key) if self.key else None
        auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
        config = HttpConfig(url=self.url.rstrip("/") + "/", auth=auth, retry={"total": 0})
        config.timeout = (_CONNECT_S, _READ_S)  # type: ignore[assignment]  # what requests takes
        transport = HttpTransport(config)
        transport.session.max_redirects = 0  # the event would be lost on the way: a redirected POST is a GET
        try:
            OpenLineageClient(transport=transport).emit(event)
        except Exception as error:
            raise NotTold(_why_not_taken(error), where=self.url) from None
        finally:
            transport.close()


@dataclass(frozen=True, slots=True)
class File:
    """A line an event, appended."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def take(self, event: RunEvent) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.file import FileConfig, FileTransport

        transport = FileTransport(FileConfig(log_file_path=str(self.path), append=True))
        try:
            OpenLineageClient(transport=transport).emit(event)
        except RuntimeError as error:
            raise NotTold(str(error), where=str(self.path)) from None


def _why_not_taken(error: Exception) -> str:
    """In our words: those of a wrong header repeat the key."""
    from requests import Response
    from requests.exceptions import ConnectionError, HTTPError, SSLError, Timeout, TooManyRedirects

    match error:
        case SSLError():
            return "the server's certificate is not trusted, or it does not speak TLS"
        case HTTPError(response=Response() as response):
            return f"the server answered {response.status_code} {response.reason}"
        case TooManyRedirects():
            return "the server sends us elsewhere; give the URL that takes events"
        case Timeout():
            return "the server does not answer"
        case ConnectionError():
            return "the server cannot be reached"
        case _:
            return f"the event could not be sent ({type(error).__name__})"
