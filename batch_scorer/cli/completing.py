"""Shell completion of what a project holds: jobs, models, suites, targets, runs and partitions.

A shell asks at every press of a key: what cannot be found out is not completed, nothing raises or is printed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from batch_scorer.cli.settings import Settings
from batch_scorer.core.stores import is_object_url

if TYPE_CHECKING:
    from batch_scorer.config.job import Job
    from batch_scorer.config.project import Project
    from batch_scorer.models.registry.files import FileRegistry

VARIABLE = "_BATCH_SCORER_COMPLETE"
_MOST = 200
_NEWEST_RUNS = 20
_BREAKS = "=@:"  # of bash's COMP_WORDBREAKS, those that our words hold
Candidates = Callable[[click.Context, str], Iterable[str]]


class _Named(click.types.StringParamType):
    """A text, completed with names that the project knows."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 (click's signature)
        incomplete: str,
    ) -> list[CompletionItem]:
        silence = io.StringIO()
        with contextlib.redirect_stderr(silence), contextlib.redirect_stdout(silence):
            try:
                found = [text for text in self._candidates(ctx, incomplete) if text.startswith(incomplete)]
            except Exception:  # a broken project completes nothing
                return []
        return [CompletionItem(text) for text in found[:_MOST]]


def complete_names(command: click.Command) -> None:
    """Let the parameters of a command, and of all below it, complete by their names."""
    complete_own_names(command)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        complete_names(below)


def complete_own_names(command: click.Command) -> None:
    """The same, without those below it."""
    for param in command.params:
        candidates = _BY_NAME.get((command.name, param.name)) or _BY_NAME.get((None, param.name))
        if candidates is not None and type(param.type) is click.types.StringParamType:
            param.type = _Named(candidates)


def listen_to_shells() -> None:
    """Answer bash as it splits words; cheap, and only when a shell asks."""
    if VARIABLE in os.environ:
        add_completion_class(_Bash)


class _Bash(BashComplete):
    """bash splits `ride_date=2024-01` and `taxi_tips@3` at = and @, and replaces the last piece only."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        words = list(_glued([*args, incomplete]))
        self._given = words[-1]
        return words[:-1], words[-1]

    def format_completion(self, item: CompletionItem) -> str:
        kept = re.split(f"[{_BREAKS}](?!.*[{_BREAKS}])", self._given)[0] if _is_broken(self._given) else ""
        return f"{item.type},{item.value[len(kept) + 1 if kept else 0 :]}"


def _glued(pieces: Iterable[str]) -> Iterator[str]:
    """Words again: a piece that is = or @ belongs to what is before and after it."""
    word = ""
    for piece in pieces:
        if word and not (piece and piece[0] in _BREAKS) and word[-1] not in _BREAKS:
            yield word
            word = ""
        word += piece
    yield word


def _is_broken(word: str) -> bool:
    return any(character in word for character in _BREAKS)


# Candidates


def _jobs(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    return _project(ctx).job_names()


def _suites(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    return _project(ctx).suite_names()


def _targets(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Of the job that is named, or of all."""
    import yaml

    project = _project(ctx)
    job = _job(ctx)
    names = [job] if job else project.job_names()
    found: set[str] = set()
    for name in names:
        document = yaml.safe_load(project.job_path(name).read_text(encoding="utf-8"))
        found |= set(document.get("targets", ()))
    return sorted(found)


def _models(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names; behind an @ versions, newest first, and aliases."""
    registry = _registry(ctx)
    name, at, _ = incomplete.partition("@")
    if not at:
        return registry.names()
    return [f"{name}@{which}" for which in (*registry.aliases(name), *reversed(registry.versions(name)))]


def _model_names(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    return _registry(ctx).names()


def _aliases(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Of every model: an option may stand before the model's name."""
    registry = _registry(ctx)
    return sorted({alias for name in registry.names() for alias in registry.aliases(name)})


def _compared(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """`models diff` and `suites diff` call their arguments the same."""
    of_models = ctx.parent is not None and ctx.parent.command.name == "models"
    return (_models if of_models else _suites)(ctx, incomplete)


def _runs(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    from batch_scorer import wiring

    project, target = _project(ctx), _given(ctx, "target")
    ledgers = wiring.open_ledgers(
        project, [wiring.load(project, name, target) for name in project.job_names()]
    )
    found = [run.run_id for one in ledgers for run in one.ledger.runs(None, limit=_NEWEST_RUNS)]
    return ["last", *sorted(found, reverse=True)]


def _runs_and_partitions(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """`last`, run ids, `JOB/`; behind the slash the job's partitions."""
    job, slash, _ = incomplete.partition("/")
    if slash:
        return [f"{job}/{path}" for path in _paths(ctx, job)]
    return [*_runs(ctx, incomplete), *(f"{name}/" for name in _jobs(ctx, incomplete))]


def _pairs(ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """`key=value`, newest first."""
    segments = (segment for path in _paths(ctx, _job(ctx)) for segment in path.split("/"))
    return list(dict.fromkeys(segments))


def _partitions(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Whole paths; of a single key also the value alone, once it is begun."""
    paths = _paths(ctx, _job(ctx))
    values = [path.partition("=")[2] for path in paths if "/" not in path] if incomplete else []
    return [*paths, *values]


_BY_NAME: dict[tuple[str | None, str | None], Candidates] = {
    (None, "job"): _jobs,
    (None, "target"): _targets,
    (None, "suite"): _suites,
    ("diff", "old"): _compared,
    ("diff", "new"): _compared,
    (None, "model"): _models,
    ("promote", "version"): _models,
    ("sign", "version"): _models,
    ("verify", "version"): _models,
    ("show", "name"): _models,
    ("list", "name"): _models,
    ("rollback", "name"): _model_names,
    ("history", "name"): _model_names,
    ("at", "names"): _model_names,
    (None, "alias"): _aliases,
    (None, "run"): _runs,
    (None, "what"): _runs_and_partitions,
    (None, "partition"): _partitions,
    (None, "partitions"): _pairs,
}


def _registry(ctx: click.Context) -> FileRegistry:
    from batch_scorer import wiring

    return wiring.project_registry(_project(ctx), _given(ctx, "target"))


def _given(ctx: click.Context, name: str) -> str | None:
    """A global option, before or after the verb, or from the environment."""
    found: str | None = ctx.params.get(name) or ctx.find_root().params.get(name)
    return found


def _job(ctx: click.Context) -> str:
    """Empty when none is given yet. While an option waits for its value click leaves arguments unassigned."""
    given: str | None = ctx.params.get("job")
    return given or next((word for word in ctx.args if word in _project(ctx).job_names()), "")


def _project(ctx: click.Context) -> Project:
    return Settings(project=_given(ctx, "project")).find_project()


def _paths(ctx: click.Context, job: str) -> list[str]:
    """Of partitions in the lake or published, newest first: directories only, no ledger is opened."""
    from batch_scorer import wiring

    project = _project(ctx)
    found = wiring.load(project, job, _given(ctx, "target")).job
    roots = [project.resolve(place) for place in (found.input.path, found.output.path)]
    local = [Path(root) for root in roots if not is_object_url(root)]  # nobody waits for a store
    return sorted({path for root in local for path in _directories(root, found)}, reverse=True)


def _directories(root: Path, job: Job) -> Iterator[str]:
    pattern = "/".join(f"{key.name}=*" for key in job.input.partition_by)
    return (path.relative_to(root).as_posix() for path in root.glob(pattern))
