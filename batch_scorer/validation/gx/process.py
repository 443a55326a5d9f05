"""The driver's side of the validation process: requests in, verdicts out, and an answer even when it dies."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, Self

from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.validation import SuiteVerdict
from batch_scorer.validation.request import ValidationRequest, gx_message
from batch_scorer.validation.verdicts import (
    OUT_OF_MEMORY,
    verdict_from_gx,
    verdict_that_holds,
    verdict_without_answer,
    why_it_raised,
)

__all__ = ["GxProcess", "ValidationRequest"]

_log = logging.getLogger(__name__)
_WORKER = "batch_scorer.validation.gx.worker"
_ENVIRONMENT = {
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Others reserve address space by the gigabyte, which the memory bound would count.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
}


class GxProcess:
    """Great Expectations in a process of its own, started at the first request, asked one at a time.

    max_bytes: the most memory it may take, GX's own 280 MB included. code: directories for its sys.path.
    """

    def __init__(self, max_bytes: int, code: Sequence[str] = ()) -> None:
        self._max_bytes = max_bytes
        self._code = tuple(code)
        # One thread starts the process and talks to it: the kernel ends the process with that thread.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="validation")
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._closed = False

    def submit(self, request: ValidationRequest) -> Future[SuiteVerdict]:
        """The verdict to come; without an answer from GX it says why, and never passes."""
        return self._executor.submit(self._verdict, request)

    def close(self) -> None:
        """Cancel what waits, end what runs: its verdict is "not evaluated"."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the process that serves now, None before the first request."""
        child = self._child
        return None if child is None else child.pid

    def _verdict(self, request: ValidationRequest) -> SuiteVerdict:
        """By our own rules, when every expectation holds; else as GX renders it."""
        start = time.perf_counter()
        try:
            evidence = request.gather()
        except BatchScorerError as error:
            return verdict_without_answer(error.what, request, time.perf_counter() - start)
        if all(evidence.holds()):
            return verdict_that_holds(evidence, request, time.perf_counter() - start)
        needed = request.files if evidence.compiled.left_to_gx else ()
        try:
            with request.at_hand(needed) as files:
                message = gx_message(
                    request.suite.document,
                    evidence,
                    request.format,
                    files=files,
                    limit_rows=request.limit_rows,
                )
                result = self._rendered(message)
        except (_Unanswered, BatchScorerError) as why:
            return verdict_without_answer(str(why), request, time.perf_counter() - start)
        from batch_scorer.validation.aside import rules_setting_aside

        aside = rules_setting_aside(evidence.compiled.checks) if request.sets_aside else frozenset()
        return verdict_from_gx(result, request, time.perf_counter() - start, aside)

    def result(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """GX's suite result as JSON. Raises: NoAnswer."""
        try:
            return self._executor.submit(self._rendered, message).result()
        except _Unanswered as why:
            raise NoAnswer(str(why)) from None

    def _rendered(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """What GX cannot read in its bound is reported "not evaluated"; the rest of the suite stands.

        Raises: _Unanswered.
        """
        try:
            return self._answered(message)
        except _Unanswered as why:
            if message["files"] is None:
                raise
            return self._answered({**message, "files": None, "refused": str(why)})

    def _answered(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Raises: _Unanswered."""
        try:
            answer = self._ask(message)
        except _ChildDied as death:
            raise _Unanswered(f"{death} (memory bound {self._max_bytes / 1e9:.1f} GB?)") from None
        except (_Closed, OSError) as error:
            raise _Unanswered(str(error)) from None
        if "result" in answer:
            result: dict[str, Any] = answer["result"]
            if message["files"] is None or not _ran_out_of_memory(result):
                return result
            # Steps that expectations share have failed: those that need no file are asked for without it.
            answer = {"error": "as GX computed", "exhausted": True}
        why = answer["error"]
        if answer["exhausted"]:
            self._drop()
            why = f"out of memory: {why} (memory bound {self._max_bytes / 1e9:.1f} GB)"
        raise _Unanswered(why)

    def _ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A process that was killed is asked about once more, in a fresh one: it may have been by chance.

        Raises: _ChildDied, _Closed.
        """
        try:
            return self._ask_once(message)
        except _ChildDied as death:
            if not death.was_killed:
                raise
            _log.warning("%s; its suite is evaluated once more", death)
            return self._ask_once(message)

    def _ask_once(self, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._running().ask(message)
        except _ChildDied:
            self._drop()
            self._check_open()  # closing kills it: that is no death to tell of
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise _Closed("the run ended before this suite was evaluated")

    def _running(self) -> _Child:
        with self._lock:
            self._check_open()
            if self._child is None:
                self._child = _Child([str(self._max_bytes), str(os.getpid()), *self._code])
            return self._child

    def _drop(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.end()
            self._child = None


def _ran_out_of_memory(result: Mapping[str, Any]) -> bool:
    return any(why_it_raised(one) == OUT_OF_MEMORY for one in result["results"])


class _Unanswered(Exception):
    """Why there is no result."""


class NoAnswer(RuntimeError):
    """Great Expectations gave no result, and why."""


class _ChildDied(Exception):
    """How it ended. was_killed: by a signal; else by itself."""

    def __init__(self, how: str, *, was_killed: bool = True) -> None:
        super().__init__(how)
        self.was_killed = was_killed


class _Closed(Exception):
    pass


class _Child:
    """One process and its pipes. stderr goes to a file without a name: a pipe would have to be drained."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (closed in end)
        self._process = subprocess.Popen(  # noqa: S603 (our own module, no shell)
            # -P: a file called pandas.py in the working directory is not ours.
            [sys.executable, "-P", "-m", _WORKER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **_ENVIRONMENT},
            process_group=0,  # Ctrl-C in the terminal does not reach it
        )
        self.pid = self._process.pid

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Raises: _ChildDied, with how it ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise _ChildDied("the validation process has no pipes")
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def kill(self) -> None:
        """End it now; whoever reads its answer sees the end of the stream."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended by itself in between
            os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> None:
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        self._stderr.close()

    def _death(self) -> _ChildDied:
        code = self._process.wait()
        if code < 0:
            return _ChildDied(f"the validation process was killed by signal {-code}")
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        how = f"the validation process ended with code {code}{': ' + lines[-1] if lines else ''}"
        return _ChildDied(how, was_killed=False)


def _close_quietly(pipe: IO[bytes]) -> None:
    """A pipe to a dead process may still hold a request that nobody will read."""
    with contextlib.suppress(BrokenPipeError):
        pipe.close()
