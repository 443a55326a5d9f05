"""Many partitions and a long history: what each costs, and that it does not grow with how many there are.

    scale.py plan [--partitions 100000]        a plan where all is due, nothing is, and everything is new
    scale.py backfill [--partitions 100,1000]  tiny partitions: ms, CPU and fsyncs for each (needs strace)
    scale.py history [--generations 1000000]   `status` and `show` on a long ledger

Every figure is of a whole process, as the system counts it. Lakes are made of hard links to one file of 100 rows.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
JOB = "taxi_tips"
FIRST_DAY = dt.date(1700, 1, 1)
_LINKS = 50_000  # ext4 gives a file no more than 65,000
_SYNC = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\S+\s+(\d+)\s+(?:\d+\s+)?(fsync|fdatasync)$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """One process with its children: wall and CPU seconds, the largest process's peak in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    stdout: str = ""

    def __str__(self) -> str:
        return f"{self.wall_s:7.2f} s wall {self.cpu_s:7.2f} s CPU {self.peak_bytes / 1e6:6.0f} MB"


def main() -> None:
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    options.what(options)


def bench_plan(options: argparse.Namespace) -> None:
    """Plans of one lake with no history, with all of it up to date, and with all of it stale."""
    n = int(options.partitions or 100_000)
    project = _project(options.work / f"plan-{n}", n)
    print(f"plan over {n:,} partitions")
    _forget(project)
    print(f"  all new           {_run(project, 'plan', JOB)}")
    _fill_ledger(project, n, days=days(n), n_each=1)
    for what, more in (("all up to date", ()), ("all due", ("--reprocess", "all"))):
        print(f"  {what:<17} {_run(project, 'plan', JOB, *more)}")


def bench_backfill(options: argparse.Namespace) -> None:
    print(
        f"{'partitions':>10} {'cluster':<8} {'ms each':>8} {'CPU ms each':>12} {'fsyncs each':>12} {'peak MB':>8}"
    )
    for n in map(int, (options.partitions or "100,1000").split(",")):
        for cluster in options.clusters.split(","):
            _backfill(options.work / f"backfill-{n}", n, cluster)


def _backfill(at: Path, n: int, cluster: str) -> None:
    project = _project(at, n)
    command = ("run", JOB, "--cluster", cluster, "--reprocess", "all")
    _forget(project)
    done = _run(project, *command)
    one = _run(_emptied(project), "plan", JOB)  # what a process costs that scores nothing
    _forget(project)
    n_syncs = _count_syncs(project, *command)
    each = 1000 / n
    print(
        f"{n:>10,} {cluster:<8} {(done.wall_s - one.wall_s) * each:>8.1f} {(done.cpu_s - one.cpu_s) * each:>12.1f} "
        f"{n_syncs / n:>12.2f} {done.peak_bytes / 1e6:>8.0f}",
        flush=True,
    )


