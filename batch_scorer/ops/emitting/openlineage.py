"""Sends lineage events through OpenLineage's own client, which is imported when there is one to send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import BatchScorerError, ConfigInvalid, OutputUnwritable, StoreUnavailable
from batch_scorer.core.plans import Plan
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunReport
from batch_scorer.ops.emitting.facts import Remembers
from batch_scorer.ops.emitting.lineage import EndedRun, Subject, end_event, start_event

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

# Together less than a run waits for anybody, so that it is us who say which server did not answer.
_CONNECT_S, _READ_S = 2.0, 2.5

Send = Callable[["RunEvent"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEvents:
    """Observes runs: one event when a run starts, one when it has ended.

    name: stands before its warnings. send: see to_server and to_file.
    """

    name: str
    subject: Subject
    send: Send
    ledger: Remembers

    def started(self, run: RunRecord, plan: Plan) -> None:
        """Raises: StoreUnavailable, OutputUnwritable, ConfigInvalid."""
        self.send(start_event(self.subject, run))

    def ended(self, report: RunReport, plan: Plan) -> None:
        """Raises: as started; DamageFound."""
        run = report.run
        columns = self.ledger.output_columns(run.job) if run.n_published else None
        self.send(
            end_event(
                self.subject,
                EndedRun(
                    run=run,
                    plan=plan,
                    outcomes=report.outcomes,
                    ended_at=run.finished_at or run.started_at,
                    exit_code=report.exit_code,
                    output_columns=columns,
                ),
            )
        )

    def refused(self, error: BatchScorerError) -> None:
        """It was no run, so there is nothing to tell."""


def check_installed(job: str) -> None:
    """Raises: ConfigInvalid."""
    if find_spec("openlineage") is None:
        raise ConfigInvalid(
            "emit.openlineage needs the package openlineage-python",
            where=f"jobs/{job}.yml, emit.openlineage",
            fix='pip install "batch-scorer[openlineage]"',
        )


def to_server(url: str, api_key: Callable[[], str | None]) -> Send:
    """url: what is before api/v1/lineage. Tried once: whoever tries again lets the run wait.

    Sending raises: StoreUnavailable, without the key in its words.
    """

    def send(event: RunEvent) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.http import (
            ApiKeyTokenProvider,
            HttpConfig,
            HttpTransport,
            TokenProvider,
        )

        key = api_key()
        auth = ApiKeyTokenProvider({"apiKey": key}) if key else TokenProvider({})
        config = HttpConfig(url=url.rstrip("/") + "/", auth=auth, retry={"total": 0})
        config.timeout = (_CONNECT_S, _READ_S)  # type: ignore[assignment]  # what requests takes
        transport = HttpTransport(config)
        try:
            OpenLineageClient(transport=transport).emit(event)
        except Exception as error:
            raise StoreUnavailable(_why_not_taken(error), where=url) from None
        finally:
            transport.close()

    return send


def to_file(path: Path) -> Send:
    """A line an event, appended. Sending raises: OutputUnwritable."""

    def send(event: RunEvent) -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.file import FileConfig, FileTransport

        transport = FileTransport(FileConfig(log_file_path=str(path), append=True))
        try:
            OpenLineageClient(transport=transport).emit(event)
        except RuntimeError as error:
            raise OutputUnwritable(str(error), where=str(path)) from None

    return send


def _why_not_taken(error: Exception) -> str:
    """In our words: those of a wrong header repeat the key."""
    from requests.exceptions import ConnectionError, HTTPError, SSLError, Timeout

    match error:
        case SSLError():
            return "the server's certificate is not trusted, or it does not speak TLS"
        case HTTPError(response=response):
            return f"the server answered {response.status_code} {response.reason}"
        case Timeout():
            return "the server does not answer"
        case ConnectionError():
            return "the server cannot be reached"
        case _:
            return f"the event could not be sent ({type(error).__name__})"
