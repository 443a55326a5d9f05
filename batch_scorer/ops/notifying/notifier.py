"""The plug point: something that can be told."""

from __future__ import annotations

from typing import Protocol

from batch_scorer.core.notices import Notice


class Notifier(Protocol):
    @property
    def name(self) -> str:
        """Of the kind and of where it leads, without secrets: `webhook ALERT_WEBHOOK`. Its identity, too."""

    def send(self, notice: Notice) -> None:
        """Raises: NotTold, in words without secrets."""
