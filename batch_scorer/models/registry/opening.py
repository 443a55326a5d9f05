"""Which shelf an address means."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.stores import StoreOptions, is_object_url, parse_object_url
from batch_scorer.models.registry.disk_shelf import DiskShelf
from batch_scorer.models.registry.shelf import Shelf


def shelf_at(root: str, options: StoreOptions) -> Shelf:
    """root: a directory, or `s3://bucket/prefix`. Asks nobody yet. Raises: ConfigInvalid."""
    if is_object_url(root):
        from batch_scorer.models.registry.object_shelf import ObjectShelf  # local disks need none

        return ObjectShelf(root=parse_object_url(root), stores=options)
    return DiskShelf(Path(root))
