"""Which partitions a table has, and with which files: names and stamps only, nothing is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from batch_scorer.core.errors import InputError, PartitionPathRefused, StoreUnavailable
from batch_scorer.core.lakefiles import Inventory, LakeFile, PartitionFiles, RefusedDirectory
from batch_scorer.core.partitions import Partition, PartitionKey, parse_partition_path
from batch_scorer.lake.storage.failures import as_input_error
from batch_scorer.lake.storage.storage import Entry, Kind, LakeStorage

_SUFFIX = ".parquet"
_BY_PATH = attrgetter("path")


def list_partitions(
    storage: LakeStorage,
    root: str,
    keys: Sequence[PartitionKey],
    *,
    keep: Callable[[Partition], bool],
    marker: str | None,
) -> Inventory:
    """All partitions under root for which `keep` is true, sorted by path, and what was refused.

    keep: asked before the files of a partition are listed, so that a range costs only its own partitions.
    marker: the name of the file that says a partition is complete, None when none is asked for.
    Names that start with "_" or "." are temporary files and markers to every reader: ignored.
    Raises: StoreUnavailable, when the root itself cannot be listed.
    """
    top = _list_root(storage, root)
    walk = _Walk(storage=storage, root=root, keys=keys)
    directories = tuple(walk.directories(top))
    found = [d for d in directories if isinstance(d, _Directory)]
    refused = [d for d in directories if isinstance(d, RefusedDirectory)]
    unique, twins = _without_twins(found)
    kept = [directory for directory in unique if keep(directory.partition)]
    partitions = []
    for each in walk.partitions(kept, marker):
        match each:
            case PartitionFiles() as files:
                partitions.append(files)
            case RefusedDirectory() as refusal:
                refused.append(refusal)
            case None:
                pass
    return Inventory(
        partitions=tuple(sorted(partitions, key=lambda p: p.partition.path)),
        refused=tuple(sorted([*refused, *twins], key=lambda r: r.directory)),
    )


def relist(
    storage: LakeStorage, root: str, found: PartitionFiles
) -> PartitionFiles | RefusedDirectory | None:
    """One partition as it is now, without listing the table; None when its directory is gone.

    Raises: StoreUnavailable.
    """
    walk = _Walk(storage=storage, root=root, keys=())
    return next(walk.partitions([_Directory(path=found.directory, partition=found.partition)], None))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directory:
    path: str  # as it is on storage
    partition: Partition  # with the first keys only, above the last level

    def refused(self, error: InputError) -> RefusedDirectory:
        return RefusedDirectory(directory=self.path, error=error, partition=self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    storage: LakeStorage
    root: str
    keys: Sequence[PartitionKey]

    def directories(self, top: Sequence[Entry]) -> Iterator[_Directory | RefusedDirectory]:
        """Every directory that has all keys, and every name that cannot lead to one; level by level."""
        listed = [("", top)]
        while listed:
            above: list[_Directory] = []
            for path, entries in listed:
                for found in self._named(path, entries):
                    if isinstance(found, _Directory) and len(found.partition.values) < len(self.keys):
                        above.append(found)
                    else:
                        yield found
            listed = []
            for directory, entries_below in self._listed(above):
                if isinstance(entries_below, OSError):
                    yield from _unlisted(directory, entries_below)
                else:
                    listed.append((directory.path, entries_below))

    def partitions(
        self, directories: Sequence[_Directory], marker: str | None
    ) -> Iterator[PartitionFiles | RefusedDirectory | None]:
        """The data files of each; None for one that vanished since its parent was listed."""
        for directory, entries in self._listed(directories):
            if isinstance(entries, OSError):
                yield next(_unlisted(directory, entries), None)
            else:
                yield _files(directory, entries, marker)

    def _listed(
        self, directories: Sequence[_Directory]
    ) -> Iterator[tuple[_Directory, tuple[Entry, ...] | OSError]]:
        listed = self.storage.list_each(self.root, [directory.path for directory in directories])
        return zip(directories, listed, strict=True)

    def _named(self, above: str, entries: Sequence[Entry]) -> Iterator[_Directory | RefusedDirectory]:
        keys = self.keys[: above.count("/") + 2] if above else self.keys[:1]
        for entry in entries:
            if entry.name[0] in "_." or _is_harmless(entry):
                continue
            path = f"{above}/{entry.name}" if above else entry.name
            try:
                partition = parse_partition_path(keys, path)
            except InputError as error:
                intruder = None if entry.kind is Kind.DIRECTORY else _intruder(above or self.root, entry)
                yield RefusedDirectory(directory=path, error=intruder or error)
                continue
            found = _Directory(path=path, partition=partition)
            if entry.kind is Kind.DIRECTORY:
                yield found
            else:
                yield found.refused(_intruder(above or self.root, entry))


def _files(
    directory: _Directory, entries: Sequence[Entry], marker: str | None
) -> PartitionFiles | RefusedDirectory:
    files, ignored = [], []
    for entry in entries:
        if entry.name[0] in "_." or entry.name == marker:
            continue
        if entry.kind is Kind.LINK or entry.kind is Kind.DIRECTORY or _is_misnamed(entry):
            return directory.refused(_intruder(directory.path, entry))
        if not entry.name.endswith(_SUFFIX):
            ignored.append(entry.name)
        elif entry.stamp is not None:
            files.append(LakeFile(path=f"{directory.path}/{entry.name}", stamp=entry.stamp))
    return PartitionFiles(
        partition=directory.partition,
        directory=directory.path,
        files=tuple(sorted(files, key=_BY_PATH) if len(files) > 1 else files),
        has_marker=marker is None or any(e.name == marker and e.kind is Kind.FILE for e in entries),
        ignored=tuple(sorted(ignored)) if ignored else (),
    )


def _unlisted(directory: _Directory, error: OSError) -> Iterator[RefusedDirectory]:
    if not isinstance(error, FileNotFoundError):
        failure = as_input_error(error, where=directory.path)
        if not isinstance(failure, InputError):
            raise failure from error
        yield directory.refused(failure)


def _list_root(storage: LakeStorage, root: str) -> Sequence[Entry]:
    try:
        return storage.list(root, "")
    except OSError as error:
        raise StoreUnavailable(
            f"the input cannot be listed: {error.strerror or error}",
            where=root,
            fix="check that input.path is right and that the disk is mounted",
        ) from error


def _is_harmless(entry: Entry) -> bool:
    """A README beside the partitions; a Parquet file there would be rows that nobody scores."""
    if entry.kind is Kind.DIRECTORY or entry.kind is Kind.LINK:
        return False
    return not _looks_like_parquet(entry)


def _is_misnamed(entry: Entry) -> bool:
    """Rows that another reader would find, under a name that is not ours."""
    if entry.name.isascii() and entry.name.endswith(_SUFFIX):  # as nearly all are
        return False
    return _looks_like_parquet(entry) and not (entry.name.endswith(_SUFFIX) and _is_utf8(entry.name))


def _is_utf8(name: str) -> bool:
    """Other names cannot be written into a manifest, where every file of the input is named."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _looks_like_parquet(entry: Entry) -> bool:
    return entry.name.lower().endswith((_SUFFIX, ".parq", ".pq"))


