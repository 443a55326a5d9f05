"""One GX context for all comparisons: it takes seconds to make."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.validation.oracle.oracle import Oracle


@pytest.fixture(scope="session")
def oracle(gx: object) -> Oracle:
    return Oracle()


@pytest.fixture(autouse=True)
def quiet_gx() -> Iterator[None]:
    """GX logs a traceback for each expectation that it cannot evaluate."""
    logger = logging.getLogger("great_expectations")
    was, logger.disabled = logger.disabled, True
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    logger.disabled = was
