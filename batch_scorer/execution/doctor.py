"""What will bite tonight, found by day. Each check says what it saw; none of them changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from batch_scorer.core.checks import Check
from batch_scorer.core.errors import BatchScorerError, InputError
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.execution.parts import JobParts

_ROOM_FACTOR = 2  # new files beside the old ones until the exchange, and the replaced ones after it


def examine(parts: JobParts, pin_model: Callable[[], ModelPin]) -> Iterator[Check]:
    """All checks of one job; a check that raises is a bad one, the others go on."""
    yield _attempt("places", lambda: _places(parts))
    yield _attempt("atomic publish", lambda: _guarantee(parts))
    yield _attempt("ledger", lambda: _ledger(parts))
    if parts.job.notify:
        yield _attempt("notify", lambda: _notify(parts))
    model: ModelPin | None = None
    try:
        model = pin_model()
    except BatchScorerError as error:
        yield Check.bad("model", error)
    if model is not None:
        pinned = model
        yield _attempt("model", lambda: _model(parts, pinned))
    try:
        found = _newest(parts)
    except BatchScorerError as error:
        yield Check.bad("input", error)
        return
    if found is None:
        yield Check(name="input", found=f"{parts.input_root} has no partition yet", exit_code=75)
        return
    yield _attempt("disk space", lambda: _space(parts, found))
    yield from _data(parts, found, model)


def _attempt(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, found=look())
    except BatchScorerError as error:
        return Check.bad(name, error)


def _places(parts: JobParts) -> str:
    from batch_scorer.execution.preflight import check_places

    check_places(parts)
    return f"{parts.places.predictions} and {parts.places.state} can be written, one file system"


def _guarantee(parts: JobParts) -> str:
    return f"a partition becomes visible by {parts.sink.guarantee}"


def _ledger(parts: JobParts) -> str:
    from batch_scorer.ledger.disks import refuse_network_disk

    if isinstance(parts.database, Path):
        refuse_network_disk(parts.database)
    n_published = sum(
        record.current is not None for record in parts.ledger.partition_records(parts.job.name).values()
    )
    return f"{parts.ledger_at}, {n_published} partitions published"


def _notify(parts: JobParts) -> str:
    from batch_scorer.ops.notifying.observers import check_secrets

    return f"{', '.join(check_secrets(parts.job))}: set"


def _model(parts: JobParts, model: ModelPin) -> str:
    from batch_scorer.execution.chunk import make_importable
    from batch_scorer.models.loader import load_model

    make_importable(parts.code)
    loaded = load_model(model)
    golden = f"{model.n_golden_rows} golden rows repeat" if model.n_golden_rows else "no golden rows"
    return "; ".join([f"{model.label} loads, {golden}", *loaded.warnings])


def _newest(parts: JobParts) -> PartitionFiles | None:
    from batch_scorer.lake.inventory import list_partitions

    inventory = list_partitions(
        parts.storage,
        parts.input_root,
        parts.job.input.partition_by,
        keep=lambda _partition: True,
        marker=parts.job.input.ready.marker,
    )
    if inventory.refused:
        raise inventory.refused[0].error
    filled = [found for found in inventory.partitions if found.files]
    return filled[-1] if filled else None


def _space(parts: JobParts, found: PartitionFiles) -> str:
    from batch_scorer.core.errors import DiskFull
    from batch_scorer.lake.preflight import free_bytes

    free = free_bytes(parts.places.state)
    wanted = _ROOM_FACTOR * found.n_bytes
    if free < wanted:
        raise DiskFull(
            f"{free:,} bytes free, a partition like {found.partition.label} may need {wanted:,}",
            where=str(parts.places.state),
            fix="free some space, or lower output.keep_generations",
        )
    return f"{free / 1e9:.1f} GB free"


def _data(parts: JobParts, found: PartitionFiles, model: ModelPin | None) -> Iterator[Check]:
    """Does the newest partition fit the signature, the job's columns and the suites?"""
    from batch_scorer.lake.footers import read_footer

    label = f"columns of {found.partition.label}"
    try:
        footers = [read_footer(parts.storage, parts.input_root, file) for file in found.files]
    except InputError as error:
        yield Check.bad(label, error)
        return
    yield _attempt(label, lambda: _columns(parts, found, footers, model))
    yield _attempt("suite columns", lambda: _suite_columns(parts, footers))


def _columns(parts: JobParts, found: PartitionFiles, footers: list[Footer], model: ModelPin | None) -> str:
    from batch_scorer.lake.schema import carried_types, check_features

    carried_types(found.files, footers, parts.job.carried_columns)
    if model is not None:
        check_features(found.files, footers, model.signature.columns)
    return f"{len(footers[0].columns)} in the files, all that are needed among them"


def _suite_columns(parts: JobParts, footers: list[Footer]) -> str:
    from batch_scorer.core.errors import ConfigInvalid
    from batch_scorer.validation.suites.check import check_columns

    available = [name for name, _type in footers[0].columns]
    on_input = [use for use in parts.suites if use.stage == "input"]
    for use in on_input:
        problems = check_columns(use.suite, available)
        if problems:
            raise ConfigInvalid("; ".join(problems), where=use.suite.path)
    names = ", ".join(use.suite.name for use in on_input) or "no input suite"
    return f"{names}: every column it names exists"
