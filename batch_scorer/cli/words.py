"""Numbers as people read them: rows, bytes, durations, ages."""

from __future__ import annotations

from datetime import datetime


def rows(n: int | None) -> str:
    """`3.1 M rows`, `20,412 rows`."""
    if n is None:
        return ""
    return f"{n / 1e6:.1f} M rows" if n >= 1_000_000 else f"{n:,} rows"


def size(n_bytes: int | None) -> str:
    """`212 MB` (1 MB = 10^6 bytes)."""
    if n_bytes is None:
        return ""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= factor:
            value = n_bytes / factor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{n_bytes} B"


def seconds(value: float) -> str:
    """`0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def about(value: float) -> str:
    """Of a guess: `40 s`, `4 min`, `2 h 5 min`."""
    if value < 60:
        return f"{max(1, round(value))} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(when: datetime | None) -> str:
    """`2024-04-01 04:30:12Z`."""
    return f"{when:%Y-%m-%d %H:%M:%SZ}" if when else "-"


def models(references: str) -> str:
    """`taxi_tips@1`; of several, `taxi_tips@1 … taxi_tips@9 (4 versions)`."""
    first, *others = references.split(", ")
    return f"{first} … {others[-1]} ({len(others) + 1} versions)" if others else first


def count(n: int, noun: str) -> str:
    """`1 day`, `5 days`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
