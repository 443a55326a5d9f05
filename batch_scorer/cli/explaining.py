"""`plan --explain`: every ingredient of a decision, below the line of its partition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batch_scorer.cli import words

if TYPE_CHECKING:
    from batch_scorer.planning.explaining import Compared, Explanation, Release, Try

_HASH, _SHORT = 64, 4  # characters of a hash, and how many of them a terminal shows


def explanation_lines(explained: Explanation) -> str:
    """Indented, one ingredient a line; what there is none of has no line, but for the lease."""
    rows = [("rule", explained.rule), *_ingredients(explained)]
    rows += [("ready", text) for text in explained.ready]
    rows.append(("lease", explained.lease or "free"))
    rows += [("tried", _try(each)) for each in explained.tries]
    if explained.pin is not None:
        pin, lifted = explained.pin, explained.pin.lifted_at
        until = f"; lifted {words.moment(lifted)} by {explained.pin.lifted_by}" if lifted else ""
        rows.append(("pin", f"{words.moment(pin.at)} by {pin.by}: {pin.why}{until}"))
    rows += [("waiver", _release(each)) for each in explained.releases]
    return "\n".join(f"     {name:<7} {text}" for name, text in rows)


def _ingredients(explained: Explanation) -> Iterator[tuple[str, str]]:
    for name in ("input", "model", "suites", "config", "code"):
        compared: Compared = getattr(explained, name)
        note = f" ({compared.note})" if compared.note else ""
        now = _short(compared.now) or "not hashed yet"
        if compared.same is None:
            yield name, f"{now}{note}"
        elif compared.same:
            yield name, f"{now} as before{note}"
        else:
            yield name, f"{_short(compared.then)} → {now}{note}"


def _short(text: str | None) -> str:
    """`taxi_tips@7 a91c…`: hashes by their first characters, versions whole."""
    each = (text or "").split(" ")
    return " ".join(f"{word[:_SHORT]}…" if len(word) == _HASH else word for word in each)


def _try(each: Try) -> str:
    counts = "" if each.counts else " (does not count: something has changed since)"
    return f"{words.moment(each.at)} run {each.run_id} {each.state}: {each.headline}{counts}"


def _release(each: Release) -> str:
    waived = each.waived
    fits = "" if each.fits else " (of other input)"
    return f"{', '.join(waived.rules)}: {words.moment(waived.at)} by {waived.by}: {waived.why}{fits}"
