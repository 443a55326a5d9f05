"""How durations, sizes and rates are written in a job file, and back.

Durations: `45s`, `30m`, `2h`, `3d`, `4w`, also together (`1h30m`); a day has 24 hours.
Sizes: `64MB`, `2GB` (powers of 1000, as disks and object stores count) or `64MiB` (powers of 1024); a bare
number is bytes. Rates: `1%` or `0.01`.
Every parser takes its own result too, so that a resolved job can be read again.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(
    r"(?:([0-9]{1,10})w)?(?:([0-9]{1,10})d)?(?:([0-9]{1,10})h)?(?:([0-9]{1,10})m)?(?:([0-9]{1,10})s)?"
)
_MAX_DURATION = timedelta(days=36_500)

_BYTES = {
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_BYTES_BY_LOWER = {"b": 1, "": 1} | {unit.lower(): factor for unit, factor in _BYTES.items()}
_SIZE = re.compile(r"([0-9]{1,19})\s*([A-Za-z]*)")
_MAX_SIZE = 2**60

_RATE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*(%?)")


def parse_duration(value: object) -> timedelta:
    """Raises: ValueError."""
    if isinstance(value, timedelta):
        duration = value
    else:
        match = _DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
        if match is None or not match.group():
            raise ValueError(f"{_shown(value)} is not a duration, such as 30m, 2h, 3d")
        counts = zip(match.groups(default="0"), _SECONDS.values(), strict=True)
        seconds = sum(int(count) * factor for count, factor in counts)
        # Bounded first: timedelta overflows on numbers that fit the form.
        duration = timedelta(seconds=min(seconds, 2 * _MAX_DURATION.total_seconds()))
    if not timedelta(0) <= duration <= _MAX_DURATION:
        raise ValueError("a duration is between 0 and 100 years")
    return duration


def format_duration(duration: timedelta) -> str:
    """In the largest unit that divides it: `36h`, `3d`."""
    seconds = int(duration.total_seconds())
    for unit, factor in _SECONDS.items():
        if unit != "w" and seconds and seconds % factor == 0:
            return f"{seconds // factor}{unit}"
    return "0s"


def parse_size(value: object) -> int:
    """In bytes. Raises: ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        factor = _BYTES_BY_LOWER.get(match.group(2).lower()) if match else None
        if match is None or factor is None:
            raise ValueError(f"{_shown(value)} is not a size, such as 64MB, 2GB, 512MiB")
        size = int(match.group(1)) * factor
    if not 0 < size <= _MAX_SIZE:
        raise ValueError("a size is more than 0 bytes, and less than an exabyte")
    return size


def format_size(size: int) -> str:
    """In the largest unit that divides it: `128MB`, `1GiB`."""
    for unit, factor in sorted(_BYTES.items(), key=lambda item: -item[1]):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def parse_rate(value: object) -> float:
    """A share between 0 and 1. Raises: ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        rate = float(value)
    else:
        match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{_shown(value)} is not a rate, such as 1% or 0.01")
        # Decimal: 0.7 / 100 is less than 0.007 in binary, and would count one row too many.
        rate = float(Decimal(match.group(1)) / (100 if match.group(2) else 1))
    if not 0 <= rate <= 1:
        raise ValueError("a rate is between 0 and 1, or between 0% and 100%")
    return rate


def parse_whole_number(value: object) -> int:
    """Text of digits counts too: `${RETRIES:-3}` gives text. Raises: ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]{1,18}", value):
        return int(value)
    raise ValueError(f"{_shown(value)} is not a whole number")


def parse_truth(value: object) -> bool:
    """Raises: ValueError."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError(f"{_shown(value)} is not true or false")


def _shown(value: object) -> str:
    match value:
        case str():
            return f'"{value[:60]}"'
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case None:
            return "nothing"
        case _:
            return "a list" if isinstance(value, list | tuple) else "a mapping"
