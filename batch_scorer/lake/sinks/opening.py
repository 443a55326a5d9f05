"""Which sink an address and a format mean."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.partitions import PartitionKey
from batch_scorer.core.stores import StoreOptions, is_object_url
from batch_scorer.lake.sinks.parquet import ParquetSink
from batch_scorer.lake.sinks.replaced import Replaced
from batch_scorer.lake.sinks.sink import Sink

if TYPE_CHECKING:
    from batch_scorer.lake.sinks.delta.places import DeltaPlace


def parquet_at(root: str, replaced: Replaced, options: StoreOptions, *, in_place: bool) -> Sink:
    """root: a directory, or an object store's URL. in_place: whether what is there may be overwritten in a
    store, where nothing can be exchanged.
    """
    if not is_object_url(root):
        return ParquetSink(Path(root), replaced)
    from batch_scorer.lake.sinks.parquet_in_store import ParquetInStore
    from batch_scorer.stores.objects import store_at

    store, prefix = store_at(root, options)
    return ParquetInStore(store=store, prefix=prefix, replaced=replaced, in_place=in_place)


def delta_at(root: str, job: str, partition_by: tuple[PartitionKey, ...], options: StoreOptions) -> Sink:
    """root: a directory, or an object store's URL. Raises: ConfigInvalid, without the package for it."""
    if find_spec("deltalake") is None:
        raise ConfigInvalid(
            "output.format: delta needs the package deltalake",
            where=f"jobs/{job}.yml, output.format",
            fix='pip install "batch-scorer[delta]"',
        )
    from batch_scorer.lake.sinks.delta.sink import (
        DeltaSink,  # Arrow, which a night with nothing due does not need
    )

    return DeltaSink(_delta_place(root, options), job, partition_by)


def _delta_place(root: str, options: StoreOptions) -> DeltaPlace:
    if is_object_url(root):
        from batch_scorer.lake.sinks.delta.objects import InStore
        from batch_scorer.stores.objects import store_at

        return InStore(*store_at(root, options))
    from batch_scorer.lake.sinks.delta.disk import OnDisk

    return OnDisk(Path(root))
