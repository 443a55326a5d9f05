"""YAML without its traps. The oracle is JSON, which is YAML and has another parser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.layers import to_plain
from batch_scorer.config.mistakes import JobInvalid
from batch_scorer.config.yaml_source import MAX_BYTES, MAX_NESTING, YamlMap, YamlScalar, parse_yaml, read_yaml


def plain(text: str) -> object:
    return to_plain(parse_yaml(text, "jobs/a.yml").root)


def refusal(text: str) -> str:
    with pytest.raises(JobInvalid) as caught:
        parse_yaml(text, "jobs/a.yml")
    return str(caught.value.mistakes[0])


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
json_values = st.recursive(
    st.booleans() | st.integers(-(10**17), 10**17) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, json_values, max_size=4), st.sampled_from([None, 1, 4]))
def test_json_means_what_it_means_to_json(document: dict[str, object], indent: int | None) -> None:
    assert plain(json.dumps(document, indent=indent, ensure_ascii=False)) == document


@given(st.text(max_size=60) | st.text(alphabet="ab:{}[]-&*!|>'\"# \n\t,?%@0.~", max_size=60))
def test_any_text_is_a_mapping_or_a_mistake_with_a_place(text: str) -> None:
    try:
        root = parse_yaml(text, "jobs/a.yml").root
    except JobInvalid as invalid:
        placeless = [mistake for mistake in invalid.mistakes if mistake.line < 1 or mistake.column < 1]
        if placeless:
            raise
        return
    assert isinstance(root, YamlMap)


@pytest.mark.parametrize(
    "word", ["on", "off", "yes", "no", "y", "010", "12:30", "2024-01-01", "1_000", "0x1f", "1e3"]
)
def test_what_yaml_1_1_converts_by_surprise_is_text(word: str) -> None:
    assert plain(f"key: {word}") == {"key": word}
    assert plain(f"{word}: 1") == {word: 1}


def test_numbers_truths_and_nothing_are_themselves() -> None:
    text = "{a: 1, b: -2, c: 0.5, d: true, e: False, f: '1', g: \"true\"}"
    assert plain(text) == {"a": 1, "b": -2, "c": 0.5, "d": True, "e": False, "f": "1", "g": "true"}
    value = parse_yaml("a: ~", "jobs/a.yml").root.get("a")
    assert isinstance(value, YamlScalar)
    assert value.value is None


def test_every_key_and_value_knows_its_place() -> None:
    root = parse_yaml("# first\na:\n  - {b: 'c'}\n", "jobs/a.yml").root
    entry = root.entries["a"]
    assert (entry.key.file, entry.key.line, entry.key.column, entry.key.width) == ("jobs/a.yml", 2, 1, 1)
    item = to_plain(entry.value)
    assert item == [{"b": "c"}]
    nested = entry.value.items[0]  # type: ignore[union-attr]
    assert isinstance(nested, YamlMap)
    value = nested.entries["b"].value
    assert (value.place.line, value.place.column, value.place.width) == (3, 9, 3)


BOMB = """\
a: &a [x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "jobs/a.yml:1:4: anchors"),
        ("a: *b", "jobs/a.yml:1:4: aliases"),
        ("a: !!python/object/apply:os.system [true]", "jobs/a.yml:1:4: tags"),
        ("a: !mine 1", "jobs/a.yml:1:4: tags"),
        ("!mine a: 1", "jobs/a.yml:1:1: tags"),
        ("a: 1\nb: 2\na: 3", 'jobs/a.yml:3:1: key "a" is already in line 1'),
        ("a: 1\n2: x", "jobs/a.yml:2:1: a key must be text"),
        ("a: 1\n[b]: x", "jobs/a.yml:2:1: a key must be text"),
        ("a: 1\n~: x", "jobs/a.yml:2:1: a key must be text"),
        ("- a", "jobs/a.yml:1:1: a job file is a mapping"),
        ("just text", "jobs/a.yml:1:1: a job file is a mapping"),
        ("a: 1\n---\nb: 1", "jobs/a.yml:2:1: not valid YAML"),
        ("a: [1", "jobs/a.yml:1:6: not valid YAML"),
        ("a:\n\tb: 1", "jobs/a.yml:2:1: not valid YAML: a tab; indent with spaces"),
        ("a: 1\nb: \x00", "jobs/a.yml:2:4: not valid YAML: character U+0000"),
        ('a: "\\0"', "jobs/a.yml:1:4: holds a character that is not text"),
        ('a: "\\ud800"', "jobs/a.yml:1:4: holds a character that is not text"),
        ('a: "\\U00110000"', "jobs/a.yml:1:1: not valid YAML"),
    ],
)
def test_what_is_not_plain_data_is_refused_at_its_place(text: str, words: str) -> None:
    assert refusal(text).startswith(words)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_instead_of_overflowing_the_stack(opening: str) -> None:
    assert "nested deeper" in refusal("a:\n  " + opening * 5_000)


def test_nesting_up_to_the_limit_is_fine() -> None:
    depth = MAX_NESTING - 2
    assert plain("a: " + "[" * depth + "]" * depth)


def test_all_duplicate_keys_are_told_at_once() -> None:
    with pytest.raises(JobInvalid) as caught:
        parse_yaml("a: {x: 1, x: 2}\nb: {y: 1, y: 2}\n", "jobs/a.yml")
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 2]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: \xff", "jobs/a.yml:1:1: is not UTF-8 (line 1)"),
        (b"# " + b"x" * MAX_BYTES, "jobs/a.yml:1:1: is larger than"),
    ],
)
def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(content)
    with pytest.raises(JobInvalid) as caught:
        read_yaml(path, "jobs/a.yml")
    assert str(caught.value.mistakes[0]).startswith(words)


def test_a_directory_in_place_of_a_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(JobInvalid, match="cannot be read"):
        read_yaml(tmp_path, "jobs/a.yml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert to_plain(read_yaml(path, "jobs/a.yml").root) == {"a": 1}


def test_a_message_cannot_command_the_terminal() -> None:
    with pytest.raises(JobInvalid) as caught:
        parse_yaml("a: 1\nb: \x1b[31mred", "jobs/a.yml")
    assert "\x1b" not in caught.value.render()
