"""A process that has imported what a run needs, and forks one command per connection; see tests.forking.

A request comes with the three files that the command reads and writes, and is answered with its exit code.
It never reads Parquet itself: Arrow starts threads at its first read, and threads do not survive a fork.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys

import pyarrow.parquet  # noqa: F401
import sklearn.compose
import sklearn.ensemble
import sklearn.linear_model
import sklearn.pipeline  # noqa: F401

import batch_scorer.cli.main
import batch_scorer.execution.chunk
import batch_scorer.execution.driver
import batch_scorer.execution.run
import batch_scorer.lake.reading.footers
import batch_scorer.lake.reading.schema
import batch_scorer.lake.staging.keys
import batch_scorer.validation.gx.process
import batch_scorer.wiring


def serve(address: str) -> None:
    """Until it is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(connection)
            connection.close()


def _answer(connection: socket.socket) -> None:
    """Fork the command, and wait for it in a process that does nothing else."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(1 << 20)
    pid = os.fork()
    if pid == 0:
        _become(json.loads(text), files)
    _, status = os.waitpid(pid, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: dict[str, str | list[str] | dict[str, str]], files: list[int]) -> None:
    code = 70
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(request["env"])  # type: ignore[arg-type]
        if "CLOCK_OFFSET" in os.environ:
            ctypes.CDLL(None).set_clock(ctypes.c_long(int(os.environ["CLOCK_OFFSET"])))
        sys.argv = ["batch-scorer", *request["argv"]]  # a run's record of what was typed
        code = batch_scorer.cli.main.run(sys.argv[1:])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


serve(sys.argv[1])
