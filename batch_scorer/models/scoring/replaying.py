"""Golden rows once more: does the estimator still give what it gave at registration?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from batch_scorer.core.errors import GoldenRowsDiffer, ScoringError, SignatureInvalid
from batch_scorer.core.models import EXACT, Signature, Tolerance
from batch_scorer.models.scoring.golden import golden_outputs

_MAX_SHOWN = 5  # rows
_INPUT_WIDTH = 84  # characters of a row's inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """by_output: per column of the outputs the rows that differ, ascending."""

    by_output: Mapping[str, np.ndarray]

    @property
    def rows(self) -> list[int]:
        return sorted(set().union(*(found.tolist() for found in self.by_output.values())))

    def outputs_of(self, row: int) -> list[str]:
        return [name for name, found in self.by_output.items() if row in found]


def require_same_outputs(
    estimator: Any,
    inputs: pa.Table,
    expected: pa.Table,
    signature: Signature,
    *,
    label: str,
    packages: tuple[str, ...],
    tolerance: Tolerance = EXACT,
) -> None:
    """Replay golden rows; floats may be off by the tolerance, all else is the same or differs.

    packages: those of other versions than at registration, for the message. Raises: GoldenRowsDiffer.
    """
    try:
        got = golden_outputs(estimator, inputs, signature)
    except (ScoringError, SignatureInvalid) as error:
        raise _differ(f"{label} fails on its golden rows: {error.what}", [], packages) from None
    if set(got.column_names) != set(expected.column_names):
        now, before = ", ".join(got.column_names), ", ".join(expected.column_names)
        raise _differ(f"{label} gives {now}; at registration it gave {before}", [], packages)
    if len(got) != len(expected):
        raise _differ(f"{label} has {len(expected)} golden outputs for {len(got)} inputs", [], packages)
    found = differences(expected, got, tolerance)
    if found.rows:
        what = f"{label} does not repeat its golden rows: {len(found.rows)} of {len(inputs)} differ"
        raise _differ(what, shown(found, inputs, expected, got), packages)


def differences(expected: pa.Table, got: pa.Table, tolerance: Tolerance) -> Differences:
    """Column by column; both have the same columns and rows."""
    return Differences(
        by_output={
            name: _differing_rows(expected[name], got[name], tolerance) for name in expected.column_names
        }
    )


def shown(found: Differences, inputs: pa.Table, expected: pa.Table, got: pa.Table) -> list[str]:
    """Lines for a terminal: the first rows that differ, what went in, what was expected and what came out."""
    lines = []
    for row in found.rows[:_MAX_SHOWN]:
        name, *others = found.outputs_of(row)
        more = f", and {len(others)} more of its outputs" if others else ""
        before, now = expected[name][row].as_py(), got[name][row].as_py()
        lines += [
            f"row {row}, {name}{more}",
            f"    expected {before!r}",
            f"    got      {now!r}{_apart(before, now)}",
            f"    from     {_inputs(inputs, row)}",
        ]
    left = len(found.rows) - _MAX_SHOWN
    return [*lines, f"and {left} more rows"] if left > 0 else lines


def _differing_rows(expected: pa.ChunkedArray, got: pa.ChunkedArray, tolerance: Tolerance) -> np.ndarray:
    if expected.type != got.type:
        return np.arange(len(expected))
    before, now = expected.to_numpy(), got.to_numpy()
    if before.dtype.kind != "f":
        return np.flatnonzero(before != now)
    if tolerance != EXACT:
        return np.flatnonzero(~(np.abs(now - before) <= tolerance.atol + tolerance.rtol * np.abs(before)))
    bits = np.dtype(f"u{before.dtype.itemsize}")
    return np.flatnonzero(before.view(bits) != now.view(bits))


def _apart(before: object, now: object) -> str:
    if isinstance(before, float) and isinstance(now, float):
        return f"  ({abs(now - before):.2g} apart)"
    return ""


def _inputs(inputs: pa.Table, row: int) -> str:
    """`trip_miles=1.2, company=None, … 9 more`: as many columns as fit in a line."""
    values = [f"{name}={_short(inputs[name][row].as_py())}" for name in inputs.column_names]
    fits, width = 0, 0
    while fits < len(values) and (fits == 0 or width + len(values[fits]) <= _INPUT_WIDTH):
        width += len(values[fits]) + len(", ")
        fits += 1
    left = len(values) - fits
    return ", ".join(values[:fits]) + (f", … {left} more" if left else "")


def _short(value: object) -> str:
    text = repr(value) if value is None or isinstance(value, str | float | int) else str(value)
    return text if len(text) <= 40 else f"{text[:38]}…"


def _differ(what: str, rows: Sequence[str], packages: tuple[str, ...]) -> GoldenRowsDiffer:
    if packages:
        fix = "install the versions it was registered with, or register it anew with those of today"
    else:
        fix = (
            "the packages are the same: compare the machines (processor, BLAS) and the model's own code, or "
        )
        fix += "register it anew here"
    lines = [what, *(f"    {row}" for row in rows), *(f"    {package}" for package in packages)]
    return GoldenRowsDiffer("\n".join(lines), fix=fix)
