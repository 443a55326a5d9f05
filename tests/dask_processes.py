"""A Dask scheduler and workers on loopback, each a process of its own, as an operator would start them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.patience import WAIT_S, wait_for

_ROOT = Path(__file__).parents[1]


class DaskProcesses:
    """directory: for logs and workers' scratch. options: of scheduler and workers both."""

    def __init__(self, directory: Path, *options: str, env: dict[str, str] | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._file = directory / "scheduler.json"
        self._options = ["--no-dashboard", "--scheduler-file", str(self._file), *options]
        self._env = {**os.environ, "PYTHONPATH": str(_ROOT), **(env or {})}
        self.scheduler = self._start(["scheduler", "--host", "127.0.0.1", "--port", "0"])
        self.workers: list[subprocess.Popen[bytes]] = []
        wait_for(lambda: self._file.exists() and self._file.read_text())
        self.address: str = json.loads(self._file.read_text())["address"]

    def add_worker(
        self,
        *options: str,
        prefix: Sequence[str] = (),
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Without a nanny: the process is the worker. prefix: a command that runs it, such as unshare.

        cwd: where it works, and has its scratch.
        """
        arguments = ["worker", "--no-nanny", "--host", "127.0.0.1", *options]
        scratch = ["--local-directory", str(cwd or self.directory)]
        process = self._start([*arguments, *scratch], prefix=prefix, env=env, cwd=cwd)
        self.workers.append(process)
        return process

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.directory.glob("*.log")))

    def wait_for_workers(self, number: int) -> None:
        """Until the scheduler knows them; a client of its own asks."""
        from distributed import Client

        with Client(self.address, timeout=WAIT_S, set_as_default=False) as client:
            wait_for(lambda: len(client.nthreads()) == number)

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait(timeout=WAIT_S)

    def _start(
        self,
        command: Sequence[str],
        *,
        prefix: Sequence[str] = (),
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        log = self.directory / f"{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            return subprocess.Popen(
                [*prefix, sys.executable, "-m", "dask", *command, *self._options],
                stdout=output,
                stderr=output,
                env={**self._env, **(env or {})},
                cwd=cwd,
            )
