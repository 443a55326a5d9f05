"""`verify`, `audit`: is what is published what was recorded, and who made it?"""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click

from batch_scorer.cli import output, words
from batch_scorer.cli.settings import Settings, global_options
from batch_scorer.cli.show_partition import pin_line, waived_line
from batch_scorer.cli.verdicts import echo_verdicts
from batch_scorer.core.errors import DamageFound, UsageError
from batch_scorer.core.findings import Finding, PartitionReport
from batch_scorer.core.plans import Selection

if TYPE_CHECKING:
    from batch_scorer.execution.auditing.audit import AuditReport

_DAY = click.DateTime(["%Y-%m-%d"])
_Pairs = tuple[tuple[str, str], ...]


def _pairs(_context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> _Pairs:
    """`key=value` as typed, several times. Raises: click.UsageError."""
    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or not value:
            raise click.UsageError(f'{parameter.opts[0]} takes KEY=VALUE, not "{text}"')
        pairs.append((key, value))
    return tuple(pairs)


@click.command()
@click.argument("job")
@click.option("--from", "first_day", type=_DAY, metavar="DAY", help="First day, included.")
@click.option("--to", "last_day", type=_DAY, metavar="DAY", help="Last day, included.")
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="Only partitions with this value (repeatable).",
)
@click.option("--deep", is_flag=True, help="Read every published byte: hashes, pages, rows, footers.")
@click.option(
    "--rescore",
    type=click.IntRange(min=1),
    default=None,
    metavar="K",
    help="Score at least K rows a partition again, and compare to the last bit.",
)
@global_options
def verify(
    settings: Settings,
    job: str,
    first_day: datetime | None,
    last_day: datetime | None,
    partitions: _Pairs,
    deep: bool,
    rescore: int | None,
) -> int:
    """Hold JOB's published files against its manifests, and those against the ledger. Changes nothing."""
    from batch_scorer import wiring
    from batch_scorer.execution.auditing.verify import Depth
    from batch_scorer.execution.auditing.verify import verify as reports_of

    selection = Selection(
        first_day=first_day.date() if first_day else None,
        last_day=last_day.date() if last_day else None,
        partitions=partitions,
    )
    reports = []
    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    for report in reports_of(parts, selection, Depth(deep=deep, n_rescored_rows=rescore or 0)):
        _show_report(settings, report)
        reports.append(report)
    return _conclude(settings, job, reports)


def _show_report(settings: Settings, report: PartitionReport) -> None:
    for text in report.notes:
        output.warn(settings, f"{report.path}: {text}")
    for finding in report.findings:
        show_finding(settings, finding)
    if settings.verbose and not settings.json and not report.findings:
        click.echo(f" {report.path}  OK  {_looked_at([report])}")


def show_finding(settings: Settings, finding: Finding) -> None:
    if settings.json:
        output.emit("finding", **asdict(finding))
        return
    click.echo(f"{finding.kind.upper()}: {finding.file}: {finding.what}")
    for label, value in (("expected", finding.expected), ("found", finding.found)):
        if value:
            click.echo(f"  {label + ':':<9} {value}")


def _conclude(settings: Settings, job: str, reports: list[PartitionReport]) -> int:
    n_findings = sum(len(report.findings) for report in reports)
    published = [report for report in reports if report.generation is not None]
    code = DamageFound.exit_code if n_findings else 0
    if settings.json:
        output.emit_summary(
            code,
            job=job,
            n_partitions=len(published),
            n_damaged=sum(bool(report.findings) for report in reports),
            n_findings=n_findings,
            n_rescored=sum(report.n_rescored for report in reports),
        )
    elif n_findings:
        return output.fail(settings, _damage(job, [report for report in reports if report.findings]))
    elif not settings.quiet:
        click.echo(f"{job}: {words.count(len(published), 'partition')} as recorded, {_looked_at(published)}")
    return code


def _looked_at(reports: list[PartitionReport]) -> str:
    n_files, n_rows = sum(r.n_files for r in reports), sum(r.n_rows for r in reports)
    n_rescored = sum(r.n_rescored for r in reports)
    text = f"{words.count(n_files, 'file')}, {words.rows(n_rows)}"
    return text + (f", {words.rows(n_rescored)} scored again: the same" if n_rescored else "")


def _damage(job: str, damaged: list[PartitionReport]) -> DamageFound:
    n_findings = sum(len(report.findings) for report in damaged)
    path = next((report.path for report in damaged if report.path), None)
    keys = [f"--partition {shlex.quote(unquote(part))}" for part in path.split("/")] if path else []
    return DamageFound(
        f"{job}: {words.count(n_findings, 'finding')} in {words.count(len(damaged), 'place')}",
        fix="find out who changed what; put files back from a backup, or move a damaged partition's "
        "directory away and have it scored anew",
        next_command=" ".join(["batch-scorer run", job, *keys, "--reprocess all"]) if keys else None,
    )


