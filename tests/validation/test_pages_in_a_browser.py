"""Result pages in Chromium, from disk and without a network: they fit, nothing runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser import Browser, NoBrowser, chromium
from tests.page_checks import HEADINGS, LEAST_CONTRAST, LOOSE_HEADERS, NAMELESS, OPEN_ALL, TOO_WIDE
from tests.validation.pages import attempt, between, entry, hostile_page, html_of, raised, run_record, verdict


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as one:
            yield one
    except NoBrowser as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week with a bad day, a warning, a suite without an answer, and a result that is gone."""
    bad = verdict(between("fare", *range(-8, 0), mostly=0.99), raised("tips", "no column"), between("miles"))
    good = verdict(*(between(column) for column in ("fare", "tips", "miles")))
    attempts = [attempt(number, "bad" if number in (2, 4) else "good") for number in range(7)]
    attempts.append(attempt(7, "none", verdicts=(entry("none"), entry("gone", success=False, failed=["f"]))))
    page = html_of(
        run_record(), attempts, {"bad": bad, "good": good, "none": verdict(not_evaluated="out of memory")}
    )
    path = tmp_path_factory.mktemp("usual") / "run.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "run.html"
    path.write_text(hostile_page(), encoding="utf-8")
    return path


@pytest.fixture(params=["usual", "hostile"])
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_the_page_asks_for_nothing_but_itself_and_its_policy_has_nothing_to_refuse(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    browser.evaluate(OPEN_ALL)
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []
    assert browser.evaluate("document.styleSheets.length") == 1


def test_a_script_that_got_into_a_page_would_not_run(browser: Browser, usual: Path, tmp_path: Path) -> None:
    """The policy is a second wall: this page has a script and an image that data could never bring in."""
    broken = tmp_path / "broken.html"
    inside = "<main><script>window.hacked = 1</script><img src='http://evil.example/x'>"
    broken.write_text(usual.read_text(encoding="utf-8").replace("<main>", inside), encoding="utf-8")
    browser.open(broken)
    assert browser.evaluate("window.hacked") is None
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)


def test_hostile_data_stays_text(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    browser.evaluate(
        "document.querySelectorAll('bdi, code').forEach(e => e.dispatchEvent(new Event('mouseover')))"
    )
    assert browser.evaluate("window.hacked") is None
    assert browser.evaluate("document.querySelectorAll('script, img, textarea').length") == 0
    assert "<script>window.hacked = 1</script>" in browser.evaluate(
        "document.querySelector('h1').textContent"
    )


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(15, 20, 25)")])
def test_the_page_follows_the_readers_colour_scheme_with_enough_contrast(
    browser: Browser, usual: Path, scheme: str, paper: str
) -> None:
    browser.open(usual, scheme=scheme)
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    assert browser.evaluate(LEAST_CONTRAST) >= 4.5


def test_headings_skip_no_level_and_every_table_header_has_a_scope(browser: Browser, page: Path) -> None:
    browser.open(page)
    levels = browser.evaluate(HEADINGS)
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.evaluate("document.querySelectorAll('th').length") > 0
    assert browser.evaluate(LOOSE_HEADERS) == 0
    assert browser.evaluate(NAMELESS) == 0


def test_a_link_in_the_table_leads_to_its_partition(browser: Browser, usual: Path) -> None:
    browser.open(usual)
    browser.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    browser.evaluate("document.querySelectorAll('main table a')[7].click()")
    name = browser.evaluate("location.hash.slice(1)")
    assert abs(browser.evaluate(f"document.getElementById('{name}').getBoundingClientRect().top")) < 900


def test_the_page_prints(browser: Browser, usual: Path) -> None:
    browser.open(usual, scheme="dark")
    pdf = browser.pdf()
    assert pdf.startswith(b"%PDF")
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
