"""The grammar in docs/job.md is the parser's: what it derives, the parser reads."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

from batch_scorer.core.expressions.functions import FUNCTIONS
from batch_scorer.core.expressions.parser import parse_expression
from batch_scorer.core.expressions.tokens import ExpressionInvalid

PAGE = (Path(__file__).parents[2] / "docs" / "job.md").read_text(encoding="utf-8")
BLOCK = re.findall(r"```ebnf\n(.*?)```", PAGE, re.DOTALL)[0]
RULES: dict[str, str] = dict(
    re.findall(r"^([a-z-]+)\s*=(?=\s)(.*?)\s;$", BLOCK, flags=re.MULTILINE | re.DOTALL)
)
SYMBOLS = re.compile(r"""\s*("[^"]*"|'[^']*'|[a-z-]+|[\[\]{}()|])""")
# Words are not derived letter by letter.
WORDS = {
    "number": ["7", "0.5", ".5", "1e3", "2.E-1"],
    "text": ["'x'", '"say ""x"""', "''"],
    "name": ["fare", "_a1", "`trip miles`", "`a``b`"],
    "function": [*FUNCTIONS, "MAX"],
    "digits": ["0", "12"],
}
# What the grammar does not speak of: kinds, the arguments of each function, bounds.
BEYOND = re.compile(
    r" takes | needs | joins | compares | mixes | begins with |digits of round|nested|more than"
)
DEEPEST = 11

Rule = list[list[Any]]  # alternatives of sequences; an item is a symbol or ("[" or "{" or "(", Rule)


def rule(symbols: list[str]) -> Rule:
    """Takes symbols up to the bracket that closes."""
    alternatives: Rule = [[]]
    while symbols and (symbol := symbols.pop(0)) not in ("]", "}", ")"):
        if symbol == "|":
            alternatives.append([])
        else:
            alternatives[-1].append((symbol, rule(symbols)) if symbol in ("[", "{", "(") else symbol)
    return alternatives


GRAMMAR = {name: rule(SYMBOLS.findall(definition)) for name, definition in RULES.items()}


def derived(alternatives: Rule, chance: random.Random, depth: int = 0) -> str:
    """Deep down nothing optional, and no alternative that begins with a sign or leads into a bracket."""
    is_deep = depth > DEEPEST
    chosen = ["literal"] if is_deep and ["literal"] in alternatives else chance.choice(alternatives)
    parts = []
    for item in chosen:
        match item:
            case (bracket, inner):
                most = 1 if bracket == "[" else 2
                times = 1 if bracket == "(" else 0 if is_deep else chance.choice([0, 0, 0, most])
                parts += [derived(inner, chance, depth + 1) for _ in range(times)]
            case str() if item in WORDS:
                parts.append(chance.choice(WORDS[item]))
            case str() if item[0].isalpha():
                parts.append(derived(GRAMMAR[item], chance, depth + 1))
            case _:
                parts.append(item[1:-1])
    return " ".join(filter(None, parts))


def test_every_name_in_the_grammar_is_defined() -> None:
    named = {symbol for text in RULES.values() for symbol in SYMBOLS.findall(text) if symbol[0].isalpha()}
    assert named - set(RULES) == {"letter", "digit", "character"}
    assert set(RULES) <= named
    assert len(RULES) == len(re.findall(r" ;$", BLOCK, re.MULTILINE))


def test_what_the_grammar_derives_is_read() -> None:
    chance, n_read = random.Random(7), 0
    for _ in range(2_000):
        source = derived(GRAMMAR["expression"], chance)
        try:
            parse_expression(source)
        except ExpressionInvalid as invalid:
            if not BEYOND.search(invalid.what):
                raise AssertionError(f"{source}: {invalid}") from invalid
        else:
            n_read += 1
    assert n_read > 200
