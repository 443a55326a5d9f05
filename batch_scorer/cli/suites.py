"""`suites …`: list them, draft one, compare two, try one on a partition."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.core.errors import UsageError

if TYPE_CHECKING:
    from batch_scorer.core.validation import Suite
    from batch_scorer.execution.suite_draft import DraftedSuite
    from batch_scorer.validation.comparing import Difference

_GATED = 4


@click.group()
@global_options
def suites(settings: Settings) -> None:
    """Great Expectations suites."""


@suites.command("list")
@global_options
def list_suites(settings: Settings) -> None:
    """Every suite in jobs/suites and how many expectations it holds."""
    from batch_scorer.validation.suites import load_suite

    project = settings.find_project()
    rows = []
    for path in sorted((project.root / "jobs" / "suites").glob("*.json")):
        suite = load_suite(path, custom_allowed=True)
        rows.append((suite.name, words.count(suite.n_expectations, "expectation"), suite.fingerprint[:12]))
        if settings.json:
            output.emit(
                "suite", name=suite.name, n_expectations=suite.n_expectations, fingerprint=suite.fingerprint
            )
    if settings.json:
        output.emit_summary(0, n_suites=len(rows))
    else:
        click.echo(output.table(rows) or "no suites in jobs/suites")


@suites.command()
@click.argument("suite")
@click.option("--job", required=True, help="Whose input to check.")
@click.option("--partition", required=True, metavar="P", help="2024-01-01, or ride_date=2024-01-01.")
@global_options
def check(settings: Settings, suite: str, job: str, partition: str) -> int:
    """Run SUITE on one input partition of JOB and say what fails. Publishes nothing."""
    from batch_scorer import wiring

    verdict = wiring.check_suite(settings.find_project(), suite, job, partition, settings.target)
    code = 0 if verdict.success else _GATED
    if settings.json:
        output.emit("suite_result", suite=suite, partition=partition, result=verdict.result)
        output.emit_summary(
            code,
            success=verdict.success,
            failed=[f.summary for f in verdict.failed],
            not_evaluated=verdict.not_evaluated,
        )
        return code
    if verdict.not_evaluated:
        click.echo(f"{suite}: not evaluated: {verdict.not_evaluated}")
    for failure in verdict.failed:
        examples = f", e.g. {', '.join(failure.examples[:3])}" if failure.examples else ""
        click.echo(f" {failure.severity.value:<8} {failure.summary}{examples}")
    if verdict.success:
        click.echo(f"{suite}: all expectations hold on {partition}")
    return code


@suites.command()
@click.argument("name")
@click.option(
    "--from-parquet",
    "table",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A Parquet file, or the directory of a table.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), metavar="FILE", help="Write to FILE instead."
)
@global_options
def new(settings: Settings, name: str, table: Path, force: bool, file: Path | None) -> None:
    """Draft the suite NAME from what a table holds, to be reviewed: jobs/suites/NAME.json."""
    from batch_scorer import wiring
    from batch_scorer.config.project import NAME
    from batch_scorer.core.durable import write_whole

    if not NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" is no name for a suite',
            fix="use letters, digits, _ and -, beginning with a letter or digit",
        )
    target = file or settings.find_project().suites / f"{name}.json"
    _check_free(target, may_replace=force)
    drafted = wiring.draft_suite(name, table)
    write_whole(target, drafted.draft.text.encode())
    _show_draft(settings, drafted, name, target)


def _check_free(target: Path, *, may_replace: bool) -> None:
    if target.is_dir():
        raise UsageError("a directory is where the suite belongs", where=str(target), fix="name a file")
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


@suites.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@global_options
def diff(settings: Settings, old: str, new: str) -> None:
    """What B checks otherwise than A; each is a suite's name, or a file."""
    from batch_scorer.validation.comparing import compare_suites

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


_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def _difference_in_words(difference: Difference) -> str:
    changes = "; ".join(one.in_words for one in difference.changes)
    line = f" {_SIGNS[difference.change]} {difference.rule}"
    return f"{line} ({changes})" if changes else f"{line} ({difference.said.severity})"


def _suite(settings: Settings, text: str) -> Suite:
    """A file where the text is written like one, else a suite of the project.

    Raises: UsageError, ConfigInvalid.
    """
    from batch_scorer.validation.suites import load_suite

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
