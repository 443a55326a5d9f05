"""Why the original is used instead."""

from __future__ import annotations


class NotCompiled(Exception):
    """Of a pipeline: one sentence that names the step or column which is not known."""


class Unusual(Exception):
    """Of a batch: the plan has no answer to something in it. The original has one, or the right error."""


class Differs(Exception):
    """A compiled result is not the original's, bit for bit. Nothing of it may be used."""
