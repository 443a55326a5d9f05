"""Which storage a root is in, and which place for a state's long files an address means."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.stores import NO_OPTIONS, SCHEMES, StoreOptions, is_object_url
from batch_scorer.core.urls import without_userinfo
from batch_scorer.lake.storage.state_files import StateFiles, StateOnDisk
from batch_scorer.lake.storage.storage import LakeStorage, LocalStorage


def storage_for(root: str, options: StoreOptions = NO_OPTIONS) -> LakeStorage:
    """The storage of a root. Raises: ConfigInvalid, for a URI of a kind that is not supported."""
    scheme, separator, _ = root.partition("://")
    if not separator:
        return LocalStorage()
    if is_object_url(root):
        from batch_scorer.lake.storage.object_storage import (
            ObjectStorage,  # a night on local disks needs none
        )

        return ObjectStorage(options=options)
    raise ConfigInvalid(
        f'storage "{scheme}" is not supported',
        where=without_userinfo(root),
        fix=f"use a local or mounted path, or an address that begins with {', '.join(SCHEMES)}",
    )


def state_at(root: str, options: StoreOptions) -> StateFiles:
    """root: a directory, or an object store's URL. Asks nobody yet."""
    if not is_object_url(root):
        return StateOnDisk(Path(root))
    from batch_scorer.lake.storage.state_in_store import StateInStore
    from batch_scorer.stores.objects import store_at

    return StateInStore(*store_at(root, options))
