"""A model card as one HTML page that needs nothing else."""

from __future__ import annotations

from batch_scorer.core.pages.environment import page_environment
from batch_scorer.models.card.drawing import HEIGHT, WIDTH, drawing_of
from batch_scorer.models.card.values import ModelCard


def card_page(card: ModelCard) -> bytes:
    """UTF-8. The same card is the same bytes."""
    environment = page_environment("batch_scorer.models.card")
    environment.filters.update(drawing=drawing_of)
    page = environment.get_template("card.html").render(card=card, width=WIDTH, height=HEIGHT)
    return page.encode()
