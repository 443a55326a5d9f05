"""Model cards in Chromium, from disk and without a network: they fit, nothing runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from batch_scorer.models.card.page import card_page
from batch_scorer.models.card.values import card_of
from tests.browser import Browser, NoBrowser, chromium
from tests.models import cards
from tests.page_checks import HEADINGS, LEAST_CONTRAST, LOOSE_HEADERS, NAMELESS, TOO_WIDE

_UNDRAWN = """[...document.querySelectorAll('svg rect')]
    .filter(each => { const box = each.getBoundingClientRect(); return !(box.width > 0 && box.height > 0); })
    .length"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as one:
            yield one
    except NoBrowser as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module", params=["usual", "hostile"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    known = cards.known() if request.param == "usual" else cards.hostile()
    path = tmp_path_factory.mktemp("card") / f"{request.param}.html"
    path.write_bytes(card_page(card_of(known)))
    return path


def test_the_page_asks_for_nothing_but_itself_and_nothing_on_it_runs(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.evaluate(
        "document.querySelectorAll('bdi, code, rect').forEach(e => e.dispatchEvent(new Event('mouseover')))"
    )
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []
    assert browser.evaluate("window.hacked") is None
    assert browser.evaluate("document.styleSheets.length") == 1
    assert browser.evaluate("document.querySelectorAll('script, img, textarea, a').length") == 0
    shown = browser.evaluate("document.body.innerText")
    assert ("<script>window.hacked = 1</script>" in shown) is (page.stem == "hostile")


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(TOO_WIDE) == []
    if width < 1000:
        wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
        assert browser.evaluate(wide) == 0


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 20, 25)")])
def test_the_page_follows_the_readers_colour_scheme_with_enough_contrast(
    browser: Browser, page: Path, scheme: str, paper: str
) -> None:
    browser.open(page, scheme=scheme)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    assert browser.evaluate(LEAST_CONTRAST) >= 4.5


def test_headings_headers_and_drawings_are_there_for_everybody(browser: Browser, page: Path) -> None:
    browser.open(page)
    levels = browser.evaluate(HEADINGS)
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.evaluate(LOOSE_HEADERS) == 0
    assert browser.evaluate(NAMELESS) == 0
    assert browser.evaluate("document.querySelectorAll('svg').length") > 0
    assert browser.evaluate("document.querySelectorAll('svg:not([role=img][aria-label])').length") == 0
    assert browser.evaluate(_UNDRAWN) == 0


def test_the_page_prints(browser: Browser, page: Path) -> None:
    browser.open(page, scheme="dark")
    assert browser.pdf().startswith(b"%PDF")
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.evaluate("getComputedStyle(document.querySelector('svg rect')).fill") == "rgb(0, 0, 0)"