@click.command()
@click.argument("job")
@click.option("--partition", metavar="P", help="2024-01-01, or ride_date=2024-01-01.")
@click.option(
    "--row",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="The row with this key; repeat it for each key column.",
)
@global_options
def audit(settings: Settings, job: str, partition: str | None, row: _Pairs) -> None:
    """Who made a published partition or row of JOB: when, which run, model, code, suites, input files."""
    from batch_scorer import wiring
    from batch_scorer.execution.auditing.audit import audit_partition, audit_row

    if partition is None and not row:
        raise UsageError(
            "say what to audit: a partition, or a row by its key",
            fix="--partition 2024-01-01, or --row ride_id=4711",
            next_command="batch-scorer audit --help",
        )
    parts = wiring.open_job_for_reading(settings.find_project(), job, target=settings.target)
    report = audit_row(parts, row, partition) if row else audit_partition(parts, partition or "")
    if settings.json:
        output.emit("audit", **_audit_dict(report))
        output.emit_summary(0, job=job)
    else:
        _echo_audit(report)


def _audit_dict(report: AuditReport) -> dict[str, Any]:
    manifest, run = report.manifest, report.run
    row = report.row
    return {
        "job": manifest.job,
        "partition": manifest.partition.path,
        "generation": manifest.generation,
        "published_at": report.generation.published_at,
        "run": {
            "run_id": run.run_id,
            "started_at": run.started_at,
            "user": run.user,
            "host": run.host,
            "command": run.command,
            "reason": run.reason,
        },
        "model": {
            "name": manifest.ingredients.model_name,
            "version": manifest.ingredients.model_version,
            "alias": manifest.model_alias,
            "sha256": manifest.ingredients.model_sha256,
            "manifest_sha256": manifest.model_manifest_sha256,
            "signed_by": manifest.model_signed_by,
        },
        "code_version": manifest.code_version,
        "environment": manifest.environment,
        "rows": asdict(manifest.rows),
        "verdicts": manifest.verdicts,
        "inputs": [
            {"path": file.path, "n_bytes": file.stamp.size, "sha256": file.sha256, "etag": file.stamp.etag}
            for file in manifest.inputs
        ],
        "outputs": [asdict(file) for file in manifest.outputs],
        "quarantine": [asdict(file) for file in manifest.quarantine],
        "waivers": [asdict(waived) for waived in manifest.waivers],
        "pin": asdict(report.generation.pin) if report.generation.pin else None,
        "warnings": manifest.warnings,
        "directory": report.directory,
        "manifest": report.manifest_path,
        "manifest_sha256": report.generation.manifest_sha256,
        "row": row and {"file": row.path, "row": row.row, "values": row.values},
    }


def _echo_audit(report: AuditReport) -> None:
    manifest, run, rows = report.manifest, report.run, report.manifest.rows
    used = manifest.ingredients
    alias = f", then {used.model_name}@{manifest.model_alias}" if manifest.model_alias else ""
    for line in (
        f"{manifest.job}/{manifest.partition.path}: generation {manifest.generation}",
        f"  published  {words.moment(report.generation.published_at)}",
        f"  run        {run.run_id}, by {run.user} on {run.host}",
        f"  command    {' '.join(run.command) or 'unknown'}",
        *([f"  reason     {run.reason}"] if run.reason else []),
        *([f"  restores   generation {manifest.restores}"] if manifest.restores is not None else []),
        *map(waived_line, manifest.waivers),
        *([pin_line(report.generation.pin)] if report.generation.pin else []),
        *(f"  warning    {text}" for text in manifest.warnings),
        f"  model      {used.model_name}@{used.model_version}{alias}, sha256 {used.model_sha256}",
        *([f"  signed by  {manifest.model_signed_by}"] if manifest.model_signed_by else []),
        f"  code       {manifest.code_version}, "
        + ", ".join(f"{name} {number}" for name, number in sorted(manifest.environment.items())),
        f"  rows       {rows.n_read:,} read = {rows.n_scored:,} scored + "
        f"{rows.n_quarantined:,} quarantined + {rows.n_dropped:,} dropped",
        f"  manifest   {report.manifest_path}, sha256 {report.generation.manifest_sha256}",
    ):
        click.echo(line)
    echo_verdicts(manifest.verdicts, kept=report.kept, detailed=False, indent="  ")
    for source in manifest.inputs:
        click.echo(f"  in   {source.path}  {words.size(source.stamp.size)}  {source.content_text}")
    if report.row is None:
        for file in manifest.outputs:
            click.echo(f"  out  {report.directory}/{file.name}  {words.rows(file.n_rows)}  {file.sha256}")
        return
    click.echo(f"  row  {report.row.path}, row {report.row.row}")
    for name, value in report.row.values.items():
        click.echo(f"    {name}: {value}")
