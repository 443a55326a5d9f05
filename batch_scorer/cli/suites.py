"""`suites …`: list them, try one on a partition, show what they found in a run."""

from __future__ import annotations

from pathlib import Path

import click

from batch_scorer.cli import drafting, output, words
from batch_scorer.cli.finding import find_run
from batch_scorer.cli.pages import STDOUT, require_one_stdout, write_page
from batch_scorer.cli.settings import Settings, global_options

_GATED = 4


@click.group()
@global_options
def suites(settings: Settings) -> None:
    """Great Expectations suites."""


for _command in drafting.commands:
    suites.add_command(_command)


@suites.command("list")
@global_options
def list_suites(settings: Settings) -> None:
    """Every suite in jobs/suites and how many expectations it holds."""
    from batch_scorer.validation.suites.reading import load_suite

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
    from batch_scorer.execution.suite_check import check_one
    from batch_scorer.validation.suites.reading import load_suite

    project = settings.find_project()
    parts = wiring.open_job_for_reading(project, job, target=settings.target)
    bound = load_suite(project.suite_path(suite), custom_allowed=bool(parts.code))
    verdict = check_one(parts, bound, partition)
    code = 0 if verdict.success else _GATED
    if settings.json:
        from batch_scorer.validation.gx.rendering import native_result

        output.emit("suite_result", suite=suite, partition=partition, result=native_result(verdict))
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
@click.argument("run")
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path),
    help="Where to write the page; - is stdout.  [default: validation/JOB/RUN.html in output.state]",
)  # fmt: skip
@global_options
def docs(settings: Settings, run: str, file: Path | None) -> None:
    """Every suite result of RUN (an id, its beginning, or `last`) as one HTML page that works offline."""
    require_one_stdout(settings, file, "-o")
    from batch_scorer.validation.pages.render import run_page
    from batch_scorer.validation.store import ValidationStore

    shared, found = find_run(settings, run)
    attempts = shared.ledger.attempts(found.run_id)
    page = run_page(found, attempts, ValidationStore(shared.kept_of(found.job)).read)
    place = file or shared.state_of(found.job) / "validation" / found.job / f"{found.run_id}.html"
    write_page(place, page, "-o")
    if settings.json:
        output.emit("page", path=str(place), job=found.job, run_id=found.run_id, n_partitions=len(attempts))
        output.emit_summary(0, run_id=found.run_id)
    elif place != STDOUT:
        click.echo(place)
