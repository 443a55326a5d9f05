"""Text from data, made safe to look at: nothing invisible, nothing endless. Pure.

Escaping for HTML is the template engine's; this is what no escaping does.
"""

from __future__ import annotations

from typing import Any

from batch_scorer.core import visible as characters

MAX_CHARS = 600


def visible(value: Any) -> Any:
    """What the templates put out: text as `shortened` shows it, everything else as it is."""
    # Text that is HTML already (a macro's) is a subclass of str.
    return shortened(value, MAX_CHARS) if type(value) is str else value


def shortened(text: str, max_chars: int) -> str:
    """At most so many characters of it, each a visible one or written as its escape: `\\x1b`, `\\u202e`."""
    kept = characters.visible(text[:max_chars])
    return kept if len(text) <= max_chars else f"{kept}… ({len(text):,} characters)"
