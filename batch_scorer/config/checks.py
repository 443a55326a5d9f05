"""What must fit together across the keys of a job, and across jobs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from batch_scorer.config.clusters import ClusterClass
from batch_scorer.config.job import Job
from batch_scorer.core.chunks import AUDIT_COLUMNS
from batch_scorer.core.nearest import suggestion
from batch_scorer.core.partitions import KeyType
from batch_scorer.core.stores import is_object_url
from batch_scorer.core.validation import OnFail
from batch_scorer.core.volume import FEWEST_PUBLISHED

Path = tuple[str | int, ...]
Finding = tuple[Path, str]


def check_job(job: Job, *, suites: Iterable[str], resolve: Callable[[str], str]) -> Iterator[Finding]:
    """(path, message) of every contradiction. suites: the names that exist. resolve: a path to absolute."""
    yield from _columns(job)
    yield from _suites(job, tuple(suites))
    yield from _quarantine(job)
    yield from _directories(job, resolve)
    yield from _schedule(job)
    yield from _volume(job)
    yield from _output(job)
    yield from _state_in_store(job)
    yield from _cluster(job)
    yield from _emit(job)
    yield from _notify(job)


def _columns(job: Job) -> Iterator[Finding]:
    """No two output columns of one name, in any case: many readers do not tell `Fare` from `fare`."""
    taken = dict.fromkeys((name for name, _ in AUDIT_COLUMNS), "an audit column")
    for key in job.input.partition_by:
        if key.name.lower() in taken:
            yield ("input", "partition_by", key.name), f'"{key.name}" is {taken[key.name.lower()]} already'
        taken[key.name.lower()] = "a partition key, which readers get from the directory,"
    carried: list[tuple[Path, str]] = [
        *((("input", "key", i), name) for i, name in enumerate(job.input.key)),
        *((("output", "keep_columns", i), name) for i, name in enumerate(job.output.keep_columns)),
        *((("model", "output", output.name), output.name) for output in job.model.output),
    ]
    for path, name in carried:
        if path[1] == "keep_columns" and name in job.input.key:
            continue
        if name.lower() in taken:
            yield path, f'"{name}" is {taken[name.lower()]} already'
        taken.setdefault(name.lower(), f"in {'.'.join(map(str, path[:2]))}")


def _suites(job: Job, known: tuple[str, ...]) -> Iterator[Finding]:
    for stage, uses in (("input", job.validation.input), ("output", job.validation.output)):
        names = [use.suite for use in uses]
        for index, name in enumerate(names):
            path: Path = ("validate", stage, index, "suite")
            if name not in known:
                yield path, f'there is no suite "{name}" in jobs/suites{suggestion(name, known)}'
            elif name in names[:index]:
                yield path, f'suite "{name}" is listed twice'


def _quarantine(job: Job) -> Iterator[Finding]:
    for stage, uses in (("input", job.validation.input), ("output", job.validation.output)):
        for index, use in enumerate(uses):
            if use.max_quarantined_rate is not None and use.on_fail is not OnFail.QUARANTINE:
                path: Path = ("validate", stage, index, "max_quarantined_rate")
                yield path, f"needs on_fail: quarantine; with {use.on_fail} no row is set aside"


def _directories(job: Job, resolve: Callable[[str], str]) -> Iterator[Finding]:
    """Input, predictions, state and registry: none inside another, or one would read the other's files."""
    places: list[tuple[Path, str]] = [
        (("input", "path"), job.input.path),
        (("output", "path"), job.output.path),
        (("output", "state"), job.output.state),
        (("registry",), job.registry_directory),
    ]
    seen: list[tuple[Path, str, str]] = []
    for path, written in places:
        if is_object_url(written):
            real = written.rstrip("/")
        elif ":" in written.partition("/")[0]:  # another URI: none of our directories
            continue
        else:
            real = os.path.realpath(resolve(written))
        for other, other_written, other_real in seen:
            if real == other_real:
                yield path, f'"{written}" is {".".join(map(str, other))} too'
            elif _is_inside(real, other_real):
                yield path, f'"{written}" is inside of {".".join(map(str, other))} ("{other_written}")'
            elif _is_inside(other_real, real):
                yield path, f'"{written}" contains {".".join(map(str, other))} ("{other_written}")'
        seen.append((path, written, real))