def bench_history(options: argparse.Namespace) -> None:
    """A partition a day for 1,000 days, each published again and again."""
    n_days = 1_000
    project = _project(options.work / "history", n_days)
    n_each = -(-options.generations // n_days)
    if not (project / "data/state/ledger.db").exists() or options.anew:
        _forget(project)
        _fill_ledger(project, n_days, days=days(n_days), n_each=n_each)
    day, run = days(n_days)[-1], _newest_run(project)
    print(f"a ledger of {n_days * n_each:,} generations")
    for command in (
        ("--help",), ("status",), ("status", JOB, "--json"), ("status", JOB, "--calendar"), ("runs",),
        ("show", "last"), ("show", run), ("show", run[:12]), ("show", f"{JOB}/ride_date={day}"),
        ("show", f"{JOB}/{day}"), ("show", f"{JOB}/ride_date={day}", "--json"),
    ):  # fmt: skip
        print(f"  {' '.join(command):<55} {_run(project, *command)}", flush=True)


def days(n: int) -> list[dt.date]:
    return [FIRST_DAY + dt.timedelta(days=i) for i in range(n)]


def _project(at: Path, n: int) -> Path:
    """A job of n tiny partitions with a suite of eleven expectations and a linear model."""
    lake = at / "data/lake/rides"
    if (at / "made").exists():
        return at
    from tests import taxi

    shutil.rmtree(at, ignore_errors=True)
    suites = at / "jobs/suites"
    suites.mkdir(parents=True)
    suite = json.loads(Path(__file__).with_name("rides_12.json").read_text())
    # All of them hold: rendering a failure is Great Expectations' own time.
    suite["expectations"] = [each for each in suite["expectations"] if "row_count" not in each["type"]]
    (suites / "rides_12.json").write_text(json.dumps(suite))
    uses = [{"suite": "rides_12", "on_fail": "warn"}]
    compute = {"workers": 2}
    taxi.write_job(at, taxi.job_document(validate={"input": uses}, compute=compute))
    _write_lake(lake, n)
    _register(at)
    (at / "made").touch()
    return at


def _write_lake(lake: Path, n: int) -> None:
    from tests import taxi

    source = lake
    for i, day in enumerate(days(n)):
        directory = lake / f"ride_date={day}"
        if i % _LINKS == 0:
            source = taxi.write_day(lake, day, taxi.rides(100), n_files=1) / "part-0.parquet"
            continue
        directory.mkdir()
        os.link(source, directory / source.name)


def _register(at: Path) -> None:
    import joblib

    from tests import taxi

    model, training = at / "model.joblib", at / "training.parquet"
    joblib.dump(taxi.fitted("linear"), model)
    taxi.rides(2_000, seed=99)[taxi.FEATURES].to_parquet(training)
    _run(
        at, "models", "register", str(model), "--name", JOB, "--reference", str(training),
        "--allow-pickle", "--alias", "champion",
    )  # fmt: skip


def _emptied(project: Path) -> Path:
    """The same project with an empty lake."""
    at = project.with_name(f"{project.name}-empty")
    if not at.exists():
        shutil.copytree(project / "jobs", at / "jobs")
        shutil.copytree(project / "data/models", at / "data/models")
        (at / "data/lake/rides").mkdir(parents=True)
    return at


def _forget(project: Path) -> None:
    for name in ("predictions", "state"):
        shutil.rmtree(project / "data" / name, ignore_errors=True)


def _run(project: Path, *arguments: str) -> Measured:
    """Raises: SystemExit, with what it said, when it ends with another code than 0."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["/usr/bin/env", "time", "-f", "%M", *_command(project, *arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(f"{arguments} ended with {ended.returncode}: {ended.stderr}")
    return Measured(
        wall_s=time.perf_counter() - begun,
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        peak_bytes=int(ended.stderr.split()[-1]) * 1024,
        stdout=ended.stdout,
    )


def _count_syncs(project: Path, *arguments: str) -> int:
    """By the driver and all its children."""
    traced = project / "strace.txt"
    command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(traced)]
    subprocess.run([*command, *_command(project, *arguments)], capture_output=True, cwd=ROOT, check=True)
    return sum(int(count) for count, _ in _SYNC.findall(traced.read_text()))


def _command(project: Path, *arguments: str) -> Sequence[str]:
    where = () if arguments == ("--help",) else ("-p", str(project))
    return [sys.executable, "-m", "batch_scorer", *where, *arguments]


def _fill_ledger(project: Path, n: int, *, days: Sequence[dt.date], n_each: int) -> None:
    """Rows as n_each whole runs over all days would have left them, by SQL alone."""
    ledger = project / "data/state/ledger.db"
    shutil.rmtree(project / "data/state", ignore_errors=True)
    example = _example_rows(project)
    _forget(project)
    ledger.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(project / "example.db", ledger)
    with sqlite3.connect(ledger) as database:
        database.execute("PRAGMA synchronous = OFF")
        for table in ("generation_inputs", "generations", "attempts", "leases", "holders", "runs"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 (names of ours)
        for table, rows in _history(project, example, days, n_each):
            _insert(database, table, rows)
    database.close()


def _example_rows(project: Path) -> dict[str, dict[str, object]]:
    """One row of each table, as a real run over one day left it."""
    day = days(1)[0]
    _run(project, "backfill", JOB, "--from", str(day), "--to", str(day), "--cluster", "inline")
    with sqlite3.connect(project / "data/state/ledger.db") as database:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = {
            table: dict(database.execute(f"SELECT * FROM {table} LIMIT 1").fetchone())  # noqa: S608
            for table in ("runs", "generations", "generation_inputs", "attempts")
        }
    database.close()
    shutil.copy(project / "data/state/ledger.db", project / "example.db")
    return found


def _history(
    project: Path, example: dict[str, dict[str, object]], days: Sequence[dt.date], n_each: int
) -> Iterator[tuple[str, Iterator[dict[str, object]]]]:
    lake, n = project / "data/lake/rides", len(days)
    runs = [f"{1 + k:026d}" for k in range(n_each)]
    yield "runs", ({**example["runs"], "id": k + 1, "run_id": run} for k, run in enumerate(runs))
    paths = [f"ride_date={day}" for day in days]
    values = [json.dumps([{"key": "ride_date", "type": "date", "value": str(day)}]) for day in days]
    found = [(lake / path / "part-0.parquet").stat() for path in paths]
    stamps = [_stamps(path, each) for path, each in zip(paths, found, strict=True)]
    every = [(k, i) for k in range(n_each) for i in range(n)]
    yield (
        "generations",
        (
            {
                **example["generations"], "id": k * n + i + 1, "partition_path": paths[i], "run_id": runs[k],
                "partition_values": values[i], "number": k + 1, "stamps": stamps[i],
            }
            for k, i in every
        ),
    )  # fmt: skip
    yield (
        "generation_inputs",
        (
            {
                **example["generation_inputs"], "generation_id": k * n + i + 1,
                "path": f"{paths[i]}/part-0.parquet", "size": found[i].st_size,
                "mtime_ns": found[i].st_mtime_ns, "ctime_ns": found[i].st_ctime_ns, "inode": str(found[i].st_ino),
            }
            for k, i in every
        ),
    )  # fmt: skip
    yield (
        "attempts",
        (
            {
                **example["attempts"], "id": k * n + i + 1, "run_id": runs[k], "partition_path": paths[i],
                "partition_label": str(days[i]), "partition_values": values[i], "after_generation": k + 1,
                "generation": k + 1, "stamps": stamps[i],
            }
            for k, i in every
        ),
    )  # fmt: skip


def _stamps(path: str, found: os.stat_result) -> str:
    from batch_scorer.core.lakefiles import FileStamp, LakeFile, PartitionFiles
    from batch_scorer.core.partitions import Partition

    stamp = FileStamp(
        size=found.st_size, mtime_ns=found.st_mtime_ns, ctime_ns=found.st_ctime_ns, inode=found.st_ino
    )
    files = (LakeFile(path=f"{path}/part-0.parquet", stamp=stamp),)
    partition = Partition(names=("k",), values=("v",))
    return PartitionFiles(partition=partition, directory=path, files=files).stamp_fingerprint


def _insert(database: sqlite3.Connection, table: str, rows: Iterator[dict[str, object]]) -> None:
    first = next(rows)
    names = ", ".join(f'"{name}"' for name in first)
    marks = ", ".join("?" * len(first))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 (names of ours)
    database.execute(statement, tuple(first.values()))
    database.executemany(statement, (tuple(row.values()) for row in rows))


def _newest_run(project: Path) -> str:
    with sqlite3.connect(project / "data/state/ledger.db") as database:
        run_id: str = database.execute("SELECT run_id FROM runs ORDER BY id DESC LIMIT 1").fetchone()[0]
    database.close()
    return run_id


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("/tmp/batch-scorer-scale"))
    below = parser.add_subparsers(required=True)
    for name, what in (("plan", bench_plan), ("backfill", bench_backfill), ("history", bench_history)):
        one = below.add_parser(name)
        one.set_defaults(what=what)
        one.add_argument("--partitions")
        one.add_argument("--clusters", default="inline,local")
        one.add_argument("--generations", type=int, default=1_000_000)
        one.add_argument("--anew", action="store_true", help="make the long ledger again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
