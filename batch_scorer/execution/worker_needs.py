"""What workers that are not ours must have for a job: its disks, its model, its own code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import InputMoved, ModelRefused
from batch_scorer.core.lakefiles import PartitionFiles
from batch_scorer.core.models import ModelPin
from batch_scorer.execution.parts import JobParts
from batch_scorer.models.registry.manifests import MANIFEST_FILE

if TYPE_CHECKING:
    from batch_scorer.execution.clusters.remote.needs import WorkerNeeds
    from batch_scorer.execution.clusters.remote.sights import KnownFile


def worker_needs(
    parts: JobParts, models: Sequence[ModelPin], partitions: Sequence[PartitionFiles]
) -> WorkerNeeds:
    """partitions: what is to be read; one file of them stands for all.

    Whoever gets it closes it. Raises: OutputUnwritable, ConfigInvalid (code), InputMoved, ModelRefused.
    """
    from batch_scorer.execution.clusters.remote.delivery import pack
    from batch_scorer.execution.clusters.remote.needs import WorkerNeeds
    from batch_scorer.execution.clusters.remote.sights import MeetingPlace, StateStore

    files = (*_models(models), *_inputs(parts, partitions))
    code = pack(parts.code) if parts.code else None
    if parts.long.is_remote:
        store = StateStore(url=parts.places.kept_at, options=parts.stores)
        return WorkerNeeds(files=files, store=store, code=code)
    return WorkerNeeds(files=files, meeting=MeetingPlace.below(parts.places.meetings), code=code)


def _models(models: Sequence[ModelPin]) -> Iterator[KnownFile]:
    from batch_scorer.execution.clusters.remote.sights import KnownFile

    for model in models:
        if _is_a_disk(model.directory):
            path = f"{model.directory}/{MANIFEST_FILE}"
            try:
                yield KnownFile.at(f"the manifest of {model.reference}", path)
            except OSError as error:
                raise ModelRefused(f"{MANIFEST_FILE} cannot be read: {error}", where=path) from None


def _inputs(parts: JobParts, partitions: Sequence[PartitionFiles]) -> Iterator[KnownFile]:
    from batch_scorer.execution.clusters.remote.sights import KnownFile

    file = next((file for partition in partitions for file in partition.files), None)
    if file is None or not _is_a_disk(parts.input_root):
        return
    path = f"{parts.input_root}/{file.path}"
    try:
        yield KnownFile.at("a file of the input", path)
    except OSError as error:
        raise InputMoved(f"a file that was planned cannot be read: {error}", where=path) from None


def _is_a_disk(root: str | Path) -> bool:
    """An object store is the same from everywhere."""
    return "://" not in str(root)
