"""From a job's name to a validated job, with all mistakes at once and the source of every value.

parse → extends → target → environment → flags → pydantic → what must fit together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from batch_scorer.config.checks import check_job
from batch_scorer.config.clusters import CLUSTER_KWARGS
from batch_scorer.config.extends import Sources, read_extended
from batch_scorer.config.job import Job
from batch_scorer.config.keys import KeyCheck, lines_of_secrets
from batch_scorer.config.layers import Interpolation, given_by, merge, to_plain, with_flags, without
from batch_scorer.config.mistakes import JobInvalid, Mistake
from batch_scorer.config.not_yet import not_yet
from batch_scorer.config.project import NAME, Project
from batch_scorer.config.stand_ins import with_stand_ins
from batch_scorer.config.words import find, in_words, place_of_value
from batch_scorer.config.yaml_source import YamlMap
from batch_scorer.core.errors import UsageError
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.urls import without_password

NO_OVERRIDES: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedJob:
    """values: (dotted key, value as a user would write it, where it came from), for `--resolved`; a URL
    in them has no password.

    Where: `jobs/taxi_tips.yml:14:5`, `target dev`, `environment LAKE`, `flag --workers` or `default`.
    targets: every target the job has; target: the one that was merged in. sources: for a mistake found later.
    """

    job: Job
    path: Path
    values: tuple[tuple[str, Any, str], ...] = field(repr=False)
    sources: Sources = field(repr=False, compare=False)
    target: str | None = None
    targets: tuple[str, ...] = ()

    def mistake(self, path: tuple[str | int, ...], message: str, offset: int | None = None) -> Mistake:
        """At the value of a key, wherever it was given; at one character of it, where offset says which."""
        place = place_of_value(self.sources, path, offset)
        return self.sources.mistake(place, f"{_dotted(path)}: {message}")


def load_job(
    project: Project,
    name: str,
    *,
    target: str | None = None,
    env: Mapping[str, str],
    overrides: Mapping[str, Any] = NO_OVERRIDES,
) -> LoadedJob:
    """The job, ready to run.

    env: what `${VAR}` may name. overrides: dotted key to a value written as in YAML (`"2h"`), from flags.
    Raises: UsageError (no such job or target, a flag's value), JobInvalid (with every mistake of its files).
    """
    read = _read(project, name, target, env, overrides)
    if read.mistakes or read.job is None:
        raise _refusal(list(read.mistakes), name)
    return LoadedJob(
        job=read.job,
        path=project.job_path(name),
        values=tuple(_values(read.sources.root, read.job)),
        target=target,
        targets=read.targets,
        sources=read.sources,
    )


def load_despite_mistakes(
    project: Project, name: str, *, target: str | None = None, env: Mapping[str, str]
) -> Job | None:
    """The job with stand-ins for what is wrong in it: to tell somebody that it is, and for nothing else.

    None, when no job comes of it. Raises: as load_job, where a file cannot even be parsed.
    """
    return _read(project, name, target, env, NO_OVERRIDES).job


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What the files of a job say. sources: merged and filled in. job: with stand-ins for what is wrong.

    lacks_variables: of the environment, which is among the mistakes.
    """

    sources: Sources
    job: Job | None
    mistakes: tuple[Mistake, ...]
    targets: tuple[str, ...]
    lacks_variables: bool


def _read(
    project: Project, name: str, target: str | None, env: Mapping[str, str], overrides: Mapping[str, Any]
) -> _Read:
    """Raises: UsageError, JobInvalid, where a file cannot even be parsed."""
    read = read_extended(project, project.job_path(name))
    keys, variables = KeyCheck(), Interpolation(env, at_use={CLUSTER_KWARGS})
    targets = {key: keys.correct(tree) for key, tree in _targets(read).items()}
    own = keys.correct(without(read.root, "targets"))
    filled = variables.fill(_with_target(own, targets, target))
    hidden = frozenset(line for tree in (read.root, own, filled) for line in lines_of_secrets(tree))
    sources = Sources(root=with_flags(filled, overrides), lines=read.lines, hidden=hidden)
    mistakes = [sources.mistake(place, what) for place, what in keys.mistakes + variables.mistakes]
    mistakes += _name_mistakes(sources, name)
    mistakes += _shared_history(sources, targets.get(target or ""))
    job, more = _validated(project, sources)
    mistakes += more
    return _Read(
        sources=sources,
        job=job,
        mistakes=tuple(mistakes),
        targets=tuple(targets),
        lacks_variables=bool(variables.mistakes),
    )


def load_jobs(
    project: Project, names: Iterable[str], *, target: str | None = None, env: Mapping[str, str]
) -> tuple[LoadedJob, ...]:
    """Several jobs together, which must not publish into each other.

    target: None: every target of each is checked as well.
    Raises: UsageError, JobInvalid with the mistakes of all of them.
    """
    loaded: list[LoadedJob] = []
    mistakes: list[Mistake] = []
    for name in names:
        try:
            loaded.append(load_job(project, name, target=target, env=env))
            mistakes += () if target else _mistakes_in_targets(project, loaded[-1], env)
        except JobInvalid as invalid:
            mistakes += invalid.mistakes
    mistakes += _shared(project, loaded, ("output", "path"), "publishes there too")
    mistakes += _shared(project, loaded, ("emit", "prometheus_textfile"), "writes there too")
    if mistakes:
        raise JobInvalid(mistakes, next_command="batch-scorer validate-config")
    return tuple(loaded)


def _mistakes_in_targets(project: Project, loaded: LoadedJob, env: Mapping[str, str]) -> Iterator[Mistake]:
    """Of a job that has none itself. A target whose variables are set elsewhere only is checked there."""
    for target in loaded.targets:
        read = _read(project, loaded.job.name, target, env, NO_OVERRIDES)
        if not read.lacks_variables:
            yield from read.mistakes


def _targets(sources: Sources) -> dict[str, YamlMap]:
    node = sources.root.get("targets")
    if node is None or to_plain(node) is None:
        return {}
    if not isinstance(node, YamlMap):
        raise JobInvalid([sources.mistake(node.place, "targets: must be a mapping of names to changes")])
    targets = {}
    for name, entry in node.entries.items():
        if not NAME.fullmatch(name):
            what = f'targets: "{name}" is no name for a target: letters, digits, "_" and "-" only'
            raise JobInvalid([sources.mistake(entry.key, what)])
        if not isinstance(entry.value, YamlMap):
            what = f"targets.{name}: must be a mapping, such as {{input: {{limit_rows: 1000}}}}"
            raise JobInvalid([sources.mistake(entry.value.place, what)])
        for key in ("targets", "extends", "name"):
            if key in entry.value.entries:
                what = f"targets.{name}: a target cannot change {key}"
                raise JobInvalid([sources.mistake(entry.value.entries[key].key, what)])
        targets[name] = entry.value
    return targets


def _with_target(root: YamlMap, targets: Mapping[str, YamlMap], target: str | None) -> YamlMap:
    if target is None:
        return root
    if target not in targets:
        known = ", ".join(targets) or "none"
        raise UsageError(
            f'the job has no target "{target}"{suggestion(target, targets)}',
            where=root.place.file,
            fix=f"its targets: {known}",
        )
    changes = given_by(targets[target], f"target {target}")
    merged = merge(root, changes) if isinstance(changes, YamlMap) else root
    return YamlMap(entries=merged.entries, place=root.place)


def _name_mistakes(sources: Sources, stem: str) -> list[Mistake]:
    found = find(sources.root, ("name",))
    if found.value is None or to_plain(found.value) in (stem, None):
        return []
    what = f'name: must be "{stem}", as the file is called'
    return [sources.mistake(found.value.place, what)]


def _shared_history(sources: Sources, changes: YamlMap | None) -> Iterator[Mistake]:
    """A target that publishes elsewhere but keeps the database: what it publishes would look published."""
    database = find(sources.root, ("output", "state_db")).value
    if changes is None or database is None or "://" not in str(to_plain(database)):
        return
    if find(changes, ("output", "state_db")).value is not None:
        return
    for key in ("path", "state"):
        moved = find(changes, ("output", key))
        if moved.value is not None:
            what = f"a target that changes output.{key} needs an output.state_db of its own: a job's ledger"
            yield sources.mistake(moved.key, f"{what} tells what is published in one place only")
            return


def _validated(project: Project, sources: Sources) -> tuple[Job | None, list[Mistake]]:
    """The job as far as there is one, and all that pydantic, the cross checks and not-yet have to say."""
    waiting = list(not_yet(sources.root))
    mistakes = [sources.mistake(place, message) for _, place, message in waiting]
    plain = to_plain(sources.root)
    try:
        job: Job | None = Job.model_validate(plain)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False)
        for error in errors:
            # A key that has to wait is not told twice, nor is a list too short whose items are wrong.
            is_told = any(tuple(error["loc"])[: len(path)] == path for path, _, _ in waiting)
            if not is_told and not _is_of_items(error, errors):
                mistakes += in_words(sources, error)
        job = with_stand_ins(plain, [error["loc"] for error in errors])
    if job is not None:
        findings = check_job(job, suites=project.suite_names(), resolve=project.resolve)
        mistakes += [_mistake_at(sources, path, message) for path, message in findings]
    return job, mistakes


