"""A drafted job as the text of its file: every key explained, what was guessed marked for review. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from batch_scorer.core.models import Method
from batch_scorer.core.partitions import KeyType, PartitionKey
from batch_scorer.core.stores import NO_OPTIONS, StoreOptions

_COMMENTS_AT = 42
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@-]*")
_OF_A_CLASSIFIER = '  # of a classifier: method: predict_proba, output: {score: "float64 = proba[1]"}'
_WORDS = frozenset({"true", "false", "null"})  # which YAML takes for something else than text


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """path, registry: relative to the project where they are inside of it. timezone: None is to be reviewed.

    stores: as other jobs of the project say that they are reached.
    example: a directory of the table. min_rows: for the volume gate; fewest_rows: of a partition seen.
    model_is_known: it is registered, and method and output are its own.
    """

    name: str
    path: str
    registry: str
    stores: StoreOptions
    timezone: str | None
    keys: tuple[PartitionKey, ...]
    example: str
    key: tuple[str, ...]
    key_why: str
    suite: str
    looked_at: str
    min_rows: int
    fewest_rows: int
    model: str
    model_why: str
    model_is_known: bool
    method: Method
    output: Mapping[str, str]


def job_text(draft: JobDraft) -> str:
    """YAML that `validate-config` accepts."""
    is_dated = sum(key.type is KeyType.DATE for key in draft.keys) == 1
    sections = (
        _head(draft),
        _schedule(draft, is_dated=is_dated),
        _input(draft),
        _validate(draft, is_dated=is_dated),
        _model(draft),
        _output(draft),
        _storage(draft.stores),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _head(draft: JobDraft) -> list[str]:
    return [
        "# yaml-language-server: $schema=.schema/job.schema.json",
        f"# Drafted by batch-scorer init --from-parquet, to be reviewed: {_comment(draft.looked_at)}",
        "version: 1",
        _line(f"name: {_text(draft.name)}", "the same as this file's name"),
        "# description: What it is for, and for whom",
        "# owner: {team: my-team, email: me@example.com}",
        *([] if draft.registry == "data/models" else [f"registry: {_text(draft.registry)}"]),
    ]


def _schedule(draft: JobDraft, *, is_dated: bool) -> list[str]:
    decides = 'decides what "a day" is'
    why = decides if draft.timezone else f"REVIEW: {decides}; no file says"
    of_days = [
        _line("  lookback: 3d", "so long a scored day is watched for a new model, suite or setting"),
        _line("  # expect: daily", "a day that never arrives is WAIT, not silence"),
    ]
    return [
        "schedule:",
        _line(f"  timezone: {draft.timezone or 'UTC'}", why),
        '  # cron: "30 4 * * *"',
        *(of_days if is_dated else ["  # lookback and expect need exactly one partition key of type date"]),
        _line("  catchup: {give_up_after: 3}", "tries of a failed or blocked partition"),
    ]


def _input(draft: JobDraft) -> list[str]:
    keys = ", ".join(f"{_text(key.name)}: {key.type}" for key in draft.keys)
    return [
        "input:",
        f"  path: {_text(draft.path)}",
        _line(f"  partition_by: {{{keys}}}", f"{_comment(draft.example)}/ and so on"),
        _line(f"  key: [{', '.join(map(_text, draft.key))}]", _comment(draft.key_why)),
        _line('  # where: "amount > 0"', "rows for which this is not true are dropped, and counted"),
    ]


def _validate(draft: JobDraft, *, is_dated: bool) -> list[str]:
    suite, rows = draft.suite, f"{draft.fewest_rows:,} rows"
    return [
        "validate:",
        "  input:",
        _line(f"    - {{suite: {_text(suite)}, on_fail: block}}", f"review jobs/suites/{suite}.json"),
        _line(f"  volume: {{min_rows: {draft.min_rows}}}", f"the smallest partition seen has {rows}"),
        *(["  # add against: 28d to compare with the median of the days before"] if is_dated else []),
    ]


def _model(draft: JobDraft) -> list[str]:
    sources = {name: _quoted(source.replace("${", "$${")) for name, source in draft.output.items()}
    output = ", ".join(f"{_text(name)}: {source}" for name, source in sources.items())
    return [
        "model:",
        _line(f"  uri: {_text(draft.model)}", _comment(draft.model_why)),
        _line(f"  method: {draft.method}", ", ".join(Method)),
        f"  output: {{{output}}}",
        *([] if draft.model_is_known else [_OF_A_CLASSIFIER]),
    ]


def _output(draft: JobDraft) -> list[str]:
    return [
        "output:",
        f"  path: data/predictions/{draft.name}",
        _line("  state: data/state", "on the same file system as path"),
        _line("  # keep_columns: []", "input columns to carry along, besides the key"),
    ]


def _storage(stores: StoreOptions) -> list[str]:
    said = {
        "endpoint": None if stores.endpoint is None else _text(stores.endpoint),
        "region": None if stores.region is None else _text(stores.region),
        "allow_http": "true" if stores.allow_http else None,
        "timeout": None if stores.timeout_s == NO_OPTIONS.timeout_s else f"{stores.timeout_s:g}s",
        "retry_for": None if stores.retry_s == NO_OPTIONS.retry_s else f"{stores.retry_s:g}s",
    }
    lines = [f"  {name}: {value}" for name, value in said.items() if value is not None]
    return [_line("storage:", "as the other jobs of this project"), *lines] if lines else []


def _line(text: str, comment: str) -> str:
    return f"{text:<{_COMMENTS_AT}}# {comment}" if len(text) < _COMMENTS_AT else f"{text}  # {comment}"


def _text(value: str) -> str:
    value = value.replace("${", "$${")
    return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    """One line that holds nothing but text."""
    return "".join(char if char.isprintable() else " " for char in text)
