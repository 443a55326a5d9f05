"""`batch-scorer init`: the files of a new project, plain or with a runnable example.

Nothing of a user's is ever overwritten. What the example made is remembered in a receipt, written before the
files: a repeated or once killed `init --example` recognises its own, even where a rerun would not give equal
bytes (a model file holds memory addresses).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from batch_scorer.config.schema import SCHEMA_FILE, schema_text
from batch_scorer.core.durable import write_whole
from batch_scorer.core.errors import UsageError
from batch_scorer.ops.scaffold.placing import missing_from

_DATA_GITIGNORE = b"*\n!.gitignore\n!README.md\n"
_RECEIPT = "data/.example.json"
_LAKE = "data/lake/rides"
_TRAINING_TABLE = "data/training/rides.parquet"
_MODEL = "data/training/taxi_tips.skops"
_BAD_DAY = 10  # counted from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An example project, complete but for its model, which is still to be registered.

    model_file and training_table: what to register as model_name, and its reference.
    written: the files that were not there before.
    """

    project: Path
    job: str
    model_name: str
    model_file: Path
    training_table: Path
    bad_day: dt.date
    written: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    days: int
    rows: int
    seed: int


def scaffold_project(directory: Path) -> tuple[Path, ...]:
    """An empty project: a job to start from, a place for suites and for data. Returns the files written.

    Raises: UsageError when other content has one of the names, OutputUnwritable, DiskFull.
    """
    contents = _project_files()
    missing = missing_from(directory, contents)
    for name in missing:
        write_whole(directory / name, contents[name])
    (directory / "jobs/suites").mkdir(exist_ok=True)
    return (*(directory / name for name in missing), *_schema(directory))


def scaffold_drafted(directory: Path, drafted: Mapping[str, bytes]) -> tuple[Path, ...]:
    """A drafted job and its suite, and what a project needs besides and does not have yet.

    Raises: UsageError when one of the drafted files is there already, with other content.
    """
    try:
        missing = missing_from(directory, drafted)
    except UsageError as error:
        error.fix, error.next_command = "give the job another name with --name, or move these away", None
        raise
    around = {name: text for name, text in _project_files().items() if not os.path.lexists(directory / name)}
    for name in missing:
        write_whole(directory / name, drafted[name])
    for name, content in around.items():
        write_whole(directory / name, content)
    return (*(directory / name for name in (*missing, *around)), *_schema(directory))


def scaffold_example(directory: Path, *, days: int = 14, rows: int = 20_000, seed: int = 7) -> Example:
    """A project with a job, its suites, a lake of `days` partitions, training rides and a fitted model.

    rows: of the quietest day, at least. Raises: as scaffold_project.
    """
    settings = _Settings(days=days, rows=rows, seed=seed)
    ours = _untouched(directory, settings)
    contents = _project_files() | _templates("example")
    if not set(_data_names(settings)) <= ours.keys():
        contents |= _data_files(settings)
    contents = {name: content for name, content in contents.items() if name not in ours}
    missing = missing_from(directory, contents)
    if missing:
        made = ours | {name: _sha256(contents[name]) for name in contents}
        write_whole(directory / _RECEIPT, _receipt(settings, made))
    for name in missing:
        write_whole(directory / name, contents[name])
    return Example(
        project=directory,
        job="taxi_tips",
        model_name="taxi_tips",
        model_file=directory / _MODEL,
        training_table=directory / _TRAINING_TABLE,
        bad_day=_bad_day(settings),
        written=(*(directory / name for name in missing), *_schema(directory)),
    )


def _untouched(directory: Path, settings: _Settings) -> dict[str, str]:
    """Names and hashes of the files that an `init` with the same settings made and no one changed since."""
    try:
        receipt = json.loads((directory / _RECEIPT).read_bytes())
        made = dict(receipt["files"]) if receipt["settings"] == asdict(settings) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # without a receipt every file is taken for the user's own
    paths = {name: directory / name for name in made}
    return {
        name: made[name]
        for name, path in paths.items()
        if path.is_file() and _sha256(path.read_bytes()) == made[name]
    }


def _receipt(settings: _Settings, made: Mapping[str, str]) -> bytes:
    content = {"made_by": "batch-scorer init --example", "settings": asdict(settings), "files": dict(made)}
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _schema(directory: Path) -> tuple[Path, ...]:
    """The file that editors check job files with, unless there is one: that may be of another version."""
    path = directory / "jobs" / SCHEMA_FILE
    if os.path.lexists(path):
        return ()
    write_whole(path, schema_text().encode())
    return (path,)


def _project_files() -> dict[str, bytes]:
    return _templates("project") | {"data/.gitignore": _DATA_GITIGNORE}


def _templates(kind: str) -> dict[str, bytes]:
    """A template's path below its kind is its path in the project."""
    return _below(files("batch_scorer.ops.scaffold") / "templates" / kind, "")


def _below(directory: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in sorted(directory.iterdir(), key=lambda entry: entry.name):
        name = prefix + entry.name
        found |= _below(entry, f"{name}/") if entry.is_dir() else {name: entry.read_bytes()}
    return found


def _days(settings: _Settings) -> list[dt.date]:
    from batch_scorer.ops.scaffold.rides import FIRST_DAY

    return [FIRST_DAY + dt.timedelta(days=index) for index in range(settings.days)]


def _bad_day(settings: _Settings) -> dt.date:
    """The tenth day, or the last of a shorter lake."""
    return _days(settings)[:_BAD_DAY][-1]


def _data_names(settings: _Settings) -> list[str]:
    from batch_scorer.ops.scaffold.lake import file_names

    lake = [f"{_LAKE}/{name}" for day in _days(settings) for name in file_names(day)]
    return [*lake, _TRAINING_TABLE, _MODEL]


def _data_files(settings: _Settings) -> dict[str, bytes]:
    import skops.io

    from batch_scorer.ops.scaffold.lake import files_of_day, parquet_bytes
    from batch_scorer.ops.scaffold.training import train, training_rides

    made: dict[str, bytes] = {}
    for day in _days(settings):
        faulty = day == _bad_day(settings)
        written = files_of_day(day, rows=settings.rows, seed=settings.seed, faulty=faulty)
        made |= {f"{_LAKE}/{name}": content for name, content in written}
    rides = training_rides(settings.seed)
    made[_TRAINING_TABLE] = parquet_bytes(rides)
    made[_MODEL] = skops.io.dumps(train(rides.to_pandas()))
    return made


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
