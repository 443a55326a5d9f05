"""A process in which it is whatever time it is told: commands one after the other, without a start for each.

Requests and answers are JSON lines: {"seconds": from the real time, "argv": [...]} →
{"code": …, "stdout": …, "stderr": …}. It is started with the library of tests.month.clock preloaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import logging
import os
import sys

from batch_scorer.cli.main import run


def serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    clock = ctypes.CDLL(None)
    for line in sys.stdin:
        request = json.loads(line)
        clock.set_clock(ctypes.c_long(request["seconds"]))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(request["argv"])
        # Its log handler writes to an stderr that is closed now.
        logging.getLogger().handlers.clear()
        answer = {"code": code, "stdout": out.getvalue(), "stderr": err.getvalue()}
        print(json.dumps(answer), file=answers, flush=True)


serve()
