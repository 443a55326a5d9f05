"""The model of a run: resolved once, before planning, and held against what the job asks of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from batch_scorer.config.job import Job
from batch_scorer.config.mlflow import is_of_mlflow
from batch_scorer.core.errors import (
    ConfigInvalid,
    ModelNotFound,
    ModelRefused,
    SignatureInvalid,
    UsageError,
)
from batch_scorer.core.models import ModelPin
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import PartitionPlan, Plan
from batch_scorer.core.records import Pin
from batch_scorer.core.whoami import user_name
from batch_scorer.execution.parts import JobParts
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import AliasMeanings, meanings_of
from batch_scorer.models.registry.names import as_version
from batch_scorer.models.trust.keys import PublicKey, trusted_keys
from batch_scorer.planning.selection import date_key


def pin_model(parts: JobParts, override: str | None = None) -> ModelPin:
    """The model version for this run, resolved once. A name that the job file has wrong is exit 78.

    override: `name@version` from the command line. Raises: UsageError, ConfigInvalid, ModelError.
    """
    try:
        pin = trusted_pin(parts, override or parts.job.model_reference)
    except ModelNotFound as error:
        kind = UsageError if override else ConfigInvalid
        registry = f"registry {parts.registry.root}" if parts.models is parts.registry else error.where
        where = registry if override else f"jobs/{parts.job.name}.yml, model.uri; {registry}"
        raise kind(error.what, where=where, fix=error.fix, next_command=error.next_command) from None
    check_outputs_of(parts.job, pin)
    return pin


def trusted_pin(parts: JobParts, reference: str) -> ModelPin:
    """What a reference means now, signed by a trusted key where the job asks for that.

    Raises: ModelNotFound, ModelRefused, StoreUnavailable; ConfigInvalid (no key is trusted, a broken one).
    """
    pin = parts.models.resolve(reference)
    if parts.job.model.trust == "pinned":
        return pin
    return replace(pin, signed_by=signer_of(pin, parts.registry, parts.keys).fingerprint)


def signer_of(pin: ModelPin, registry: FileRegistry, keys: Path) -> PublicKey:
    """The trusted key that signed it. keys: their directory.

    Raises: ModelRefused (it is not signed by any of them); ConfigInvalid; StoreUnavailable.
    """
    from batch_scorer.models.trust.signing import require_signer

    return require_signer(pin, registry.history(pin.name), trusted_keys(keys), where=str(keys))


class ModelsOfTheirDay:
    """For each partition the version that the job's alias meant when the partition's day ended."""

    def __init__(self, parts: JobParts) -> None:
        """Raises: UsageError, where that makes no sense; ModelNotFound, ModelRefused, StoreUnavailable."""
        name, _, alias = parts.job.model.uri.partition("@")
        _check_has_days(parts.job, alias)
        self._parts = parts
        self._name, self._alias = name, alias
        self._meanings = _meanings(parts, name, alias)
        self._pins: dict[int, ModelPin] = {}

    def __call__(self, partitions: Iterable[Partition]) -> Mapping[Partition, ModelPin]:
        """Raises: ModelNotFound, with the first day that has an answer; ModelRefused, SignatureInvalid."""
        versions = {each: self._meanings.at_the_end_of(_day(each)) for each in partitions}
        too_early = [_day(partition) for partition, version in versions.items() if version is None]
        if too_early:
            raise self._pointed_nowhere(too_early, list(map(_day, versions)))
        return {each: self._pin(version) for each, version in versions.items() if version is not None}

    def _pin(self, version: int) -> ModelPin:
        if version not in self._pins:
            pin = trusted_pin(self._parts, f"{self._name}@{version}")
            check_outputs_of(self._parts.job, pin)
            self._pins[version] = replace(pin, alias=self._alias)
        return self._pins[version]

    def _pointed_nowhere(self, too_early: list[dt.date], days: list[dt.date]) -> ModelNotFound:
        first, last = self._meanings.first_day, max(days)
        others = f", the newest of {len(too_early)} such partitions" if len(too_early) > 1 else ""
        error = ModelNotFound(
            f"{self._name}@{self._alias} pointed nowhere yet at the end of {max(too_early)}{others}; "
            + (f"the earliest date is {first}" if first else "it never did"),
            where=f"history of {self._name} in registry {self._parts.registry.root}",
            fix="score earlier partitions with a version that you choose: --model NAME@V",
        )
        if first is not None and first <= last:
            job = self._parts.job.name
            error.next_command = f"batch-scorer backfill {job} --from {first} --to {last} --model-as-of-date"
        return error


def require_history_of_alias(job: Job) -> None:
    """Raises: UsageError, where nobody remembers what the job's alias meant."""
    if is_of_mlflow(job.model_reference):
        raise UsageError(
            "--model-as-of-date asks what an alias meant, and MLflow keeps no history of its aliases: "
            f"{job.model_reference}",
            where=f"jobs/{job.name}.yml, model.uri",
            fix="choose a version with --model NAME@V (batch-scorer models list), or promote imported "
            "versions in the registry and let model.uri name that alias",
        )


