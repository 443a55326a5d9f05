"""No message, and nothing that is stored, may hold a password."""

from __future__ import annotations

import pytest

from batch_scorer.core.urls import without_password, without_userinfo


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:secret@db/x", "postgresql://u:***@db/x"),
        ("postgresql://u:sec/r@et@db:5432/x", "postgresql://u:***@db:5432/x"),
        ("postgresql://me@corp.example:secret@db/x", "postgresql://me@corp.example:***@db/x"),
        ("postgresql://us/er:secret@db/x", "postgresql://us/er:***@db/x"),
        ("postgresql://:secret@db/x", "postgresql://:***@db/x"),
        ("postgresql://u@db:5432/x", "postgresql://u@db:5432/x"),
        ("postgresql://db:5432/x", "postgresql://db:5432/x"),
        ("postgresql://db/x?a=b&password=secret&c=d", "postgresql://db/x?a=b&password=***&c=d"),
        ("postgresql://db/x?sslPassword=secret", "postgresql://db/x?sslPassword=***"),
        ("data/state/ledger.db", "data/state/ledger.db"),
        ("taxi_tips@champion", "taxi_tips@champion"),
    ],
)
def test_only_the_password_of_a_url_is_masked(url: str, masked: str) -> None:
    assert without_password(f"at {url} and {url} again") == f"at {masked} and {masked} again"


def test_in_a_message_about_a_mistake_the_user_is_masked_too() -> None:
    assert without_userinfo("x://u:secret@db/x?password=secret") == "x://***@db/x?password=***"
