"""`suites …`: list them, try one on a partition."""

from __future__ import annotations

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options

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
