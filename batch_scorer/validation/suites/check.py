"""Whether a suite fits the data it will meet: the columns it names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from batch_scorer.core.nearest import suggestion
from batch_scorer.core.validation import Suite
from batch_scorer.validation.suites.catalogue import columns_named, columns_read


def check_columns(suite: Suite, available: Sequence[str]) -> tuple[str, ...]:
    """One sentence for each column that the suite names and the data lacks; empty when all is well.

    available: the columns of the data. A row condition in a data frame's own language is not looked into.
    """
    known = set(available)
    missing: dict[str, str] = {}
    for expectation in suite.document["expectations"]:
        for column in columns_read(expectation) or columns_named(expectation):
            if column not in known:
                missing.setdefault(column, expectation["type"])
    return tuple(
        f'suite {suite.name}: column "{column}" ({type_}) is not in the data{suggestion(column, available)}'
        for column, type_ in missing.items()
    )
