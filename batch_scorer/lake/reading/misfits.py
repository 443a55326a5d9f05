"""Words for a column that does not fit the signature of a model."""

from __future__ import annotations

from batch_scorer.core.errors import ColumnTypeMismatch
from batch_scorer.core.models import ColumnSpec


def signature_of(model: str | None) -> str:
    """model: `taxi_tips@3`."""
    return "the signature" if model is None else f"the signature of {model}"


def next_command(model: str | None) -> str | None:
    """Where the signature can be read."""
    return None if model is None else f"batch-scorer models show {model} --signature"


def unlike(spec: ColumnSpec, found: str, *, file: str, model: str | None) -> str:
    """One clause: what the column is, and what it should be."""
    name = file.rpartition("/")[2]
    return f'column "{spec.name}" is {found} in {name} but {signature_of(model)} says {spec.type}'


def mismatch(spec: ColumnSpec, found: str, *, file: str, model: str | None) -> ColumnTypeMismatch:
    """found: the column's type in the file, as text. file: its path."""
    return ColumnTypeMismatch(
        unlike(spec, found, file=file, model=model),
        where=file,
        fix="cast upstream, or register a model trained on this type",
        next_command=next_command(model),
    )
