"""The only place that picks concrete parts for a job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from batch_scorer import __version__
from batch_scorer.config.fingerprint import config_fingerprint
from batch_scorer.config.job import Job
from batch_scorer.config.load import LoadedJob, load_despite_mistakes, load_job, load_jobs
from batch_scorer.config.mistakes import JobInvalid
from batch_scorer.config.mlflow import is_of_mlflow
from batch_scorer.config.pinned import as_then
from batch_scorer.config.project import Project
from batch_scorer.config.registries import registry_of, tracking_uri_of
from batch_scorer.config.stand_ins import is_nowhere
from batch_scorer.core.errors import BatchScorerError
from batch_scorer.core.kept_files import KeptFiles
from batch_scorer.core.plans import ModelChoice, Plan, Selection
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import Recorded, RunListener, RunObserver, RunOptions, RunReport
from batch_scorer.core.stores import StoreOptions
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.bound_suites import bound_suites
from batch_scorer.execution.environment import environment
from batch_scorer.execution.parts import JobParts, ModelSource
from batch_scorer.execution.places import Places, places_of
from batch_scorer.execution.promotion.uses import AliasUse
from batch_scorer.execution.scoring_code import ScoringCode
from batch_scorer.lake.sinks.opening import delta_at, parquet_at
from batch_scorer.lake.sinks.replaced import Replaced
from batch_scorer.lake.sinks.sink import Sink
from batch_scorer.lake.storage.roots import state_at, storage_for
from batch_scorer.lake.storage.state_files import StateFiles
from batch_scorer.lake.storage.storage import LakeStorage
from batch_scorer.lake.storage.stored_files import StoredFiles
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.manifests import ManifestStore
from batch_scorer.ledger.opening import open_ledger, open_ledger_for_reading
from batch_scorer.ledger.shared import SharedLedger
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.opening import shelf_at
from batch_scorer.stores.opening import kept_at
from batch_scorer.validation.store import ValidationStore
from batch_scorer.validation.suites.reading import suites_fingerprint


def open_job(project: Project, name: str, *, target: str | None = None) -> JobParts:
    """Everything a job runs with. Raises: UsageError (no such job), ConfigInvalid, OutputUnwritable."""
    return open_loaded(project, load(project, name, target))


def open_loaded(project: Project, loaded: LoadedJob, *, like: RunRecord | None = None) -> JobParts:
    """The same for a job that was read. like: a run of it, whose config decides about rows and values.

    Raises: UsageError (no such config any more), ConfigInvalid, OutputUnwritable.
    """
    observers = observers_of(project, loaded.job, loaded.target)
    return _parts(project, as_run(project, loaded, like), open_ledger, observers=observers)


def open_job_for_reading(
    project: Project, name: str, *, target: str | None = None, like: RunRecord | None = None
) -> JobParts:
    """The same for verbs that only look: nothing is made, and a read-only state will do.

    Raises: UsageError (no such job, or no such config any more), ConfigInvalid, StoreUnavailable.
    """
    return _parts(project, as_run(project, load(project, name, target), like), open_ledger_for_reading)


def as_run(project: Project, today: LoadedJob, like: RunRecord | None) -> LoadedJob:
    """The job as a run had it, as far as that decides about rows and values. Raises: UsageError."""
    return as_then(project, today, like.config, f"run {like.run_id}") if like else today


def _parts(
    project: Project,
    loaded: LoadedJob,
    open_one: Callable[[str | Path], Ledger],
    observers: tuple[RunObserver, ...] = (),
) -> JobParts:
    job = loaded.job
    suites = bound_suites(project, job)
    places = places_of(project, job)
    database = places.ledger(job.output.state_db)
    registry = open_registry(project, job)
    storage, input_root = _input_of(project, job)
    stores = store_options(job)
    kept, long = kept_at(places.kept_at, stores), state_at(places.kept_at, stores)
    return JobParts(
        job=job,
        places=places,
        input_root=input_root,
        suites=suites,
        suite_fingerprint=suites_fingerprint([(use.suite, use.on_fail, use.stage) for use in suites]),
        config_fingerprint=config_fingerprint(job),
        stores=stores,
        storage=storage,
        registry=registry,
        models=model_source(project, job, registry),
        keys=project.keys,
        ledger=open_one(database),
        database=database,
        kept=kept,
        long=long,
        manifests=ManifestStore(kept),
        validations=ValidationStore(kept),
        sink=_sink(job, places, long),
        published=StoredFiles(storage_for(places.predictions, stores), places.predictions),
        code_version=__version__,
        scoring_code=ScoringCode(_code_of(project, job)),
        environment=environment(),
        config={key: value for key, value, _source in loaded.values},
        target=loaded.target,
        observers=observers,
    )


def store_options(job: Job) -> StoreOptions:
    """How a job reaches object stores: as it says, or else the environment. Raises: ConfigInvalid."""
    return job.storage.options.completed(os.environ)


def _code_of(project: Project, job: Job) -> tuple[str, ...]:
    return tuple(project.resolve(directory) for directory in job.code)


def _input_of(project: Project, job: Job) -> tuple[LakeStorage, str]:
    root = project.resolve(job.input.path)
    return storage_for(root, store_options(job)), root


def observers_of(project: Project, job: Job, target: str | None) -> tuple[RunObserver, ...]:
    """Who is told of this job's runs. Opens nothing."""
    notified = _notified(project, job, target) if job.notify else ()
    return (*notified, *_emitters(project, job))


