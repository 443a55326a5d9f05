"""An MLflow tracking server on loopback, in a process of its own: `python -m tests.mlflow.serving DIRECTORY`.

MLflow's own application, without the process manager around it, which needs packages that nothing else does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Server:
    """uri: where it listens. process: killed by a test that wants it to be away."""

    uri: str
    process: subprocess.Popen[str]


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """With database and artefacts below directory."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.mlflow.serving", str(directory)]
    with (
        (directory / "server.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, (directory / "server.log").read_text()
            yield Server(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()


def main(directory: Path) -> None:
    database = f"sqlite:///{directory / 'mlflow.db'}"
    os.environ |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(directory / "artefacts"),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    from mlflow.server import app
    from werkzeug.serving import make_server

    serving = make_server("127.0.0.1", 0, app, threaded=True)
    sys.stdout.write(f"{serving.server_port}\n")
    sys.stdout.flush()
    serving.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
