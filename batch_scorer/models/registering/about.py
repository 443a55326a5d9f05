"""What people say of a model when they register it; nothing of this can be found out by looking at it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real

from batch_scorer.core.errors import UsageError
from batch_scorer.core.models import EXACT, ModelOrigin, Tolerance

_COMMIT = re.compile(r"[0-9a-f]{7,64}(-dirty)?")
_MAX_LINE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """metrics: what its author measured, finite. author: who trained it · owner: who answers for it ·
    purpose: what it is for, and not for · git_commit: of the training code, None when there is none.
    positive_class: of a classifier, as text. columns: of an estimator that was fitted without their names, in
    its order. tolerance: of the golden rows. origin: where it was imported from.

    Raises: UsageError.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    author: str = ""
    owner: str = ""
    purpose: str = ""
    notes: str = ""
    git_commit: str | None = None
    positive_class: str | None = None
    columns: tuple[str, ...] = ()
    tolerance: Tolerance = EXACT
    origin: ModelOrigin | None = None

    def __post_init__(self) -> None:
        for what in ("author", "owner", "purpose", "notes"):
            _require_text(what, getattr(self, what))
        _require_kinds(self.metrics, self.tolerance)
        numbers = {name: _metric(name, value) for name, value in self.metrics.items()}
        object.__setattr__(self, "metrics", numbers)
        for what, text in (("author", self.author), ("owner", self.owner)):
            _require_line(what, text)
        if self.git_commit is not None and not _COMMIT.fullmatch(self.git_commit):
            raise UsageError(
                f'"{self.git_commit}" is no git commit',
                fix="give its hash: 7 to 64 hex digits, with -dirty where the code had changes",
            )
        _require_columns(self.columns)


def tolerance_of(rtol: float, atol: float) -> Tolerance:
    """Raises: UsageError."""
    try:
        return Tolerance(rtol=rtol, atol=atol)
    except ValueError:
        raise UsageError(
            f"a tolerance of rtol {rtol:g} and atol {atol:g} makes no sense",
            fix="neither is negative; rtol is below 1, atol is finite",
        ) from None


def _metric(name: str, value: object) -> float:
    """NumPy's numbers are numbers too."""
    _require_text("name of a metric", name)
    _require_line("name of a metric", name)
    if not name.strip():
        raise UsageError("a metric has no name", fix="write NAME=VALUE, e.g. auc=0.83")
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise UsageError(
            f"the metric {name} is {value!r}, which is no finite number",
            fix="give one number per metric, e.g. auc=0.83; leave out what could not be measured",
        )
    return float(value)


def _require_text(what: str, given: object) -> None:
    """A notebook says what it likes; what cannot be written into a manifest is refused before any work."""
    if not isinstance(given, str):
        raise UsageError(f"{what}: {given!r} is no text", fix="give a text, or leave it out")
    if any("\ud800" <= letter <= "\udfff" for letter in given):
        raise UsageError(f"the {what} is no valid Unicode: {given[:40]!r}", fix="remove half characters")


def _require_kinds(metrics: object, tolerance: object) -> None:
    if not isinstance(metrics, Mapping):
        raise UsageError(
            f"metrics are {type(metrics).__name__}, not numbers by name", fix='write metrics={"auc": 0.83}'
        )
    if not isinstance(tolerance, Tolerance):
        raise UsageError(f"{tolerance!r} is no tolerance", fix="write tolerance=Tolerance(rtol=1e-9)")


def _require_line(what: str, text: str) -> None:
    if not text.isprintable() or len(text) > _MAX_LINE:
        raise UsageError(
            f"the {what} is not one line of at most {_MAX_LINE} printable characters: {text[:40]!r}",
            fix="what needs more room goes into the notes",
        )


def _require_columns(columns: tuple[str, ...]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UsageError(
            f"columns are named twice: {', '.join(twice)}",
            fix="name each of the estimator's input columns once, in the order of its training",
        )


NOTHING_SAID = About()  # last: it is checked like any other
