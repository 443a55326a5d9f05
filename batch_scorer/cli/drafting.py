"""`suites new`, `diff`, `coverage`: a suite before it is used: drafted, compared, held against the types."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.tables import Table, TableAddress, stores_for
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.core.validation import Suite
    from batch_scorer.execution.coverage import Covered
    from batch_scorer.execution.suite_draft import DraftedSuite
    from batch_scorer.validation.suites.comparing import Difference

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@click.command()
@click.argument("name")
@click.option(
    "--from-parquet",
    "table",
    required=True,
    type=TableAddress(),
    metavar="PATH",
    help="A Parquet file, or the directory of a table.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE instead."
)
@global_options
def new(settings: Settings, name: str, table: Table, force: bool, file: Path | None) -> None:
    """Draft the suite NAME from what a table holds, to be reviewed: jobs/suites/NAME.json."""
    from batch_scorer.config.project import NAME
    from batch_scorer.core.durable import write_whole
    from batch_scorer.execution.suite_draft import draft_from_parquet

    if not NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" is no name for a suite',
            fix="use letters, digits, _ and -, beginning with a letter or digit",
        )
    target = file or settings.find_project().suites / f"{name}.json"
    _check_free(target, may_replace=force)
    stores = stores_for(table, None if file else settings.find_project(), settings.target)
    drafted = draft_from_parquet(name, table, stores.completed(os.environ))
    write_whole(target, drafted.draft.text.encode())
    _show_draft(settings, drafted, name, target)


def _check_free(target: Path, *, may_replace: bool) -> None:
    if target == Path("-") or target.is_dir():
        raise UsageError(f"{target} is no file to write a suite into", fix="name a file, or leave -o out")
    if os.path.lexists(target) and not may_replace:
        raise UsageError(
            f"{target.name} is already there; nothing was written",
            where=str(target),
            fix="choose another name, write elsewhere with -o FILE, or overwrite it with --force",
        )


def _show_draft(settings: Settings, drafted: DraftedSuite, name: str, target: Path) -> None:
    draft = drafted.draft
    if settings.json:
        for expectation, rule in zip(draft.expectations, draft.rules, strict=True):
            output.emit("expectation", rule=rule, **expectation)
        for one in draft.left_out:
            output.emit("left_out", column=one.column, why=one.why)
        output.emit_summary(
            0,
            suite=name,
            file=str(target),
            n_expectations=len(draft.expectations),
            n_rows=drafted.n_rows,
            n_files=drafted.n_files,
            n_partitions=drafted.n_partitions,
            looked_at=drafted.looked_at,
        )
        return
    click.echo(f"looked at {drafted.looked_at}")
    for one in draft.left_out:
        click.echo(f" {one.column}: {one.why}")
    click.echo(f"wrote {target}: {words.count(len(draft.expectations), 'expectation')}")
    click.echo("next: review each of them; its notes say what was seen")


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@global_options
def diff(settings: Settings, old: str, new: str) -> None:
    """What B checks otherwise than A; each is a suite's name, or a file."""
    from batch_scorer.validation.suites.comparing import compare_suites

    differences = compare_suites(_suite(settings, old), _suite(settings, new))
    for difference in differences:
        if settings.json:
            output.emit(
                "difference",
                change=difference.change,
                rule=difference.rule,
                type=difference.said.type,
                kwargs=difference.said.kwargs,
                severity=difference.said.severity,
                changes=[{"name": one.name, "old": one.old, "new": one.new} for one in difference.changes],
            )
        else:
            click.echo(_difference_in_words(difference))
    if settings.json:
        output.emit_summary(0, n_differences=len(differences))
    elif not differences:
        click.echo("no difference in what they check")


def _difference_in_words(difference: Difference) -> str:
    changes = "; ".join(one.in_words for one in difference.changes)
    line = f" {_SIGNS[difference.change]} {difference.rule}"
    return f"{line} ({changes})" if changes else f"{line} ({difference.said.severity})"


def _suite(settings: Settings, text: str) -> Suite:
    """A file where the text is written like one, else a suite of the project.

    Raises: UsageError, ConfigInvalid.
    """
    from batch_scorer.validation.suites.reading import load_suite

    path = Path(text)
    if path.suffix != ".json" and path.name == text:
        path = settings.find_project().suite_path(text)
    elif not path.is_file():
        raise UsageError(
            f"there is no suite file {text}",
            where=str(path.absolute()),
            fix="name a file, or a suite of the project without .json",
        )
    return load_suite(path, custom_allowed=True)


@click.command()
@click.argument("job")
@click.option("--partition", metavar="P", help="Whose columns to look at.  [default: the newest]")
@global_options
def coverage(settings: Settings, job: str, partition: str | None) -> None:
    """How each expectation of JOB's suites is evaluated: streamed, by Great Expectations, or not at all."""
    from batch_scorer import wiring
    from batch_scorer.execution import coverage as covering
    from batch_scorer.execution.suite_check import find_partition

    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    found = find_partition(parts, partition)
    label, covered = found.partition.label, tuple(covering.coverage(parts, found))
    if settings.json:
        for one in covered:
            output.emit("coverage", **dataclasses.asdict(one))
        output.emit_summary(0, job=job, partition=label, n_streamed=_n_streamed(covered), n=len(covered))
        return
    rows = [(one.stage, one.suite, one.rule, one.path, one.does, one.why) for one in covered]
    click.echo(output.table(rows) or f"{job} has no suite")
    if covered:
        click.echo(f"{_n_streamed(covered)} of {len(covered)} streamed, with the columns of {label}")


def _n_streamed(covered: Sequence[Covered]) -> int:
    return sum(one.path == "streamed" for one in covered)


commands = (new, diff, coverage)
