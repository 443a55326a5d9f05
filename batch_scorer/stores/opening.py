"""Which place for small files an address means."""

from __future__ import annotations

from pathlib import Path

from batch_scorer.core.kept_files import KeptFiles, KeptOnDisk
from batch_scorer.core.stores import StoreOptions, is_object_url


def kept_at(root: str, options: StoreOptions) -> KeptFiles:
    """root: a directory, or an object store's URL. Asks nobody yet."""
    if not is_object_url(root):
        return KeptOnDisk(Path(root))
    from batch_scorer.stores.kept_objects import KeptInStore
    from batch_scorer.stores.objects import store_at

    store, prefix = store_at(root, options)
    return KeptInStore(store=store, prefix=prefix)
