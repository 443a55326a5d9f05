"""What must be true of a version before an alias means it. All of it is asked, whatever fails first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from batch_scorer.core.errors import (
    BatchScorerError,
    ColumnMissing,
    ColumnTypeMismatch,
    GoldenRowsDiffer,
    InputError,
    ModelRefused,
    StoreUnavailable,
)
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.execution.doctor.asking import LONG_S, within
from batch_scorer.execution.newest import footers_of, newest_partitions
from batch_scorer.execution.pinning import check_outputs_of, signer_of
from batch_scorer.execution.promotion.uses import AliasUse
from batch_scorer.models.registry.checking import check_version
from batch_scorer.models.registry.files import FileRegistry

_N_PARTITIONS = 3


class GateState(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_ASKED = "not asked"  # nobody could answer, or there is nothing to ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """job: the one that asks; None of what every job asks. found: in one line."""

    name: str
    state: GateState
    found: str
    job: str | None = None
    fix: str | None = None

    @property
    def failed(self) -> bool:
        return self.state is GateState.FAILED


def gates(pin: ModelPin, registry: FileRegistry, uses: Sequence[AliasUse]) -> Iterator[Gate]:
    """uses: every job that will score with the version. Raises: StoreUnavailable, of the registry."""
    files = _gate("files", partial(_files, pin, registry))
    yield files
    if files.failed:
        yield Gate(name="loads", state=GateState.NOT_ASKED, found="not from bytes that nobody registered")
    else:
        yield from _loads(pin, uses)
    for use in uses:
        if use.job.model.trust == "signed":
            yield _gate("signature", partial(_signature, pin, registry, use), use.job.name)
        yield _gate("outputs", partial(_outputs, pin, use), use.job.name)
        yield from _columns(pin, use)


def _files(pin: ModelPin, registry: FileRegistry) -> str:
    """Raises: ModelRefused, with everything that is not as it was registered; StoreUnavailable."""
    if wrong := check_version(registry, pin.name, pin.version):
        what = "; ".join(error.what for error in wrong)
        raise ModelRefused(what, where=wrong[0].where, fix=wrong[0].fix)
    return f"{len(pin.files)} as they were registered"


def _loads(pin: ModelPin, uses: Sequence[AliasUse]) -> Iterator[Gate]:
    """Loaded once, with the own code of the jobs, as a worker of theirs would."""
    from batch_scorer.execution.chunk import make_importable
    from batch_scorer.models.scoring.loader import load_model

    for use in uses:
        make_importable(use.code)
    try:
        loaded = load_model(pin)
    except GoldenRowsDiffer as error:
        yield Gate(name="loads", state=GateState.PASSED, found="from the bytes that were hashed")
        yield _answered(GateState.FAILED, "golden rows", error)
        return
    except StoreUnavailable:
        raise
    except BatchScorerError as error:
        yield _answered(GateState.FAILED, "loads", error)
        return
    found = "; ".join(["from the bytes that were hashed", *loaded.warnings])
    yield Gate(name="loads", state=GateState.PASSED, found=found)
    if pin.n_golden_rows:
        yield Gate(name="golden rows", state=GateState.PASSED, found=f"{pin.n_golden_rows} repeat here")
    else:
        yield Gate(name="golden rows", state=GateState.NOT_ASKED, found="it was registered without any")


def _signature(pin: ModelPin, registry: FileRegistry, use: AliasUse) -> str:
    """Raises: ModelRefused, ConfigInvalid (no key is trusted, a broken one)."""
    return f"signed by {signer_of(pin, registry, use.keys).label}"


def _outputs(pin: ModelPin, use: AliasUse) -> str:
    """Raises: SignatureInvalid."""
    check_outputs_of(use.job, pin)
    names = ", ".join(output.name for output in use.job.model.output)
    return f"{use.job.model.method} gives {names}"


def _columns(pin: ModelPin, use: AliasUse) -> Iterator[Gate]:
    """One gate a partition. A lake that does not answer says nothing about a model."""
    ask = partial(newest_partitions, use.storage, use.input_root, use.job, _N_PARTITIONS)
    try:
        newest, _refused = within(LONG_S, ask)
    except (StoreUnavailable, InputError) as error:
        yield _answered(GateState.NOT_ASKED, "columns", error, use.job.name)
        return
    if not newest:
        found = f"{use.input_root} has no partition yet"
        yield Gate(name="columns", state=GateState.NOT_ASKED, found=found, job=use.job.name)
    for partition in newest:
        name = f"columns of {partition.partition.label}"
        yield _gate(name, partial(_columns_of, pin, use, partition), use.job.name)


def _columns_of(pin: ModelPin, use: AliasUse, found: PartitionFiles) -> str:
    """Raises: ColumnMissing, ColumnTypeMismatch, of all columns that do not fit; other InputErrors."""
    from batch_scorer.lake.reading.schema import check_features

    footers = within(LONG_S, partial(footers_of, use.storage, use.input_root, found))
    wrong: list[InputError] = []
    for column in pin.signature.columns:
        try:
            check_features(found.files, footers, [column], model=pin.reference)
        except (ColumnMissing, ColumnTypeMismatch) as error:
            wrong.append(error)
    if wrong:
        first = wrong[0]
        raise type(first)("; ".join(error.what for error in wrong), where=first.where, fix=first.fix)
    return f"all {len(pin.signature.columns)} of the signature, of fitting types"


def _gate(name: str, ask: Callable[[], str], job: str | None = None) -> Gate:
    """ask: returns what was seen, when all is well. Raises: StoreUnavailable, where no job is asked."""
    try:
        return Gate(name=name, state=GateState.PASSED, found=ask(), job=job)
    except (ColumnMissing, ColumnTypeMismatch) as error:
        return _answered(GateState.FAILED, name, error, job)
    except (StoreUnavailable, InputError) as error:
        if job is None:
            raise
        return _answered(GateState.NOT_ASKED, name, error, job)
    except BatchScorerError as error:
        return _answered(GateState.FAILED, name, error, job)


def _answered(state: GateState, name: str, error: BatchScorerError, job: str | None = None) -> Gate:
    return Gate(name=name, state=state, found=error.what, job=job, fix=error.fix)
