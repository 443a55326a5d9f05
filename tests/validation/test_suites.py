"""Suites are read without GX, refused with every mistake in its place, and known by what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.validation.suites.json_text import JsonInvalid, parse_json
from batch_scorer.validation.suites.reading import load_suite, suite_fingerprint, suites_fingerprint
from tests.validation.conftest import SuiteMaker, document_of

_FARE = ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "max_value": 500})
_COMPANY = ("expect_column_values_to_not_be_null", {"column": "company", "mostly": 0.5})


def _refusal(path: Path, text: str, *, custom_allowed: bool = False) -> str:
    path.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_suite(path, custom_allowed=custom_allowed)
    assert caught.value.exit_code == 78
    return caught.value.render()


def test_a_suite_saved_by_gx_is_read_with_its_columns(gx: Any, tmp_path: Path) -> None:
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    expectations = gx.expectations
    context.suites.add(
        gx.ExpectationSuite(
            name="rides",
            expectations=[
                expectations.ExpectColumnValuesToBeBetween(column="fare", min_value=0, max_value=500),
                expectations.ExpectColumnValuesToNotBeNull(column="company", mostly=0.5, severity="warning"),
            ],
        )
    )
    suite = load_suite(tmp_path / "gx" / "expectations" / "rides.json")
    assert (suite.name, suite.columns, suite.n_expectations) == ("rides", ("fare", "company"), 2)


def test_all_mistakes_are_told_at_once_with_line_and_column_and_the_nearest_name(tmp_path: Path) -> None:
    text = """{
  "name": "rides",
  "expectations": [
    {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "fare"}},
    {
      "type": "expect_column_values_to_be_in_set",
      "kwargs": {"column": "payment", "mosty": 0.9},
      "severity": "fatal"
    }
  ]
}"""
    path = tmp_path / "rides.json"
    lines = _refusal(path, text).splitlines()
    assert lines[0] == (
        f'{path}:4:14: unknown expectation "expect_column_values_to_be_betwen"; '
        'did you mean "expect_column_values_to_be_between"?'
    )
    assert lines[1].endswith(text.splitlines()[3])
    assert lines[2].strip() == "^" * len('"expect_column_values_to_be_betwen"')
    assert lines[2].index("^") == lines[1].index('"expect_column_values_to_be_betwen"')
    headings = [line for line in lines if line.startswith(str(path))]
    assert [heading.removeprefix(f"{path}:").partition(": ")[0] for heading in headings] == [
        "4:14",
        "7:7",
        "7:39",
        "8:19",
    ]
    assert 'needs "value_set"' in headings[1]
    assert 'no argument "mosty"; did you mean "mostly"?' in headings[2]
    assert 'severity "fatal" is not one of critical, warning, info' in headings[3]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{"name": "a",\n "expectations": [}', "2:19", "not JSON"),
        ('{"name": "a", "expectations": [NaN]}', "1:32", "not JSON: NaN"),
        ("[1]", "1:1", "a suite is a JSON object"),
        ('{"name": "a", "expectations": []}', "1:31", "would pass whatever comes"),
        ('{"name": "a"}', "1:1", "expectations must be a list"),
        ('{"expectations": [3]}', "1:1", "name must be a text"),
        ('{"name": "a", "expectations": [3]}', "1:32", "an expectation is a JSON object"),
        ('{"name": "a", "name": "b", "expectations": [3]}', "1:15", '"name" is given twice'),
    ],
)
def test_what_is_no_suite_is_refused_in_its_place(
    tmp_path: Path, text: str, place: str, message: str
) -> None:
    path = tmp_path / "rides.json"
    first_heading = _refusal(path, text).splitlines()[0]
    assert first_heading.startswith(f"{path}:{place}: ")
    assert message in first_heading


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"column": "fare"}, "needs min_value or max_value"),
        ({"min_value": 0}, 'needs "column"'),
        ({"column": ["fare"], "min_value": 0}, "column must name a column"),
        ({"column": "fare", "min_value": 0, "mostly": 99}, "mostly must be a share between 0 and 1, not 99"),
        ({"column": "fare", "min_value": 10**400}, "min_value is a number too large for GX to read"),
        (
            {"column": "fare", "min_value": {"$PARAMETER": "low"}},
            'no value for the parameter "low" in suite_',
        ),
    ],
)
def test_arguments_that_gx_would_refuse_or_misread_are_refused(
    tmp_path: Path, kwargs: dict[str, Any], message: str
) -> None:
    document = document_of([("expect_column_values_to_be_between", kwargs)])
    assert message in _refusal(tmp_path / "rides.json", json.dumps(document))


def test_parameters_that_the_suite_gives_are_put_in_and_count_in_its_fingerprint(tmp_path: Path) -> None:
    rule = ("expect_column_values_to_be_between", {"column": "fare", "min_value": {"$PARAMETER": "low"}})

    def loaded(low: float) -> Suite:
        path = tmp_path / f"{low}.json"
        path.write_text(json.dumps({**document_of([rule]), "suite_parameters": {"low": low}}))
        return load_suite(path)

    assert loaded(3).document["expectations"][0]["kwargs"]["min_value"] == 3
    assert loaded(3).fingerprint != loaded(4).fingerprint
    plain = document_of([("expect_column_values_to_be_between", {"column": "fare", "min_value": 3})])
    assert loaded(3).fingerprint == suite_fingerprint(plain)


def test_a_suite_of_gx_0_is_told_the_new_names(tmp_path: Path) -> None:
    old = {"expectation_suite_name": "a", "expectations": [{"expectation_type": "x", "kwargs": {}}]}
    told = _refusal(tmp_path / "rides.json", json.dumps(old))
    assert 'unknown key "expectation_suite_name"; GX 1 calls it "name"' in told
    assert 'unknown key "expectation_type"; GX 1 calls it "type"' in told


def test_a_custom_expectation_is_let_through_only_where_the_job_has_code(make_suite: SuiteMaker) -> None:
    custom = ("expect_column_values_to_be_even", {"column": "fare", "anything": 1})
    with pytest.raises(ConfigInvalid, match="unknown expectation"):
        make_suite(custom)
    assert make_suite(custom, custom_allowed=True).columns is None


def test_a_file_that_is_not_there_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "rides_input.json").write_text("{}")
    with pytest.raises(ConfigInvalid, match='did you mean "rides_input') as caught:
        load_suite(tmp_path / "rides_inptu.json")
    assert caught.value.where == str(tmp_path / "rides_inptu.json")


def test_a_file_too_large_for_a_suite_or_too_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rides.json"
    path.write_text(" " * (3 << 20))
    with pytest.raises(ConfigInvalid, match="bytes, more than"):
        load_suite(path)
    assert "nested deeper" in _refusal(path, "[" * 100_000)
    assert "nested deeper" in _refusal(path, "[" * 150 + "]" * 150)


def test_loading_a_suite_imports_neither_gx_nor_pandas_nor_arrow() -> None:
    code = (
        "import sys, batch_scorer.validation.suites.reading, batch_scorer.validation.gx.process,"
        " batch_scorer.validation.store, batch_scorer.validation.suites.check\n"
        "print({'great_expectations', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_fingerprint_ignores_order_ids_notes_versions_and_how_gx_writes_a_default() -> None:
    document = document_of([_FARE, _COMPANY])
    rewritten = document_of([_COMPANY, _FARE])
    rewritten["meta"] = {"great_expectations_version": "2.0.0"}
    company, fare = rewritten["expectations"]
    del company["severity"]
    fare |= {"id": "d59fc470-1d42-470f-9b5d-506e8632c911", "notes": "why"}
    fare["kwargs"] |= {"min_value": 0.0, "mostly": 1.0, "strict_min": False, "row_condition": None}
    assert suite_fingerprint(rewritten) == suite_fingerprint(document)


@pytest.mark.parametrize(
    "change", [{"min_value": 1}, {"column": "tip"}, {"mostly": 0.9}, {"strict_min": True}]
)
def test_the_fingerprint_changes_with_every_argument(change: dict[str, Any]) -> None:
    type_, kwargs = _FARE
    changed = document_of([(type_, {**kwargs, **change}), _COMPANY])
    assert suite_fingerprint(changed) != suite_fingerprint(document_of([_FARE, _COMPANY]))


def test_the_fingerprint_changes_with_severity_type_and_number_of_expectations() -> None:
    prints = {
        suite_fingerprint(document_of(expectations))
        for expectations in (
            [_FARE],
            [_COMPANY],
            [_FARE, _COMPANY],
            [(*_FARE, "warning"), _COMPANY],
            [("expect_column_max_to_be_between", _FARE[1])],
        )
    }
    assert len(prints) == 5


def test_the_fingerprint_survives_being_saved_again_by_gx(gx: Any, make_suite: SuiteMaker) -> None:
    suite = make_suite(_FARE, _COMPANY)
    saved = gx.ExpectationSuite(**json.loads(json.dumps(suite.document))).to_json_dict()
    assert suite_fingerprint(json.loads(json.dumps(saved))) == suite.fingerprint


def test_the_fingerprint_of_a_job_depends_on_stage_and_on_fail_but_not_on_order(
    make_suite: SuiteMaker,
) -> None:
    suite = make_suite(_FARE)
    block, warn = (suite, OnFail.BLOCK, "input"), (suite, OnFail.WARN, "output")
    assert suites_fingerprint([block, warn]) == suites_fingerprint([warn, block])
    others = [[block], [warn], [], [(suite, OnFail.WARN, "input")], [block, warn]]
    assert len({suites_fingerprint(uses) for uses in others}) == 5


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.integers(0, 4) | st.none(), st.booleans())
def test_the_span_of_every_value_holds_exactly_that_value(
    document: Any, indent: int, ascii_only: bool
) -> None:
    parsed = parse_json(f" {json.dumps(document, indent=indent, ensure_ascii=ascii_only)}\n")
    assert parsed.document == document
    for path, (start, end) in parsed.values.items():
        value = document
        for step in path:
            value = value[step]
        assert json.loads(parsed.text[start:end]) == value
    for path, (start, end) in parsed.keys.items():
        assert json.loads(parsed.text[start:end]) == path[-1]


@given(_JSON, st.data())
def test_a_damaged_text_is_refused_with_a_place_inside_it(document: Any, data: st.DataObject) -> None:
    text = json.dumps([document])
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(JsonInvalid) as caught:
        parse_json(text[:cut])
    assert 0 <= caught.value.offset <= cut
