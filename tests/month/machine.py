"""A machine with a lake, a job and a crontab, whose nights are lived through one by one."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tests import taxi
from tests.month.clock import Clock
from tests.patience import WAIT_S

ZONE = ZoneInfo("America/Chicago")
_AT_NIGHT = dt.time(4, 30)
_SCHEDULE = "30 4 * * *"


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """What a night left behind. mail: what cron mails. log: what the night added to its log file."""

    mail: str
    log: str

    @property
    def code(self) -> int:
        """The night's exit code, as the mail has it; a good night sends none."""
        return int(self.mail.split("exit ")[1].split(",")[0]) if self.mail else 0

    @property
    def next_commands(self) -> list[str]:
        return [
            line.partition("next:")[2].strip()
            for line in self.log.splitlines()
            if line.strip().startswith("next:")
        ]


class Machine:
    """root: of the project. Nothing in here runs by itself: tests say when it is night.

    program: stands for the `batch-scorer` that is installed, without its start; see tests.forking.
    """

    def __init__(self, root: Path, output: Path, clock: Clock, program: Path) -> None:
        self.root = root
        self._program = program
        self._output = output
        self._clock = clock
        self._n_log_bytes = 0
        self.rides: dict[dt.date, pd.DataFrame] = {}  # what the lake holds, as those know who wrote it
        self.models: dict[int, Any] = {}

    @property
    def predictions(self) -> Path:
        return self._output / "predictions" / "taxi_tips"

    def write_job(self, document: dict[str, Any]) -> None:
        output = {"path": str(self.predictions), "state": str(self._output / "state")}
        taxi.write_job(self.root, {**document, "output": {**document["output"], **output}})

    def arrive(self, day: dt.date, rides: pd.DataFrame, at: dt.datetime) -> None:
        """A day's files are written; again, and they are replaced."""
        self.rides[day] = rides
        directory = taxi.write_day(self.root / "data" / "lake" / "rides", day, rides)
        for file in directory.iterdir():
            os.utime(file, (at.timestamp(), at.timestamp()))

    def command(self, line: str, at: dt.datetime, *, code: int = 0) -> taxi.Result:
        """Type what an error suggested, in the project's directory. code: what it must end with."""
        words = shlex.split(line)
        assert words[0] == "batch-scorer", line
        done = self._run([str(self._program), *words[1:]], at)
        assert done.returncode == code, f"{line}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return taxi.Result(done.returncode, done.stdout, done.stderr)

    def night_after(self, day: dt.date) -> Morning:
        """The nightly run that first sees `day`."""
        line = self._cron_line.replace(self._installed, shlex.quote(str(self._program)), 1)
        return self.morning(self._start(["/bin/sh", "-c", line], night_after(day)))

    def start_night_after(self, day: dt.date) -> subprocess.Popen[str]:
        """The same by the crontab's line as it is: with every import of its own."""
        return self._start(["/bin/sh", "-c", self._cron_line], night_after(day))

    def morning(self, night: subprocess.Popen[str]) -> Morning:
        log = self.root / "data" / "taxi_tips.log"
        before = self._n_log_bytes
        mail, stray = night.communicate(timeout=WAIT_S)
        assert stray == ""
        told = log.read_bytes()[before:].decode() if log.exists() else ""
        self._n_log_bytes = before + len(told.encode())
        assert "Traceback" not in told
        return Morning(mail=mail, log=told)

    def start(self, line: str, at: dt.datetime) -> subprocess.Popen[str]:
        return self._start([sys.executable, "-m", "batch_scorer", *shlex.split(line)[1:]], at)

    def whole(self, day: dt.date) -> int:
        """The model version that a day shows; fails unless it is the version's own scores of all rides."""
        files = sorted((self.predictions / f"ride_date={day}").glob("*.parquet"))
        found = pd.concat([pq.ParquetFile(file).read().to_pandas() for file in files])
        rides = self.rides[day]
        versions = set(found["_model_version"])
        assert len(versions) == 1
        version = int(versions.pop().rpartition("@")[2])
        joined = rides.merge(found, on="ride_id", validate="one_to_one")
        assert len(joined) == len(rides) == len(found), day
        features = joined[taxi.FEATURES].astype(rides[taxi.FEATURES].dtypes)
        assert np.array_equal(joined["score"], self.models[version].predict_proba(features)[:, 1]), day
        return version

    @cached_property
    def _cron_line(self) -> str:
        """What cron hands to the shell, from the entry that `schedule render` prints."""
        command = [sys.executable, "-m", "batch_scorer", "schedule", "render", "cron", "taxi_tips"]
        rendered = self._run(command, night_after(dt.date(2026, 1, 1))).stdout
        entry = next(line for line in rendered.splitlines() if line.startswith(_SCHEDULE))
        return entry.removeprefix(_SCHEDULE).strip().replace(r"\%", "%")

    @property
    def _installed(self) -> str:
        """The program, as the crontab names it."""
        program = self._cron_line.partition(" ")[0]
        assert program.endswith("batch-scorer"), self._cron_line
        return program

    def _start(self, command: list[str], at: dt.datetime) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            env=self._environment(at),
        )

    def _run(self, command: list[str], at: dt.datetime) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, cwd=self.root, env=self._environment(at), check=False
        )

    def _environment(self, at: dt.datetime) -> Mapping[str, str]:
        """Of the `batch-scorer` that this test suite was started with."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, **self._clock.at(at)}


def night_after(day: dt.date) -> dt.datetime:
    """When the nightly run starts that first sees `day`, on the job's wall."""
    return dt.datetime.combine(day + dt.timedelta(days=1), _AT_NIGHT, ZONE)
