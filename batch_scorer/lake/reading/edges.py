"""A glance at a table: the columns of its first and its last partition, without listing the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batch_scorer.core.lakefiles import LakeFile
from batch_scorer.lake.reading.footers import read_footer
from batch_scorer.lake.storage.storage import Kind, LakeStorage

_SUFFIX = ".parquet"


def edge_columns(storage: LakeStorage, root: str, n_keys: int) -> Iterator[tuple[str, ...]]:
    """Names of the columns of one file each, by the order of names; nothing where there is no such file.

    n_keys: levels of directories. Raises: OSError, InputError, StoreUnavailable.
    """
    for at in (0, -1):
        directory = ""
        for _ in range(n_keys):
            names = _names(storage, root, directory, Kind.DIRECTORY)
            if not names:
                return
            directory = f"{directory}/{names[at]}".lstrip("/")
        files = [name for name in _names(storage, root, directory, Kind.FILE) if name.endswith(_SUFFIX)]
        if files:
            path = f"{directory}/{files[0]}"
            footer = read_footer(storage, root, LakeFile(path=path, stamp=storage.stamp(root, path)))
            yield tuple(name for name, _type in footer.columns)


def _names(storage: LakeStorage, root: str, directory: str, kind: Kind) -> Sequence[str]:
    entries = storage.list(root, directory)
    return sorted(e.name for e in entries if e.kind is kind and not e.name.startswith(("_", ".")))
