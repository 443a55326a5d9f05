"""How a version is to be imported. Apart from importing itself, which brings the data libraries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWishes:
    """name: here, None for the one it gets by itself. reference: the training table; without it MLflow's
    input example serves. no_golden_rows: neither of them. must_have_golden_rows: where there is neither, do
    not import at all.
    """

    who: str
    name: str | None = None
    reference: Path | None = None
    no_golden_rows: bool = False
    must_have_golden_rows: bool = False
    allow_pickle: bool = False
