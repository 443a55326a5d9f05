from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import UsageError
from batch_scorer.models.registry.names import as_version, is_name, require_alias, require_name


@given(st.text())
def test_a_name_is_one_visible_path_segment(text: str) -> None:
    if is_name(text):
        path = Path("/registry") / text
        assert path.parent == Path("/registry")
        assert path.resolve().parent == path.parent.resolve()
        assert not text.startswith(".")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "Taxi", "a b", "x\n", "a\0", "é", "a" * 65]
)
def test_what_could_leave_the_registry_is_no_name(text: str) -> None:
    with pytest.raises(UsageError):
        require_name(text)


@pytest.mark.parametrize("text", ["3", "v3", "007", "../champion", ""])
def test_an_alias_that_reads_as_a_version_or_a_path_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        require_alias(text)


@given(st.integers(min_value=1, max_value=999_999_999))
def test_a_version_is_a_number_in_canonical_form(number: int) -> None:
    assert as_version(str(number)) == number
    assert as_version(f"0{number}") is None
    assert as_version(f"v{number}") is None
