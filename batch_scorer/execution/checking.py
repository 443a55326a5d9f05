"""The suites of a partition: what its chunks compute for them, and the verdict once all chunks are in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_scorer.core.chunks import SPILLS, ChunkChecked, ChunkScored
from batch_scorer.core.lakefiles import Footer
from batch_scorer.core.stores import StoreOptions, is_object_url
from batch_scorer.core.validation import OnFail, SuiteScan
from batch_scorer.core.waivers import Waived
from batch_scorer.execution.parts import BoundSuite, JobParts
from batch_scorer.lake.storage.roots import storage_for
from batch_scorer.lake.storage.state_files import StateFiles
from batch_scorer.lake.storage.stored_files import StoredFiles
from batch_scorer.validation.request import ValidationRequest

Layouts = tuple[tuple[tuple[str, str], ...], ...]

if TYPE_CHECKING:
    import pyarrow as pa

    from batch_scorer.validation.evidence import Evidence


def suite_scans(
    parts: JobParts,
    footers: Sequence[Footer],
    output_columns: tuple[tuple[str, str], ...],
    waived: Sequence[Waived] = (),
) -> tuple[SuiteScan, ...]:
    """For each suite of the job, in its order. footers: of the partition's files."""
    layouts = {"input": layouts_of(footers), "output": (output_columns,)}
    return tuple(scan_of(use, layouts[use.stage], parts.job.input.key, waived) for use in parts.suites)


def layouts_of(footers: Iterable[Footer]) -> Layouts:
    """Of files in their order; each once."""
    return tuple(dict.fromkeys(footer.columns for footer in footers)) or ((),)


def scan_of(
    use: BoundSuite, layouts: Layouts, key: tuple[str, ...], waived: Sequence[Waived] = ()
) -> SuiteScan:
    """layouts: (name, Arrow type) of the columns of its files, each layout once."""
    names = {name for name, _ in layouts[0]}
    named = tuple(name for name in key if name in names)
    expectations = json.dumps(use.suite.document["expectations"])
    return SuiteScan(
        suite=use.suite.name,
        stage=use.stage,
        expectations=expectations,
        schema=_schema_text(layouts),
        columns=_columns_of(expectations, layouts, named),
        key=named,
        sets_aside=use.on_fail is OnFail.QUARANTINE and use.stage == "input",
        waived=tuple(sorted({rule for each in waived for rule in each.of_suite(use.suite.name)})),
    )


@lru_cache(maxsize=64)
def _schema_text(layouts: Layouts) -> str:
    """The partitions of a table have the same, nearly always."""
    from batch_scorer.validation.evidence import schema_as_text

    return schema_as_text(table_schema(layouts))


@lru_cache(maxsize=64)
def _columns_of(expectations: str, layouts: Layouts, key: tuple[str, ...]) -> tuple[str, ...]:
    """That a suite, as JSON, looks at."""
    from batch_scorer.validation.streaming.compile import compile_suite

    return compile_suite(json.loads(expectations), table_schema(layouts), sample_columns=key).columns


def columns_checked(scans: Iterable[SuiteScan]) -> tuple[str, ...]:
    """Input columns that the suites look at."""
    return tuple(dict.fromkeys(name for one in scans if one.stage == "input" for name in one.columns))


def requests_for(
    parts: JobParts,
    scans: Sequence[SuiteScan],
    chunks: Sequence[ChunkScored | ChunkChecked],
    *,
    label: str,
    files: Mapping[str, tuple[str, ...]],
    attempt: str,
) -> Iterator[ValidationRequest]:
    """For each suite of the job whose stage has files, in the job's order.

    chunks: all of the partition's, in row order. files: by stage. attempt: where they were staged, relative
    to the root of the state.
    """
    for number, use in enumerate(parts.suites):
        if use.stage not in files:
            continue
        yield ValidationRequest(
            partition=label,
            suite=use.suite,
            on_fail=use.on_fail,
            stage=use.stage,
            files=files[use.stage],
            gather=partial(
                _gather_staged,
                parts.long,
                f"{attempt}/{SPILLS}",
                scans[number],
                [chunk.scanned[number] for chunk in chunks],
            ),
            at_hand=partial(at_hand, parts.stores),
            key=scans[number].key,
            limit_rows=parts.job.input.limit_rows if use.stage == "input" else None,
        )


@contextmanager
def at_hand(stores: StoreOptions, files: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths of files, those in stores brought to this machine meanwhile.

    Raises: InputMoved, FileUnreadable, StoreUnavailable, OutputError.
    """
    if not any(map(is_object_url, files)):
        yield files
        return
    from batch_scorer.lake.storage.fetching import fetch_all

    with ExitStack() as kept:
        found: list[Path] = []
        for url in files:
            here = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="batch-scorer-")))
            root, _, name = url.rpartition("/")
            found += fetch_all(StoredFiles(storage_for(root, stores), root), (name,), here)
        yield tuple(map(str, found))


def _gather_staged(
    state: StateFiles, spills: str, one: SuiteScan, scanned: Sequence[Mapping[str, Any]]
) -> Evidence:
    """spills: where they are, relative to the root of the state. Raises: as gather; what fetching does."""
    if not state.is_remote:
        return gather(one, scanned, Path(state.at(spills)))
    from batch_scorer.lake.storage.fetching import fetch_all

    with tempfile.TemporaryDirectory(prefix="batch-scorer-") as here:
        return gather(one, scanned, Path(here), partial(fetch_all, state.below(spills)))


def gather(
    one: SuiteScan,
    scanned: Sequence[Mapping[str, Any]],
    spills: Path,
    bring: Callable[[Sequence[str], Path], object] | None = None,
) -> Evidence:
    """The evidence of a partition. scanned: of each of its chunks, in row order. bring: files into `spills`,
    when they are not there yet.

    Raises: DamageFound, and what bring does.
    """
    from batch_scorer.validation.chunk_scan import compiled_scan, sampling_of, scan_of_nothing
    from batch_scorer.validation.evidence import gathered
    from batch_scorer.validation.streaming.scan import Scanned

    total = scan_of_nothing(one)
    for document in scanned:
        total += Scanned.from_json(document)
    compiled = compiled_scan(one)
    if bring is not None:
        bring([file.name for file in total.spills_to_read], spills)
    expectations = json.loads(one.expectations)
    return gathered(expectations, compiled.schema, sampling_of(one), total, spills, compiled)


def table_schema(files: Sequence[Sequence[tuple[str, str]]]) -> pa.Schema:
    """files: (name, Arrow type) of each file's columns.

    The columns are those of the first; one that another file lacks, or has in another type, is marked.
    """
    import pyarrow as pa

    from batch_scorer.validation.streaming.rules.rule import uneven

    others = [dict(columns) for columns in files]
    fields = []
    for name, _ in files[0]:
        found = {columns.get(name) for columns in others} - {"null"}
        field = pa.field(name, _type(next(iter(found or {"null"}))))
        fields.append(field if len(found) <= 1 else uneven(field))
    return pa.schema(fields)


def _type(text: str | None) -> pa.DataType:
    """A type that suites cannot look into stands for all of its like."""
    import pyarrow as pa

    from batch_scorer.lake.arrow_types import parse_arrow_type

    try:
        return parse_arrow_type(text or "null")
    except ValueError:
        return pa.list_(pa.null())
