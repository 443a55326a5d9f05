"""One question, answered soon or told as hanging: a dead mount or host must not take doctor along."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from batch_scorer.core.checks import Check
from batch_scorer.core.errors import BatchScorerError, StoreUnavailable
from batch_scorer.core.surprises import as_internal_error

PATIENCE_S = 10.0
LONG_S = 120.0  # for what may honestly take long: a plan over a large lake, a model with its libraries

Answer = TypeVar("Answer")


def within(patience_s: float, ask: Callable[[], Answer]) -> Answer:
    """What ask returns. Raises: what it raises; StoreUnavailable, when it hangs (its thread stays)."""
    answers: list[Answer] = []
    errors: list[BatchScorerError] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BatchScorerError as error:
            errors.append(error)
        except Exception as surprise:
            errors.append(as_internal_error(surprise))

    thread = threading.Thread(target=run, daemon=True, name="doctor")
    thread.start()
    thread.join(patience_s)
    if errors:
        raise errors[0]
    if not answers:
        raise StoreUnavailable(
            f"no answer within {patience_s:g} s",
            fix="look for a mount or a host that hangs; a run would hang there as well",
        )
    return answers[0]


def answer(name: str, ask: Callable[[], str], *, patience_s: float = PATIENCE_S) -> Check:
    """ask: returns what was seen, when all is well. A question that cannot be answered is a bad check."""
    try:
        return Check(name=name, found=within(patience_s, ask))
    except BatchScorerError as error:
        return Check.bad(name, error)