def _mistake_at(sources: Sources, path: tuple[str | int, ...], message: str) -> Mistake:
    return sources.mistake(place_of_value(sources, path), f"{_dotted(path)}: {message}")


def _is_of_items(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """A list counts as too short when none of its items is right; they say so themselves."""
    path = error["loc"]
    return error["type"] == "too_short" and any(each["loc"][:-1] == path for each in errors)


def _shared(project: Project, loaded: list[LoadedJob], key: tuple[str, str], does: str) -> Iterator[Mistake]:
    """Jobs that would replace each other's. key: of a path. does: what its owner does with it."""
    owners: dict[str, str] = {}
    for each in loaded:
        section, name = key
        place = getattr(getattr(each.job, section), name)
        if place is None:
            continue
        owner = owners.setdefault(os.path.realpath(project.resolve(place)), each.job.name)
        if owner != each.job.name:
            sources = read_extended(project, each.path)
            what = f'{_dotted(key)}: job "{owner}" {does}'
            yield sources.mistake(find(sources.root, key).key, what)


def _refusal(mistakes: list[Mistake], name: str) -> JobInvalid | UsageError:
    """A wrong flag is the command line's mistake, as long as the files are right."""
    if mistakes and all(mistake.line == 0 for mistake in mistakes):
        return UsageError("\n".join(mistake.render() for mistake in mistakes))
    return JobInvalid(mistakes, next_command=f"batch-scorer validate-config {name}")


def _values(root: YamlMap, job: Job) -> Iterator[tuple[str, Any, str]]:
    for path, value in _leaves((), job.as_written()):
        found = find(root, path)
        given = found.value is not None and to_plain(found.value) is not None
        shown = without_password(value) if isinstance(value, str) else value
        yield _dotted(path), shown, found.key.text if given else "default"


def _leaves(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Mappings, and lists of mappings, down to what is neither."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves((*path, key), item)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves((*path, index), item)
    else:
        yield path, value


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))
