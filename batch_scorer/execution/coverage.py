"""How each expectation of a job's suites would be evaluated tonight: streamed, by GX, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batch_scorer.core.chunks import output_columns
from batch_scorer.core.lakefiles import Footer, PartitionFiles
from batch_scorer.core.validation import OnFail
from batch_scorer.execution.checking import suite_scans
from batch_scorer.execution.foregone import is_critical
from batch_scorer.execution.parts import BoundSuite, JobParts

if TYPE_CHECKING:
    from batch_scorer.validation.streaming.compile import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """path: streamed | gx | not evaluated. why: it is not streamed. does: what its failure does."""

    suite: str
    stage: str
    rule: str
    type: str
    path: str
    why: str
    does: str


def parts_played_in(suites: Sequence[BoundSuite]) -> Iterator[tuple[str, str, str]]:
    """(suite, rule in words, what its failure does) of each suite that sets rows aside."""
    from batch_scorer.validation.aside import parts_played

    for use in suites:
        if use.on_fail is OnFail.QUARANTINE:
            for rule, does in parts_played(use.suite.document):
                yield use.suite.name, rule, does


def coverage(parts: JobParts, found: PartitionFiles) -> Iterator[Covered]:
    """Decided from the types of one partition's columns, before a row is read. Raises: InputError."""
    from batch_scorer.lake.reading.footers import read_footer
    from batch_scorer.lake.reading.schema import carried_types
    from batch_scorer.validation.chunk_scan import compiled_scan
    from batch_scorer.validation.streaming.compile import Way
    from batch_scorer.validation.streaming.rules.table import NEVER_EVALUATED
    from batch_scorer.validation.suites.phrases import rule_in_words

    footers: Sequence[Footer] = [read_footer(parts.storage, parts.input_root, file) for file in found.files]
    carried = carried_types(found.files, footers, parts.job.carried_columns)
    scans = suite_scans(parts, footers, output_columns(carried, parts.job.model.output))
    for use, one in zip(parts.suites, scans, strict=True):
        for check in compiled_scan(one).checks:
            never = check.way is Way.GX and check.type in NEVER_EVALUATED
            yield Covered(
                suite=use.suite.name,
                stage=use.stage,
                rule=rule_in_words(check.type, check.kwargs),
                type=check.type,
                path="not evaluated" if never else str(check.way),
                why=check.why,
                does=_does(use, check),
            )


def _does(use: BoundSuite, check: Check) -> str:
    """Of a failure: `sets rows aside`, `blocks` or `warns`."""
    from batch_scorer.validation.aside import setting_aside

    if use.on_fail is OnFail.QUARANTINE and setting_aside(check) is not None:
        return "sets rows aside"
    critical = is_critical(use.suite.document["expectations"][check.index])
    return "blocks" if critical and use.on_fail is not OnFail.WARN else "warns"