def observers_of_refusal(project: Project, name: str, target: str | None) -> tuple[RunObserver, ...]:
    """Who is told that a job did not even start, perhaps because its file is wrong."""
    try:
        job = load_despite_mistakes(project, name, target=target, env=os.environ)
    except BatchScorerError:
        return ()  # it cannot say whom to tell
    # Its name may be wrong too.
    return observers_of(project, job.model_copy(update={"name": name}), target) if job else ()


def _notified(project: Project, job: Job, target: str | None) -> tuple[RunObserver, ...]:
    from batch_scorer.ops.notifying.composing import Composer
    from batch_scorer.ops.notifying.observers import notify_observers

    composer = Composer(job=job.name, project=str(project.root), target=target)
    state = None if is_nowhere(job.output.state) else places_of(project, job).state
    return notify_observers(job, composer, state)


def _emitters(project: Project, job: Job) -> Iterator[RunObserver]:
    from batch_scorer.ops.emitting.observers import emit_observers

    places = places_of(project, job)
    return emit_observers(
        job,
        resolve=project.resolve,
        predictions=places.predictions,
        open_ledger=lambda: open_ledger_for_reading(places.ledger(job.output.state_db)),
    )


def _sink(job: Job, places: Places, state: StateFiles) -> Sink:
    """Raises: ConfigInvalid, when the job asks for a format whose package is not there."""
    stores = store_options(job)
    if job.output.format == "delta":
        return delta_at(places.predictions, job.name, job.input.partition_by, stores)
    in_place = job.output.overwrite == "in_place"
    replaced = Replaced(state, places.replaced_root)
    return parquet_at(places.predictions, replaced, stores, in_place=in_place)


def open_registry(project: Project, job: Job) -> FileRegistry:
    return FileRegistry(shelf_at(project.resolve(job.registry_directory), store_options(job)))


def model_source(project: Project, job: Job, registry: FileRegistry) -> ModelSource:
    """What tells which model version a reference of the job means. Asks nobody yet."""
    if not is_of_mlflow(job.model_reference):
        return registry
    from batch_scorer.models.mlflow.source import MlflowSource

    return MlflowSource(registry, tracking_uri_of(project, job.tracking_uri), who=user_name())


def project_registry(project: Project, target: str | None = None) -> FileRegistry:
    """The one that the project's jobs name; before there is a job, the default one. Raises: UsageError."""
    return FileRegistry(shelf_at(*registry_of(project, target)))


def use_of_alias(project: Project, loaded: LoadedJob) -> AliasUse:
    """A job that scores with an alias. Opens nothing."""
    job = loaded.job
    storage, input_root = _input_of(project, job)
    return AliasUse(
        job=job,
        input_root=input_root,
        code=_code_of(project, job),
        storage=storage,
        keys=project.keys,
        open_parts=partial(_parts, project, loaded, open_ledger_for_reading),
    )


def open_ledgers(project: Project, jobs: Iterable[LoadedJob]) -> tuple[SharedLedger, ...]:
    """Every ledger that these jobs write to, each once, to look into."""
    found: dict[str | Path, dict[str, tuple[Places, KeptFiles]]] = {}
    for job in (loaded.job for loaded in jobs):
        places = places_of(project, job)
        kept = kept_at(places.kept_at, store_options(job))
        found.setdefault(places.ledger(job.output.state_db), {})[job.name] = (places, kept)
    return tuple(
        SharedLedger(
            ledger=open_ledger_for_reading(database),
            database=database,
            states={name: places.state for name, (places, _) in of_jobs.items()},
            kept={name: kept for name, (_, kept) in of_jobs.items()},
        )
        for database, of_jobs in found.items()
    )


def load(project: Project, name: str, target: str | None) -> LoadedJob:
    """The job file alone, without opening anything. Raises: UsageError, ConfigInvalid."""
    return load_job(project, name, target=target, env=os.environ)


def load_checked(project: Project, names: Sequence[str], target: str | None) -> tuple[LoadedJob, ...]:
    """Job files and the suites they name, all mistakes of all of them at once; held against the table and the
    model as far as these are there.

    Raises: UsageError, ConfigInvalid.
    """
    from batch_scorer.execution.names import check_names

    jobs = load_jobs(project, names, target=target, env=os.environ)
    mistakes = [
        loaded.mistake(found.path, found.what, found.offset)
        for loaded in jobs
        for found in check_names(
            loaded.job,
            bound_suites(project, loaded.job),
            *_input_of(project, loaded.job),
            open_registry(project, loaded.job),
        )
    ]
    if mistakes:
        raise JobInvalid(mistakes, next_command="batch-scorer validate-config")
    return jobs


def plan_job(parts: JobParts, selection: Selection, choice: ModelChoice, now: datetime | None = None) -> Plan:
    """What would be done now, and why. Reads only."""
    from batch_scorer.execution.survey import survey

    return survey(parts, choice, selection, now or datetime.now(UTC)).plan


def run_job(
    parts: JobParts,
    selection: Selection,
    choice: ModelChoice,
    options: RunOptions,
    listener: RunListener,
    *,
    accept: Callable[[Plan], None] = lambda _plan: None,
    recorded: Recorded = lambda _code, _was_signalled: None,
) -> RunReport:
    """Do it. accept: called with the plan that is about to be carried out; it raises to refuse it.

    recorded: called once the ledger has the exit code.

    Raises: what stops a run before it starts; everything later is in the report.
    """
    from batch_scorer.execution.preflight import check_places
    from batch_scorer.execution.run import run_job as execute

    def make_plan() -> Plan:
        plan = plan_job(parts, selection, choice)
        accept(plan)
        return plan

    if parts.job.emit.openlineage is not None:
        from batch_scorer.ops.emitting.openlineage import check_installed

        check_installed(parts.job.name)
    check_places(parts)
    return execute(parts, make_plan, options, listener, recorded)