def _intruder(directory: str, entry: Entry) -> PartitionPathRefused:
    match entry.kind:
        case Kind.LINK:
            what = f'"{entry.name}" is a symlink, and links below the input root are not followed'
            fix = "put the file or directory itself there; only the input root may be a symlink"
        case Kind.DIRECTORY:
            what = f'"{entry.name}" is a directory inside a partition, where only files belong'
            fix = "move it away, or declare its key in input.partition_by"
        case Kind.FILE | Kind.OTHER if not _is_utf8(entry.name):
            what = f'the name of the file "{entry.name}" is not UTF-8'
            fix = "rename it"
        case Kind.FILE | Kind.OTHER if _is_misnamed(entry):
            what = f'"{entry.name}" looks like Parquet, but data files end in {_SUFFIX}'
            fix = f"rename it to end in {_SUFFIX}, or to begin with _ if it is no data"
        case Kind.FILE | Kind.OTHER:
            what = f'"{entry.name}" is a Parquet file outside of any partition'
            fix = "move it into the directory of its partition"
    return PartitionPathRefused(what, where=directory, fix=fix)


def _without_twins(
    found: Sequence[_Directory],
) -> tuple[list[_Directory], list[RefusedDirectory]]:
    """Directories that decode to the same partition are all refused: nobody can say which is meant."""
    if len({directory.partition for directory in found}) == len(found):
        return list(found), []
    by_partition: dict[Partition, list[_Directory]] = defaultdict(list)
    for directory in found:
        by_partition[directory.partition].append(directory)
    unique = [same[0] for same in by_partition.values() if len(same) == 1]
    twins = [
        directory.refused(_twin(directory, same))
        for same in by_partition.values()
        if len(same) > 1
        for directory in same
    ]
    return unique, twins


def _twin(directory: _Directory, same: Sequence[_Directory]) -> PartitionPathRefused:
    others = ", ".join(f'"{other.path}"' for other in same if other is not directory)
    return PartitionPathRefused(
        f"{others} means the same partition {directory.partition.path}",
        where=directory.path,
        fix="merge the directories into one",
    )
