"""Suite results in words: what failed, and on request every expectation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from batch_scorer.cli import output, words
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.kept_files import KeptFiles


def echo_verdicts(
    verdicts: Sequence[Mapping[str, Any]], *, kept: KeptFiles, detailed: bool, indent: str
) -> None:
    """verdicts: as manifests and ledger keep them. detailed: read GX's results from `kept`, too."""
    for verdict in verdicts:
        click.echo(f"{indent}{verdict['stage']} suite {verdict['suite']}: {_summary(verdict)}")
        for text in _expectations(verdict, kept) if detailed else verdict["failed"]:
            click.echo(f"{indent}  {text}")
        if detailed or not verdict["success"]:
            click.echo(f"{indent}  stored: {kept.at(verdict['file'])}")


def emit_results(partition: str, verdicts: Sequence[Mapping[str, Any]], *, kept: KeptFiles) -> None:
    """One JSON line for each suite: GX's own result, rendered now where it passed without GX."""
    from batch_scorer.validation.gx.rendering import native_result
    from batch_scorer.validation.store import ValidationStore

    for verdict in verdicts:
        try:
            result, problem = native_result(ValidationStore(kept).read(verdict["file"])), None
        except DamageFound as damage:
            result, problem = None, damage.what
        output.emit(
            "suite_result",
            suite=verdict["suite"],
            partition=partition,
            stage=verdict["stage"],
            result=result,
            problem=problem,
        )


def _summary(verdict: Mapping[str, Any]) -> str:
    if verdict["success"]:
        return "passed"
    if verdict["not_evaluated"]:
        return f"not evaluated: {verdict['not_evaluated']}"
    return f"{words.count(len(verdict['failed']), 'expectation')} failed ({verdict['on_fail']})"


def _expectations(verdict: Mapping[str, Any], kept: KeptFiles) -> list[str]:
    """One line for each expectation, as GX answered it; failures keep their share and examples."""
    from batch_scorer.validation.store import ValidationStore
    from batch_scorer.validation.suites.phrases import rule_in_words

    try:
        stored = ValidationStore(kept).read(verdict["file"])
    except DamageFound as damage:
        return [*verdict["failed"], f"({damage.what})"]
    failed = [f"FAIL  {failure.summary}{_examples(failure.examples)}" for failure in stored.failed]
    passed = [
        f"ok    {rule_in_words(config['type'], config['kwargs'])}"
        for answer in stored.results
        if answer["success"]
        for config in [answer["expectation_config"]]
    ]
    return failed + passed


def _examples(examples: Sequence[str]) -> str:
    return f", e.g. {', '.join(examples)}" if examples else ""
