"""A process that types commands one after the other, without a start for each; see tests.warm.

Requests and answers are JSON lines: {"argv": [...], "cwd": …, "seconds": from the real time} →
{"code": …, "stdout": …, "stderr": …, "both": as a terminal has them}.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import logging
import os
import sys
from typing import TextIO

from batch_scorer.cli.main import run


class _Copied(io.StringIO):
    """What is written to it is written to a terminal too."""

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, text: str) -> int:
        self._terminal.write(text)
        return super().write(text)


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if request["seconds"]:
            ctypes.CDLL(None).set_clock(ctypes.c_long(request["seconds"]))
        os.chdir(request["cwd"])
        sys.argv = ["batch-scorer", *request["argv"]]  # a run's record of what was typed
        both = io.StringIO()
        out, err = _Copied(both), _Copied(both)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(request["argv"])
        logging.getLogger().handlers.clear()  # it writes to an stderr that is closed now
        told = {"stdout": out.getvalue(), "stderr": err.getvalue(), "both": both.getvalue()}
        print(json.dumps({"code": code, **told}), file=answers, flush=True)


serve()
