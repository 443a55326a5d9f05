"""A model card tells everything that is recorded, in words and small drawings; nothing in it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from batch_scorer.cli.models.card_text import card_lines, signature_lines
from batch_scorer.core.baselines.values import Booleans, Categories, Numbers
from batch_scorer.core.models import ModelManifest, Signature
from batch_scorer.models.card.drawing import HEIGHT, WIDTH, drawing_of
from batch_scorer.models.card.known import Known
from batch_scorer.models.card.page import card_page
from batch_scorer.models.card.summaries import heights, in_words, sparkline, value_in_words
from batch_scorer.models.card.values import card_of
from batch_scorer.models.registering.baseline import choose_bins
from batch_scorer.models.scoring.counting import count_column
from tests.models import cards
from tests.validation.pages import Page


def text_of(known: Known, *, as_text: bool = True) -> str:
    """With single spaces, wherever lines were broken."""
    card = card_of(known)
    if as_text:
        return " ".join(" ".join(card_lines(card, 80)).split())
    return Page(card_page(card).decode().replace("<body>", '<body id="all">')).text["all"]


def told(value: Any) -> Iterator[str]:
    """What a reader has to find of a recorded value."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from told(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from told(key)
            yield from told(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from told(each)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        yield f"{value:,}"
    elif isinstance(value, float):
        yield f"{value:g}"
    elif isinstance(value, dt.date | str):
        yield str(value)


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "page"])
@pytest.mark.parametrize("field", [field.name for field in fields(ModelManifest)])
def test_every_field_of_a_manifest_is_on_the_card(field: str, as_text: bool) -> None:
    known = cards.known()
    card = text_of(known, as_text=as_text)
    value = getattr(known.manifest, field)
    # Told as a moment; of one person; how nulls are handed over.
    unshown = {cards.AT, "Ada Lovelace", "nan", "NaT"}
    missing = [each for each in told(value) if each not in card and each not in unshown]
    assert missing == []
    if field == "allow_pickle":
        assert "registered with --allow-pickle" in card
        assert "--allow-pickle" not in text_of(cards.known(manifest=cards.manifest(allow_pickle=False)))
    if field == "registered_at":
        assert "2026-11-23 22:57Z by mallory" in card


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "page"])
def test_what_is_known_beside_the_manifest_is_on_the_card(as_text: bool) -> None:
    card = text_of(cards.known(), as_text=as_text)
    for expected in (
        "taxi_tips@3",
        "champion since 2026-11-23 22:57Z by grace, a rollback: was too good",
        "nightly_tips (taxi_tips@champion)",
        "SHA256:ada-key by hopper, 2026-11-23 22:57Z: not checked",
        "scikit-learn 1.7.88 at registration, 1.9.1 here",
        "e5" * 32,
        "champion → v3, rolled back, by grace: was too good",
        "v2 registered by grace: the first",
        "within rtol 1e-09, atol 1e-12",
        "2.5 – 8.4 – 249.8, 2.0 % null",
        "true 30 %",
        "predict_proba[1]: yes",
        "2023-12-09",
    ):
        assert expected in card
    assert "challenger since" not in card


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "page"])
def test_a_category_that_few_rows_have_is_not_on_the_card(as_text: bool) -> None:
    card = text_of(cards.known(), as_text=as_text)
    assert "Ada Lovelace" not in card
    assert "categories 3: Cash, Card, …" in card
    without = text_of(cards.known(baseline=None), as_text=as_text)
    assert "Ada" not in without
    assert "Cash" not in without
    assert "categories 3" in without


def test_gaps_are_told() -> None:
    bare = cards.manifest(
        purpose="", owner="", author="", reference=None, n_golden_rows=0, metrics={}, origin=None,
        git_commit=None, notes="",
    )  # fmt: skip
    history = cards.history("", "", "")[:3]
    card = text_of(
        Known(manifest=bare, manifest_sha256="e5" * 32, history=history),
    )
    for expected in (
        "purpose not said owner not said author not said aliases none used by no job of this project",
        "not recorded: registered without a reference",
        "signed with no key",
        "golden rows none: nothing shows",
        "differs here nothing that can change a prediction",
    ):
        assert expected in card
    assert "metrics" not in card
    assert "imported" not in card


@pytest.mark.parametrize("width", [20, 80, 100, 200])
def test_no_line_is_longer_than_the_screen_but_for_words_that_are_copied_whole(width: int) -> None:
    room = max(80, min(width, 120))
    for line in card_lines(card_of(cards.known()), width):
        assert len(line) <= room, line
        assert line == line.rstrip()
    long = cards.manifest(
        signature=replace(
            cards.manifest().signature,
            columns=tuple(
                replace(spec, name=f"{spec.name}_{'x' * 40}") for spec in cards.manifest().signature.columns
            ),
        )
    )
    lines = list(signature_lines(card_of(cards.known(manifest=long)), width))
    assert any(line.startswith(f"  fare_{'x' * 40}  float64?") for line in lines)
    assert max(map(len, lines)) <= room


