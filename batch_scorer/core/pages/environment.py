"""The one way pages are made of templates: everything escaped, everything visible, nothing undefined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_scorer.core.pages.text import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def page_environment(package: str) -> Environment:
    """Templates of a package, and those here: head.html, base.css."""
    # Here: most verbs need no page.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("batch_scorer.core.pages")]),
        autoescape=True,
        finalize=visible,  # over every value that the templates put out, so that none can be forgotten
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
