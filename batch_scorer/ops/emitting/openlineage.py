"""Sends lineage events through OpenLineage's own client. Imported only where a job asks for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import ConfigInvalid, StoreUnavailable

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent
    from openlineage.client.transport import Transport

# Together less than what the run waits for anybody: so it is us who say which server did not answer.
_CONNECT_S, _READ_S = 2.0, 2.5


def check_installed(job: str) -> None:
    """Raises: ConfigInvalid."""
    if find_spec("openlineage") is None:
        raise ConfigInvalid(
            "emit.openlineage needs the package openlineage-python",
            where=f"jobs/{job}.yml, emit.openlineage",
            fix='pip install "batch-scorer[openlineage]"',
        )


def send(event: RunEvent, transport: Transport, where: str) -> None:
    """One event, once. where: for the error. Raises: StoreUnavailable."""
    from openlineage.client import OpenLineageClient

    try:
        OpenLineageClient(transport=transport).emit(event)
    except Exception as error:
        kind = event.eventType.value if event.eventType else "event"
        raise StoreUnavailable(
            f"OpenLineage's {kind} was not taken: {error}",
            where=where,
            fix="the run is not touched by this; check emit.openlineage in the job file",
        ) from error
    finally:
        transport.close()


def to_server(url: str, api_key: str | None) -> Transport:
    """url: what is before api/v1/lineage. No event is sent twice: the run would wait for it."""
    from openlineage.client.transport.http import (
        ApiKeyTokenProvider,
        HttpConfig,
        HttpTransport,
        TokenProvider,
    )

    auth = ApiKeyTokenProvider({"apiKey": api_key}) if api_key else TokenProvider({})
    config = HttpConfig(url=url.rstrip("/") + "/", auth=auth, retry={"total": 0})
    config.timeout = (_CONNECT_S, _READ_S)  # type: ignore[assignment]  # requests takes both
    return HttpTransport(config)


def to_file(path: Path) -> Transport:
    """One line an event, appended."""
    from openlineage.client.transport.file import FileConfig, FileTransport

    return FileTransport(FileConfig(log_file_path=str(path), append=True))
