"""A page that is written one section at a time: each between marks of its own.

::

    <!-- bench night -->
    ## A whole night
    …
    <!-- figures {"night.linear": 0.52} -->
    <!-- end night -->
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SECTION = re.compile(r"<!-- bench (\w+) -->\n(.*?)\n<!-- end \1 -->", re.DOTALL)
_FIGURES = re.compile(r"<!-- figures (\{.*\}) -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one bench found. text: Markdown below the title. figures: by the key of a goal."""

    title: str
    text: str
    figures: Mapping[str, float]


def with_section(bodies: Mapping[str, str], name: str, body: str, order: Sequence[str]) -> dict[str, str]:
    """The bodies with this one put in or replaced, in the order given; others come last, as they were."""
    merged = {**bodies, name: body}
    known = [each for each in order if each in merged]
    return {each: merged[each] for each in [*known, *(each for each in merged if each not in known)]}


def bodies_of(page: str) -> dict[str, str]:
    """What is between the marks of each section of a page."""
    return {found[1]: found[2] for found in _SECTION.finditer(page)}


def marked(name: str, body: str) -> str:
    return f"<!-- bench {name} -->\n{body}\n<!-- end {name} -->"


def body_of(section: Section, *, command: str, machine: str) -> str:
    """command: that made it."""
    rounded = {key: float(f"{value:.4g}") for key, value in section.figures.items()}
    return "\n\n".join(
        [
            f"## {section.title}",
            section.text,
            f"Made with `{command}` · {machine}",
            f"<!-- figures {json.dumps(rounded)} -->",
        ]
    )


def figures_of(bodies: Mapping[str, str]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for body in bodies.values():
        for found in _FIGURES.finditer(body):
            figures.update(json.loads(found[1]))
    return figures
