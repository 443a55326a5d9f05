"""Which known name was probably meant, and lists of names that stay short."""

from __future__ import annotations

import pytest

from batch_scorer.core.nearest import listed, nearest, suggestion


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        ("taxi_tip", ["taxi_tips", "churn"], "taxi_tips"),
        ("FARE", ["fare", "tip"], "fare"),
        ("Fares", ["Fare", "fares"], "Fare"),  # as written goes before another letter case
        ("zebra", ["taxi_tips", "churn"], None),
        ("zebra", [], None),
    ],
)
def test_the_nearest_name_is_suggested_only_when_it_is_near(
    written: str, known: list[str], meant: str | None
) -> None:
    assert nearest(written, known) == meant
    assert suggestion(written, known) == ("" if meant is None else f'; did you mean "{meant}"?')


def test_a_list_of_names_stays_short() -> None:
    assert listed(["small", "big"]) == "small, big"
    assert listed([f"label{n}" for n in range(1_012)]).endswith("label9 and 1,002 more")
    assert listed(["a\nb", "", "x" * 41]) == f"a b, '', {'x' * 39}…"
