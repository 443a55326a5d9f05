"""What lies under the input root and is not read: refused directories, and files that are no data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from batch_scorer.core.lakefiles import PartitionFiles, RefusedDirectory
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action, Cause, PartitionPlan, Reason, Selection
from batch_scorer.core.visible import visible
from batch_scorer.planning.selection import is_ranged


def asked_for(
    refused: Iterable[RefusedDirectory], selection: Selection, overlaps: Callable[[Partition], bool]
) -> tuple[RefusedDirectory, ...]:
    """Those that may hold what was asked for; of a range nobody knows if a nameless one belongs to it."""
    ranged = is_ranged(selection)
    return tuple(
        each for each in refused if (not ranged if each.partition is None else overlaps(each.partition))
    )


def refused_entry(refused: RefusedDirectory) -> PartitionPlan:
    return PartitionPlan(
        label=visible(refused.directory),
        action=Action.REFUSED,
        reasons=(Reason(cause=Cause.BAD_DIRECTORY, text=refused.error.what),),
        problem=refused.error,
    )


def nameless(refused: Iterable[RefusedDirectory], selection: Selection) -> list[str]:
    """One warning for all directories of which a range cannot tell whether they belong to it."""
    found = [each for each in refused if each.partition is None] if is_ranged(selection) else []
    if not found:
        return []
    first = found[0]
    if len(found) == 1:
        return [f"{visible(first.directory)} is no partition and was not looked at: {first.error.what}"]
    return [
        f"{len(found)} names under input.path are no partitions and were not looked at, "
        f"e.g. {visible(first.directory)}: {first.error.what}"
    ]


def ignored_files(found: Sequence[PartitionFiles]) -> list[str]:
    """One warning for all files that are no data by their names."""
    with_some = [files for files in found if files.ignored]
    if not with_some:
        return []
    n_files = sum(len(files.ignored) for files in with_some)
    example = visible(f"{with_some[-1].directory}/{with_some[-1].ignored[0]}")
    if n_files == 1:
        return [f"{example} is no *.parquet file and is not read"]
    return [f"{n_files} files in partitions are no *.parquet files and are not read, e.g. {example}"]
