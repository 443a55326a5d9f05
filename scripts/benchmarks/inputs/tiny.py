"""Many tiny partitions, and long histories of them, made in seconds."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from batch_scorer.core.lakefiles import FileStamp, LakeFile, PartitionFiles, content_fingerprint
from batch_scorer.core.partitions import Partition
from benchmarks.inputs.projects import Project, make_project
from benchmarks.inputs.rides import make_lake, make_models
from benchmarks.measuring.commands import done
from benchmarks.measuring.turns import tell
from benchmarks.settings import Settings

_FIRST_DAY = dt.date(1700, 1, 1)
_FILE = "part-0.parquet"
_ROWS = 100
_MAX_LINKS = 50_000  # ext4 gives a file no more than 65,000
_NEEDS_MANY_ROWS = ("expect_table_row_count_to_be_between", "expect_column_mean_to_be_between")
_Row: TypeAlias = dict[str, Any]


def make_tiny_project(
    settings: Settings, name: str, n: int, *, output: dict[str, str] | None = None
) -> Project:
    """A project on n partitions of 100 rows each; nothing is scored yet. output: keys of that section."""
    lake = _make_tiny_lake(settings, n)
    sections = {"output": {"path": "data/predictions", "state": "data/state", **(output or {})}}
    model = make_models(settings)[0]
    return make_project(settings.work / name, lake, model, sections=sections, leave_out=_NEEDS_MANY_ROWS)


def fill_ledger(settings: Settings, project: Project, n: int, n_generations: int) -> None:
    """As if every one of n partitions had been published n_generations times, by as many runs.

    One partition is scored for real; the rows of the others are made like its own.
    """
    tell(f"filling a ledger with {n * n_generations:,} generations")
    project.forget()
    score_first_day(project)
    with sqlite3.connect(project.ledger) as database:
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = OFF")
        examples = {table: _example(database, table) for table in ("runs", *_OF_PARTITIONS)}
        runs = [examples["runs"]["run_id"], *map(run_id, range(2, n_generations + 1))]
        _insert(
            database, "runs", ({**examples["runs"], "id": i, "run_id": run} for i, run in enumerate(runs, 1))
        )
        stamps = _stamps(_lake_of(settings, n), n)
        for table in _OF_PARTITIONS:
            _insert(database, table, _copies(table, examples[table], runs, stamps))
        database.execute("DELETE FROM currents")
        database.execute(
            "INSERT INTO currents (job, partition_path, number, generation_id, day) "
            "SELECT job, partition_path, number, id, substr(partition_path, instr(partition_path, '=') + 1) "
            "FROM generations WHERE number = ?",
            (n_generations,),
        )
    database.close()


def run_id(number: int) -> str:
    """Of a run that a filled ledger tells of, from 2 on; the first is the one that scored for real."""
    return f"{number:026d}"


def score_first_day(project: Project) -> str:
    """Once more, for real, so that its current generation has a manifest; its name in paths."""
    day = str(_FIRST_DAY)
    done(project.command("backfill", project.job, "--from", day, "--to", day, "--cluster", "inline",
                         "--reprocess", "all"))  # fmt: skip
    return _path(0)


def _make_tiny_lake(settings: Settings, n: int) -> Path:
    lake = _lake_of(settings, n)
    if not lake.exists():
        tell(f"making {n:,} tiny partitions")
        made = make_lake(settings, days=1, rows=2 * _ROWS).directory / "ride_date=2024-01-01" / _FILE
        making = lake.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        _link(made, making, n)
        making.rename(lake)
    return lake


def _lake_of(settings: Settings, n: int) -> Path:
    return settings.work / f"tiny-{n}"


def _link(source: Path, lake: Path, n: int) -> None:
    for i in range(n):
        directory = lake / _path(i)
        directory.mkdir(parents=True)
        if i % _MAX_LINKS == 0:
            shutil.copy(source, directory)
            source = directory / _FILE
        else:
            os.link(source, directory / _FILE)


def _path(i: int) -> str:
    return f"ride_date={_FIRST_DAY + dt.timedelta(days=i)}"


def _stamps(lake: Path, n: int) -> list[PartitionFiles]:
    content = hashlib.sha256((lake / _path(0) / _FILE).read_bytes()).hexdigest()  # all have the same
    return [_partition_files(lake, _path(i), content) for i in range(n)]


def _partition_files(lake: Path, path: str, content: str) -> PartitionFiles:
    found = (lake / path / _FILE).stat()
    stamp = FileStamp(
        size=found.st_size, mtime_ns=found.st_mtime_ns, ctime_ns=found.st_ctime_ns, inode=found.st_ino
    )
    name, _, value = path.partition("=")
    return PartitionFiles(
        partition=Partition(names=(name,), values=(value,)),
        directory=path,
        files=(LakeFile(path=f"{path}/{_FILE}", stamp=stamp, sha256=content),),
    )


_OF_PARTITIONS = ("generations", "generation_inputs", "attempts")


def _copies(
    table: str, example: _Row, runs: Sequence[str], partitions: Sequence[PartitionFiles]
) -> Iterator[_Row]:
    """A row of the table for every generation; ids count from 1, the example's own row being the first."""
    row_id = 0
    for number, run in enumerate(runs, 1):
        for found in partitions:
            row_id += 1
            yield {**_moved(example, found), **_numbered(table, row_id, number, run)}


def _moved(example: _Row, found: PartitionFiles) -> _Row:
    """The same for another partition: wherever the first day is written, its day."""
    day = found.directory.partition("=")[2]
    row = {
        key: value.replace(str(_FIRST_DAY), day) if isinstance(value, str) else value
        for key, value in example.items()
    }
    if "input_fingerprint" in row:
        row["input_fingerprint"] = content_fingerprint(found.files)
    if "stamps" in row:
        row["stamps"] = found.stamp_fingerprint
    if "inode" in row:
        stamp = found.files[0].stamp
        row |= {"mtime_ns": stamp.mtime_ns, "ctime_ns": stamp.ctime_ns, "inode": str(stamp.inode)}
    return row


def _numbered(table: str, row_id: int, number: int, run: str) -> _Row:
    match table:
        case "generations":
            return {"id": row_id, "number": number, "run_id": run}
        case "attempts":
            return {"id": row_id, "generation": number, "after_generation": number - 1, "run_id": run}
    return {"generation_id": row_id}


def _example(database: sqlite3.Connection, table: str) -> _Row:
    return dict(database.execute(f"SELECT * FROM {table}").fetchone())  # noqa: S608 (a table of ours)


def _insert(database: sqlite3.Connection, table: str, rows: Iterator[_Row]) -> None:
    """The first row is there already and is written again."""
    first = next(rows)
    names, marks = ", ".join(f'"{name}"' for name in first), ", ".join("?" * len(first))
    statement = f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
    database.execute(statement, tuple(first.values()))
    database.executemany(statement, (tuple(row.values()) for row in rows))