def test_hostile_text_is_visible_on_a_terminal() -> None:
    for line in card_lines(card_of(cards.hostile()), 80):
        assert line.isprintable(), ascii(line)


def test_hostile_text_stays_text_on_the_page() -> None:
    html = card_page(card_of(cards.hostile())).decode()
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "textarea", "a", "link", "iframe", "object", "form"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "49" not in page.text["facts"]
    assert html.count("<title>") == 1 + html.count("</rect>")
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert len(html) < 400_000  # the 10,000 W are cut


def test_the_page_loads_nothing_and_says_so_in_its_policy() -> None:
    page = Page(card_page(card_of(cards.known())).decode())
    assert not [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "style")
    ]
    policy = [a["content"] or "" for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policy[0].startswith("default-src 'none'")


def test_the_same_card_is_the_same_page() -> None:
    assert card_page(card_of(cards.known())) == card_page(card_of(cards.known()))


def test_every_histogram_has_words_for_who_does_not_see_it() -> None:
    page = Page(card_page(card_of(cards.known())).decode())
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) == 7
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert "fare: 2.5 – 8.4 – 249.8, 2.0 % null" in [drawing["aria-label"] for drawing in drawings]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, None, "–"),
        (0.0, None, "0"),
        (11_207.0, None, "11,207"),
        (0.0003333702, None, "0.0003334"),
        (123_456.7, None, "123,457"),
        (-87.6469, None, "-87.65"),
        (1e300, None, "1e+300"),
        (19_758.0, "d", "2024-02-05"),
        (1_707_091_403e6, "us", "2024-02-05 00:03"),
        (1e300, "us", "1e+300 us"),
    ],
)
def test_values_in_words(value: float | None, unit: str | None, words: str) -> None:
    assert value_in_words(value, unit) == words


def test_a_drawing_has_the_shape_of_the_numbers() -> None:
    """Against NumPy's histogram of the same rows over the same range, as near as the bins tell."""
    values = np.random.default_rng(3).normal(size=50_000)
    table = pa.table({"x": values})
    column = count_column(choose_bins(lambda: [table], len(table))["x"], table["x"])
    assert isinstance(column, Numbers)
    found = np.array(heights(column, 12))
    expected, _ = np.histogram(values, bins=12, range=(column.edges[1], column.edges[-2]))
    assert np.abs(found - expected).max() < 0.06 * expected.max() + 50
    assert sparkline(column)[3:5] == "██"
    drawing = drawing_of(column)
    assert drawing is not None
    assert len(drawing.bars) == 24
    assert max(bar.height for bar in drawing.bars) == HEIGHT
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y >= 0 for bar in drawing.bars)


def test_few_values_are_drawn_one_by_one_and_the_rest_together() -> None:
    assert heights(Booleans(n_false=3, n_true=1), 8) == (3, 1)
    many = Categories(values=tuple("abcdefghij"), counts=tuple(range(10, 0, -1)), n_other=5)
    assert heights(many, 4) == (10, 9, 8, 7 + 6 + 5 + 4 + 3 + 2 + 1 + 5)
    assert in_words(many) == "a 17 %, b 15 %, c 13 %, others 55 %"
    hours = Numbers(
        edges=(0.0, 1.0, 2.0, 2.5), counts=(0, 5, 0, 1, 0), discrete=True, minimum=0.0, maximum=2.0
    )
    assert heights(hours, 8) == (5, 0, 1)
    assert sparkline(hours) == "█▁▂"


def test_nothing_is_drawn_of_nothing() -> None:
    for column in (
        Numbers(edges=(0.0, 1.0), counts=(0, 0, 0), n_null=4),
        Categories(values=(), counts=(), n_null=4),
        Booleans(n_false=0, n_true=0, n_null=4),
    ):
        assert drawing_of(column) is None
        assert sparkline(column) == ""
        assert in_words(column) == "100 % null"


def test_two_hundred_columns_and_a_long_history_stay_readable() -> None:
    spec = cards.manifest().signature.columns[0]
    wide = Signature(
        columns=tuple(replace(spec, name=f"column_{i}") for i in range(200)),
        outputs=cards.manifest().signature.outputs,
    )
    known = cards.known(
        manifest=cards.manifest(signature=wide), history=cards.history("a", "b", "c") * 40, baseline=None
    )
    lines = list(card_lines(card_of(known), 80))
    assert len(lines) < 310
    assert any("older events" in line for line in lines)
