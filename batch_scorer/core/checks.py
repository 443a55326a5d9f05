"""One thing that `doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass

from batch_scorer.core.errors import BatchScorerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """found: what was seen, in one line. exit_code: 0 when ok, else what a run would exit with."""

    name: str
    found: str
    exit_code: int = 0
    fix: str | None = None

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    @classmethod
    def bad(cls, name: str, error: BatchScorerError) -> Check:
        fix = ": ".join(filter(None, (error.fix, error.next_command)))
        return cls(name=name, found=error.what, exit_code=error.exit_code, fix=fix or None)
