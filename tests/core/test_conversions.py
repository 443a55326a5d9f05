"""Rules that nothing else decides: what is refused whatever the values are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.conversions import Fit, fit
from tests.signature_page import FOUND, WANTED


@pytest.mark.parametrize("wanted", WANTED)
def test_a_type_is_itself(wanted: str) -> None:
    assert fit(wanted, wanted) is Fit.SAME


@given(st.sampled_from(FOUND), st.sampled_from(["null", "binary", "list<item: int64>", "", "double"]))
def test_a_signature_of_an_unknown_type_takes_nothing(found: str, wanted: str) -> None:
    assert fit(found, wanted) is Fit.REFUSED


@pytest.mark.parametrize(
    ("found", "wanted", "how"),
    [
        ("int64", "float64", Fit.CHECKED),
        ("int32", "float64", Fit.WIDENED),
        ("uint32", "int64", Fit.WIDENED),
        ("uint64", "int64", Fit.CHECKED),
        ("bool", "int64", Fit.REFUSED),
        ("int64", "bool", Fit.REFUSED),
        ("string", "float64", Fit.REFUSED),
        ("date32", "timestamp[us]", Fit.REFUSED),
        ("timestamp[us]", "timestamp[us, UTC]", Fit.REFUSED),
        ("timestamp[us, Europe/Berlin]", "timestamp[us, UTC]", Fit.WIDENED),
        ("timestamp[ns]", "timestamp[us]", Fit.CHECKED),
        ("decimal128(15, 2)", "float64", Fit.WIDENED),
        ("decimal128(16, 2)", "float64", Fit.CHECKED),
        ("decimal256(50, 2)", "float64", Fit.CHECKED),
        ("decimal64(12, 2)", "decimal128(12, 2)", Fit.SAME),
        ("float64", "decimal128(12, 2)", Fit.REFUSED),
        ("binary", "string", Fit.REFUSED),
    ],
)
def test_pairs_that_people_ask_about(found: str, wanted: str, how: Fit) -> None:
    assert fit(found, wanted) is how


@given(st.sampled_from(FOUND), st.sampled_from(WANTED), st.sampled_from(WANTED))
def test_what_is_widened_twice_is_never_refused_at_once(found: str, between: str, wanted: str) -> None:
    """Otherwise a table written anew in a wider type would not fit any more."""
    exact = (Fit.SAME, Fit.WIDENED)
    if found != "null" and fit(found, between) in exact and fit(between, wanted) in exact:
        assert fit(found, wanted) in exact
