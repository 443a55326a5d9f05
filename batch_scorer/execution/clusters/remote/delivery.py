"""The project's own code on its way to a worker: by content, so that it does not matter what lies there.

Modules are imported once in a process. A worker that has imported another version of one cannot score with
this one: it says so, rather than predict with code that nobody asked for.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from batch_scorer.core.chunks import ChunkOutcome, ChunkTask
from batch_scorer.core.errors import ClusterUnfit, ConfigInvalid, WorkerDied

MAX_BYTES = 64 * 10**6
_NO_CODE = ("__pycache__", "node_modules")
_MODULES = (".py", ".so")


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Directories of modules, packed. sha256: of names and contents. modules: what can be imported of it."""

    sha256: str
    data: bytes = field(repr=False)
    n_directories: int
    modules: tuple[str, ...]


def pack(directories: Sequence[str]) -> Archive:
    """Raises: ConfigInvalid, when they hold more than modules, or what cannot be read."""
    digest, packed = hashlib.sha256(), io.BytesIO()
    n_bytes, modules = 0, set[str]()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, directory in enumerate(directories):
            for path in sorted(_files(Path(directory))):
                content, name = _content(path), f"{number}/{path.relative_to(directory).as_posix()}"
                n_bytes += len(content)
                if n_bytes > MAX_BYTES:
                    raise _too_large(directory)
                digest.update(f"{len(name)} {name} {len(content)} ".encode() + content)
                archive.writestr(name, content)
                if path.suffix in _MODULES:
                    modules.add(path.relative_to(directory).parts[0].partition(".")[0])
    return Archive(
        sha256=digest.hexdigest(),
        data=packed.getvalue(),
        n_directories=len(directories),
        modules=tuple(sorted(modules)),
    )


def receive(archive: Archive, scratch: Path) -> str | None:
    """On a worker: unpack it, once, below a directory of the worker's own. Returns: why it is of no use."""
    place = scratch / "batch-scorer-code" / archive.sha256
    if not place.is_dir():
        aside = place.with_name(f"{archive.sha256}-{secrets.token_hex(4)}")
        with zipfile.ZipFile(io.BytesIO(archive.data)) as packed:
            packed.extractall(aside)
        for number in range(archive.n_directories):
            (aside / str(number)).mkdir(parents=True, exist_ok=True)
        try:
            aside.rename(place)
        except OSError:  # another run was faster
            shutil.rmtree(aside, ignore_errors=True)
    _received[archive.sha256] = _Received(
        places=tuple(str(place / str(number)) for number in range(archive.n_directories)),
        modules=archive.modules,
    )
    return _stale(_received[archive.sha256])


def run_delivered(run: Callable[[ChunkTask], ChunkOutcome], sha256: str, task: ChunkTask) -> ChunkOutcome:
    """On a worker: run the task with the code that was received. Raises: as with_delivered_code."""
    return run(with_delivered_code(task, sha256))


def with_delivered_code(task: ChunkTask, sha256: str) -> ChunkTask:
    """On a worker: the task, and those that go along with it, with the code that was received.

    Raises: WorkerDied, when the process that received it is gone; ClusterUnfit.
    """
    received = _received.get(sha256)
    if received is None:
        raise WorkerDied("the worker started anew, and has not received the job's code yet")
    with _choosing:
        if why := _stale(received):
            raise ClusterUnfit(f"a worker cannot score with the job's code: {why}", fix=RESTART)
        _used[sha256] = received
    along = tuple(replace(each, code=received.places) for each in task.along)
    return replace(task, code=received.places, along=along)


RESTART = "restart the worker: a Python process imports a module once"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    places: tuple[str, ...]
    modules: tuple[str, ...]


_received: dict[str, _Received] = {}
# What tasks of this process were given: a module of it may be imported at any time from now on.
_used: dict[str, _Received] = {}
_choosing = threading.Lock()


def _stale(received: _Received) -> str | None:
    ours, names = tuple(f"{place}/" for place in received.places), frozenset(received.modules)
    for name, module in tuple(sys.modules.items()):
        # A package without __init__.py has no file, and what was imported of it has.
        if name.partition(".")[0] in names:
            file = getattr(module, "__file__", None)
            if file is not None and not file.startswith(ours):
                return f'it has imported another "{name}", from {file}'
    for other in tuple(_used.values()):
        if other.places != received.places and (both := names & set(other.modules)):
            return f'it was given another "{min(both)}" before, from {other.places[0]}'
    return None


def _files(root: Path) -> Iterator[Path]:
    """Regular files, also behind links, as an import finds them; nothing hidden, nothing compiled."""
    seen: set[str] = set()
    for directory, names, files in os.walk(root, followlinks=True, onerror=_refuse):
        real = os.path.realpath(directory)
        if real in seen:  # a link that leads back
            names.clear()
            continue
        seen.add(real)
        names[:] = [name for name in sorted(names) if not name.startswith(".") and name not in _NO_CODE]
        for name in files:
            path = Path(directory, name)
            if not name.startswith(".") and not name.endswith(".pyc") and path.is_file():
                yield path


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error) from None


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from None


def _unreadable(error: OSError) -> ConfigInvalid:
    return ConfigInvalid(
        f"code: cannot be read, and workers need all of it: {error.strerror or error}",
        where=str(error.filename),
        fix="let this user read it, or move it out of the directory",
    )


def _too_large(directory: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"code: holds more than {MAX_BYTES / 1e6:.0f} MB, too much to bring to every worker",
        where=directory,
        fix="name a directory that holds the job's modules and nothing else",
    )
