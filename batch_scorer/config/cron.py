"""Whether five cron fields mean something. What they mean is cron's own business."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

# name, lowest, highest, names for values
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART = re.compile(r"(?:\*|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,2}))?")


def check_cron(text: str) -> str:
    """text, if it is a cron time with five fields. Raises: ValueError, naming the field."""
    fields = text.split()
    if len(fields) != len(_FIELDS) or "\n" in text:
        raise ValueError(f'a cron time has 5 fields, as in "30 4 * * *"; this has {len(fields)}')
    for written, (name, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            if not _is_part(part.lower(), lowest, highest, names):
                raise ValueError(f'"{part}" is no {name} ({lowest}-{highest})')
    return text


def _is_part(part: str, lowest: int, highest: int, names: dict[str, int]) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    first, last, step = match.groups()
    if step is not None and (int(step) == 0 or (first is not None and last is None)):
        return False
    bounds = [names.get(bound, int(bound) if bound.isdigit() else -1) for bound in (first, last) if bound]
    return bounds == sorted(bounds) and all(lowest <= bound <= highest for bound in bounds)