def _schedule(job: Job) -> Iterator[Finding]:
    n_dates = _n_date_keys(job)
    if job.schedule.expect == "daily" and n_dates != 1:
        yield ("schedule", "expect"), f"daily needs exactly one partition key of type date, not {n_dates}"


def _volume(job: Job) -> Iterator[Finding]:
    against, path = job.validation.volume.against, ("validate", "volume", "against")
    if against is None:
        return
    n_dates = _n_date_keys(job)
    if n_dates != 1:
        yield path, f"the days before need exactly one partition key of type date, not {n_dates}"
    if against <= timedelta(days=FEWEST_PUBLISHED - 1):
        yield path, f"must be at least {FEWEST_PUBLISHED}d: fewer published days than that decide nothing"


def _n_date_keys(job: Job) -> int:
    return sum(key.type is KeyType.DATE for key in job.input.partition_by)


def _output(job: Job) -> Iterator[Finding]:
    is_in_store = is_object_url(job.output.path)
    if is_in_store and "state" not in job.output.model_fields_set:
        yield (
            ("output", "path"),
            "predictions in an object store need output.state: a directory on a disk that outlives the run",
        )
    if job.output.overwrite == "in_place" and not (is_in_store and job.output.format == "parquet"):
        yield (
            ("output", "overwrite"),
            "in_place is for plain Parquet in an object store; here a partition is replaced in one step, "
            "remove it",
        )
    if job.output.format == "delta" and job.output.success_marker:
        yield (
            ("output", "success_marker"),
            "a Delta table has no _SUCCESS files: sensors read its log; remove it, or use format: parquet",
        )


def _state_in_store(job: Job) -> Iterator[Finding]:
    """What a state in an object store cannot do."""
    output, path = job.output, ("output", "state")
    if not is_object_url(output.state) or "state" not in output.model_fields_set:
        return
    if not is_object_url(output.path):
        yield path, "in an object store goes with predictions in one; set output.path to s3://… as well"
    if output.overwrite == "in_place":
        yield path, "output.overwrite: in_place keeps what it replaces on a disk; use format: delta instead"
    if output.state_db == "sqlite":
        yield path, "SQLite cannot be in an object store; set output.state_db to a PostgreSQL database"


def _cluster(job: Job) -> Iterator[Finding]:
    cluster, workers = job.compute.cluster, job.compute.workers
    if not isinstance(cluster, ClusterClass):
        if "://" in cluster and workers is not None:
            yield ("compute", "workers"), f"{cluster} has the workers that it has; remove it, or set auto"
        return
    path: Path = ("compute", "cluster")
    if cluster.adapt is None and workers is None:
        yield path, "a cluster class needs compute.workers: N, or adapt: {minimum: 0, maximum: N}"
    elif cluster.adapt is not None and workers is not None:
        yield (*path, "adapt"), "is instead of compute.workers; leave one of them empty"
    elif cluster.adapt is not None and cluster.adapt.minimum > cluster.adapt.maximum:
        yield (*path, "adapt", "minimum"), f"is more than the maximum of {cluster.adapt.maximum}"


def _emit(job: Job) -> Iterator[Finding]:
    lineage = job.emit.openlineage
    if lineage is None:
        return
    path: Path = ("emit", "openlineage")
    if lineage.url is None and lineage.file is None:
        yield path, "needs url, the server of events, or file, to append them to"
    if lineage.url is not None and lineage.file is not None:
        yield (*path, "file"), "events go to url or to a file, not to both; leave one empty"
    if lineage.api_key is not None and lineage.url is None:
        yield (*path, "api_key"), "needs url: a file takes no key"


def _notify(job: Job) -> Iterator[Finding]:
    for index, use in enumerate(job.notify):
        path: Path = ("notify", index, "to")
        smtp = use.to.smtp
        if sum(target is not None for target in (use.to.webhook, smtp, use.to.healthcheck)) != 1:
            yield path, "needs exactly one of webhook, smtp and healthcheck; others are entries of their own"
        elif smtp is None:
            continue
        elif (smtp.user is None) != (smtp.password is None):
            yield (
                (*path, "smtp"),
                "user and password belong together; a server that asks for none needs neither",
            )
        elif smtp.password is not None and smtp.security == "none":
            yield (
                (*path, "smtp", "security"),
                "none would send the password for everybody to read; use starttls",
            )


def _is_inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")