def _check_has_days(job: Job, alias: str) -> None:
    if as_version(alias) is not None:
        raise UsageError(
            f"--model-as-of-date asks what an alias meant, and model.uri names a version: {job.model.uri}",
            where=f"jobs/{job.name}.yml, model.uri",
            fix="let model.uri name an alias, or leave --model-as-of-date out",
        )
    if date_key(job) is None:
        declared = ", ".join(f"{key.name}: {key.type}" for key in job.input.partition_by)
        raise UsageError(
            f"--model-as-of-date needs exactly one partition key of type date; {job.name} has {{{declared}}}",
            where=f"jobs/{job.name}.yml, input.partition_by",
            fix="choose a version with --model NAME@V",
        )


def _meanings(parts: JobParts, name: str, alias: str) -> AliasMeanings:
    try:
        return meanings_of(parts.registry.history(name), alias, parts.job.schedule.timezone)
    except ValueError as reason:
        raise ModelRefused(
            f"the history of {name} has a move of {alias} without a time: {reason}",
            where=str(parts.registry.root / name),
            fix="restore history.jsonl from a backup",
        ) from None


def _day(partition: Partition) -> dt.date:
    assert partition.date is not None  # noqa: S101 (the job has one key of type date)
    return partition.date


def check_outputs_of(job: Job, pin: ModelPin) -> None:
    """Can this version give what the job asks for?

    Raises: SignatureInvalid, with the keys of the job file that do not fit the model.
    """
    from batch_scorer.models.scoring.outputs import check_outputs, unfit_outputs

    method, signature = job.model.method, pin.signature
    try:
        check_outputs(job.model.output, method, signature)
    except SignatureInvalid as error:
        keys = ["method"]
        if method in signature.outputs:
            keys = [f"output.{unfit.name}" for unfit in unfit_outputs(job.model.output, method, signature)]
            error.fix = "correct the expression, or let model.uri name a version that gives what it asks for"
        error.where = f"jobs/{job.name}.yml, {', '.join(f'model.{key}' for key in keys)}; {pin.label}"
        raise


def pin_asked_for(plan: Plan, reason: str | None, entry: PartitionPlan) -> Pin | None:
    """A model that was asked for, by name or by date, stays, whatever the alias says later.

    reason: of the run, as given. None: the run goes by the alias.
    """
    choice = plan.choice
    if not choice.pins:
        return None
    model = plan.model_of(entry)
    why = f"scored with {choice.version}, as asked for"
    if choice.of_its_day:
        why = f"scored with {model.reference}, which {model.name}@{model.alias} meant at the end of its day"
    given = f"{reason}; " if reason else ""
    return Pin(by=user_name(), at=dt.datetime.now(dt.UTC), why=given + why)
