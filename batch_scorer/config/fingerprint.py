"""The config fingerprint: it moves when, and only when, rows or values of the predictions could."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from batch_scorer.config.job import Job
from batch_scorer.config.sections import DEFAULT_TOLERANCE
from batch_scorer.core.expressions.trees import (
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Item,
    Literal,
    Logical,
    Membership,
    Name,
    Negate,
    Not,
    NullTest,
)


def config_fingerprint(job: Job) -> str:
    """sha256 over canonical JSON of the keys that change rows or values.

    Not in it: paths, compute, schedule, notify, owner, and the model's version, which planning compares by
    itself. Expressions count by what they mean, not by their spacing. A key at its default is left out, so
    that a key of a later version of batch-scorer makes nothing stale.
    """
    keys = {
        "input.columns": None if job.input.columns == "auto" else job.input.columns,
        "input.key": job.input.key,
        "input.where": None if job.input.where is None else _canonical(job.input.where),
        "input.limit_rows": job.input.limit_rows,
        "validate": _validation(job),
        "model.method": job.model.method.value,
        "model.output": [[out.name, out.type, _canonical(out.expression)] for out in job.model.output],
        "model.max_error_rows": job.model.max_error_rows,
        "output.keep_columns": [name for name in job.output.keep_columns if name not in job.input.key],
        "output.format": job.output.format,
    }
    given = {key: value for key, value in keys.items() if value not in (None, 0, [], {})}
    canonical = json.dumps(given, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _validation(job: Job) -> dict[str, Any]:
    dumped = job.validation.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    # A default that depends on another key is no default to pydantic.
    if job.validation.volume.tolerance in (None, DEFAULT_TOLERANCE):
        dumped.get("volume", {}).pop("tolerance", None)
    return dumped


def _canonical(expression: Expression) -> list[Any]:
    """A tree as nested lists. Its words are part of every stored fingerprint: never rename them."""
    match expression:
        case Literal(value=value):
            return ["literal", value]
        case Name(name=name):
            return ["name", name]
        case Item(name=name, path=path):
            return ["item", name, *path]
        case Call(function=function, arguments=arguments):
            return ["call", function, *map(_canonical, arguments)]
        case Negate(operand=operand):
            return ["-", _canonical(operand)]
        case Not(operand=operand):
            return ["not", _canonical(operand)]
        case NullTest(operand=operand, negated=negated):
            return ["is not null" if negated else "is null", _canonical(operand)]
        case Membership(operand=operand, values=values, negated=negated):
            return ["not in" if negated else "in", _canonical(operand), list(values)]
        case Arithmetic() | Comparison() | Logical():
            return [expression.operator, _canonical(expression.left), _canonical(expression.right)]
