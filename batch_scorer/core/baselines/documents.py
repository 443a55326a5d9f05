"""`baseline.json`: a baseline as bytes. The same baseline is the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from batch_scorer.core.baselines.dyadic import Dyadic
from batch_scorer.core.baselines.values import (
    Baseline,
    Booleans,
    Categories,
    ColumnBaseline,
    Lengths,
    Numbers,
)
from batch_scorer.core.errors import ModelRefused

_LAYOUT = 1
_ABSENT = (None, False, 0)  # what a document leaves out


def encode_baseline(baseline: Baseline) -> bytes:
    """JSON with one line per column, so that two of them can be compared line by line."""
    document = baseline_document(baseline)
    columns, outputs = (_lines(document.pop(part)) for part in ("columns", "outputs"))
    head = json.dumps(document).removesuffix("}")
    return f'{head},\n"columns": {columns},\n"outputs": {outputs}}}\n'.encode()


def baseline_document(baseline: Baseline) -> dict[str, Any]:
    """As JSON has it: sums as text, `0x1b9p-4`, and nothing that is 0 by default."""
    return {
        "layout": _LAYOUT,
        "n_rows": baseline.n_rows,
        "n_scored": baseline.n_scored,
        "columns": {name: _to_json(column) for name, column in baseline.columns.items()},
        "outputs": {name: _to_json(output) for name, output in baseline.outputs.items()},
    }


def decode_baseline(data: bytes, where: str) -> Baseline:
    """Raises: ModelRefused."""
    try:
        document = json.loads(data)
        layout = document["layout"]
        if layout != _LAYOUT:
            raise ValueError(f"its layout is {layout}, this batch-scorer reads {_LAYOUT}")
        return Baseline(
            n_rows=document["n_rows"],
            n_scored=document["n_scored"],
            columns={name: _from_json(each) for name, each in document["columns"].items()},
            outputs={name: _from_json(each) for name, each in document["outputs"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as reason:
        raise ModelRefused(
            f"the model's feature baseline cannot be read: {reason}",
            where=where,
            fix="use the batch-scorer that registered it, or restore the file from a backup",
        ) from None


def _lines(columns: Mapping[str, Any]) -> str:
    each = [f"{_compact(name)}: {_compact(column)}" for name, column in columns.items()]
    return "{" + ",".join(f"\n{line}" for line in each) + "}"


def _compact(value: Any) -> str:
    # A name may hold half of a surrogate pair, which UTF-8 has no bytes for.
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _to_json(column: ColumnBaseline) -> dict[str, Any]:
    match column:
        case Numbers():
            return {"kind": "numbers", **_numbers_to_json(column)}
        case Categories():
            return {"kind": "categories", **_present(asdict(column))}
        case Booleans():
            return {"kind": "booleans", **asdict(column)}
        case Lengths():
            return {"kind": "lengths", **_numbers_to_json(column.lengths)}


def _numbers_to_json(numbers: Numbers) -> dict[str, Any]:
    return {
        **_present(asdict(numbers)),
        # Text: most readers of JSON know no integers of this size.
        "total": str(numbers.total),
        "squares": str(numbers.squares),
    }


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in _EXTREMES or value not in _ABSENT}


_EXTREMES = ("minimum", "maximum")  # 0 of them is a value


def _from_json(document: dict[str, Any]) -> ColumnBaseline:
    kind, fields = document["kind"], {name: value for name, value in document.items() if name != "kind"}
    match kind:
        case "numbers":
            return _numbers(fields)
        case "categories":
            texts = {name: tuple(fields[name]) for name in ("values", "counts")}
            return Categories(**{**fields, **texts})
        case "booleans":
            return Booleans(**fields)
        case "lengths":
            return Lengths(lengths=_numbers(fields))
        case _:
            raise ValueError(f"nothing is known of the kind {kind!r}")


def _numbers(fields: dict[str, Any]) -> Numbers:
    sums = {name: Dyadic.parse(fields[name]) for name in ("total", "squares")}
    return Numbers(**{**fields, **sums, "edges": tuple(fields["edges"]), "counts": tuple(fields["counts"])})
