"""Gather the facts, then decide: what is in the lake, what is in the ledger, what the plan says.

Only reads. The decision itself is `planning.build_plan`, which is pure.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from batch_scorer.core.errors import InputError
from batch_scorer.core.lakefiles import Footer, Inventory, LakeFile, PartitionFiles
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import ModelChoice, Plan, Selection
from batch_scorer.core.records import PartitionPast, past_of
from batch_scorer.execution.naming import records_at
from batch_scorer.execution.parts import JobParts
from batch_scorer.execution.pinning import ModelsOfTheirDay, pin_model, require_history_of_alias
from batch_scorer.planning.plan import build_plan, check_selection, keep_predicate, with_footers
from batch_scorer.planning.selection import since_success
from batch_scorer.planning.staleness import needs_content, needs_inputs
from batch_scorer.planning.training import with_training_told

# Of more partitions than these nobody looks at each line of a plan; they are opened when their turn comes.
_MOST_FOOTERS = 1_000
_MANY = 10_000  # partitions of a plan that takes most of its process's memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A plan, and what it was made from. now: when, aware."""

    plan: Plan
    records: Mapping[Partition, PartitionPast]
    now: datetime


def survey(parts: JobParts, choice: ModelChoice, selection: Selection, now: datetime) -> Survey:
    """What is due at `now` (aware), and why, with what the files of that say of themselves.

    Raises: UsageError, ConfigInvalid, ModelError, StoreUnavailable, DamageFound.
    """
    seen = decided(parts, choice, selection, now)
    plan = with_footers(seen.plan, _footers(parts, seen.plan))
    plan = replace(plan, agreed_columns=_agreed_columns(plan, parts.job.carried_columns))
    if choice.pins:  # not the retry of a run that took what the alias meant
        plan = with_training_told(plan, parts.job)
    return replace(seen, plan=plan)


def decided(parts: JobParts, choice: ModelChoice, selection: Selection, now: datetime) -> Survey:
    """The same before any file of what is due is opened: of a large lake, that is most of the time.

    Models are resolved once, before anything is planned. Raises: as survey.
    """
    if choice.of_its_day:
        require_history_of_alias(parts.job)
    job, model = parts.job, pin_model(parts, choice.version)
    models_of_their_day = ModelsOfTheirDay(parts) if choice.of_its_day else None
    check_selection(job, selection)
    if selection.since_last_success:
        selection = since_success(selection, parts.ledger.succeeded(job.name))
        check_selection(job, selection)  # --to may lie before the beginning that was found
    with _no_collector() as all_stays:
        records = parts.ledger.pasts(job.name)
        inventory = _inventory(parts, selection)
        moved = _moved(records, inventory)
        if moved:
            known = _inputs_of(parts, moved)
            records, inventory = records | known, _settled(parts, inventory, moved, known)
        there = (found.partition for found in inventory.partitions)
        plan = build_plan(
            job,
            inventory=inventory,
            choice=choice,
            model=model,
            models=models_of_their_day(there) if models_of_their_day else {},
            suite_fingerprint=parts.suite_fingerprint,
            config_fingerprint=parts.config_fingerprint,
            records=records,
            selection=selection,
            now=now,
        )
        if len(plan.entries) > _MANY:
            all_stays()
    return Survey(plan=plan, records=records, now=now)


@contextmanager
def _no_collector() -> Iterator[Callable[[], None]]:
    """Millions of values that all stay and form no cycle: looking for cycles is a fifth of a large plan.

    Gives: what keeps the collector from looking at them later, too, as long as this process lives.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield gc.freeze
    finally:
        if was_on:
            gc.enable()


def _agreed_columns(plan: Plan, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    seen = {name: Counter[str]() for name in names}
    for entry in plan.to_score:
        for footer in entry.footers[:1]:
            for name, kind in footer.columns:
                if name in seen and kind != "null":
                    seen[name][kind] += 1
    return tuple((name, kinds.most_common(1)[0][0]) for name, kinds in seen.items() if kinds)


def _inventory(parts: JobParts, selection: Selection) -> Inventory:
    from batch_scorer.lake.finding.inventory import list_partitions

    return list_partitions(
        parts.storage,
        parts.input_root,
        parts.job.input.partition_by,
        keep=keep_predicate(parts.job, selection),
        marker=parts.job.input.ready.marker,
    )


def _moved(records: Mapping[Partition, PartitionPast], inventory: Inventory) -> list[PartitionFiles]:
    """Of a quiet night, none."""
    if not records:
        return []
    return [each for each in inventory.partitions if needs_inputs(records.get(each.partition), each)]


def _inputs_of(parts: JobParts, moved: Sequence[PartitionFiles]) -> dict[Partition, PartitionPast]:
    """What is known of them, with their input files."""
    paths = (each.partition.path for each in moved)
    known = records_at(parts.ledger, parts.job.name, paths)
    return {record.partition: past_of(record) for record in known}


def _settled(
    parts: JobParts,
    inventory: Inventory,
    moved: Sequence[PartitionFiles],
    known: Mapping[Partition, PartitionPast],
) -> Inventory:
    """known: as _inputs_of."""
    settled = {each.partition: _with_content(parts, each, known.get(each.partition)) for each in moved}
    there = tuple(settled.get(each.partition, each) for each in inventory.partitions)
    return replace(inventory, partitions=there)


def _with_content(parts: JobParts, found: PartitionFiles, record: PartitionPast | None) -> PartitionFiles:
    """Stamps only say *maybe changed*; then, and only then, the content decides."""
    if record is None:
        return found
    doubtful = needs_content(record, found)
    if not doubtful:
        return found
    try:
        return replace(found, files=hashed(parts, found.files, doubtful))
    except InputError:
        return found  # it is being written to right now: the stamps alone say changed


def hashed(parts: JobParts, files: Sequence[LakeFile], doubtful: Sequence[LakeFile]) -> tuple[LakeFile, ...]:
    """files, with the sha256 of those that are doubtful and not known yet.

    Raises: InputMoved, FileUnreadable, StoreUnavailable.
    """
    from batch_scorer.lake.storage.hashing import sha256_of_input

    paths = {file.path for file in doubtful if file.content_id is None}
    return tuple(
        replace(file, sha256=sha256_of_input(parts.storage, parts.input_root, file))
        if file.path in paths
        else file
        for file in files
    )


def _footers(parts: JobParts, plan: Plan) -> dict[Partition, tuple[Footer, ...] | InputError]:
    """Footers of what is scored first; a file that cannot be read becomes its partition's problem."""
    if not plan.order:
        return {}

    def read(found: PartitionFiles) -> tuple[Footer, ...] | InputError:
        try:
            return read_footers(parts, found)
        except InputError as error:
            return error

    to_read = [entry.found for entry in plan.to_score[:_MOST_FOOTERS] if entry.found is not None]
    with ThreadPoolExecutor(parts.storage.at_once) as pool:
        results = pool.map(read, to_read)
        return {found.partition: result for found, result in zip(to_read, results, strict=True)}


def read_footers(parts: JobParts, found: PartitionFiles) -> tuple[Footer, ...]:
    """Of each file, in order, with what `early` asks of them. Raises: FileUnreadable, InputMoved,
    StoreUnavailable.
    """
    from batch_scorer.lake.reading.footers import read_footer

    watched = frozenset(column for use in parts.suites for column in use.watched)
    return tuple(read_footer(parts.storage, parts.input_root, file, watched=watched) for file in found.files)
