"""What partitions of one layout share of their suites is made once, and is what each alone would get."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batch_scorer.core.lakefiles import Footer
from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.execution import checking
from batch_scorer.execution.checking import layouts_of, scan_of, table_schema
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.validation.evidence import schema_as_text
from batch_scorer.validation.streaming import compile as compiling

_SUITE = Suite(
    name="rides",
    document={
        "name": "rides",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "fare", "min_value": 0}}
        ],
    },
    fingerprint="f",
    path="rides.json",
    columns=("fare",),
    n_expectations=1,
)
_USE = BoundSuite(suite=_SUITE, on_fail=OnFail.BLOCK, stage="input")
_FLOATS = Footer(columns=(("ride_id", "int64"), ("fare", "double")), row_groups=())
_INTS = Footer(columns=(("ride_id", "int64"), ("fare", "int64")), row_groups=())


def test_a_suite_is_compiled_once_for_all_partitions_of_one_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    compile_suite = compiling.compile_suite

    def counted(*given: Any, **named: Any) -> Any:
        compiled.append(given)
        return compile_suite(*given, **named)

    monkeypatch.setattr(compiling, "compile_suite", counted)
    checking._columns_of.cache_clear()
    scans = [scan_of(_USE, layouts_of(footers), ("ride_id",)) for footers in ([_FLOATS], [_FLOATS] * 3)]
    assert scans[0] == scans[1]
    assert len(compiled) == 1


@pytest.mark.parametrize("footers", [[_FLOATS], [_INTS], [_FLOATS, _INTS], [_INTS, _FLOATS, _INTS]])
def test_what_is_kept_of_a_layout_is_what_its_files_alone_say(footers: list[Footer]) -> None:
    """Also after other layouts were asked for: files that disagree are not taken for files that agree."""
    for others in ([_FLOATS], [_INTS], [_FLOATS, _INTS]):
        scan_of(_USE, layouts_of(others), ())
    one = scan_of(_USE, layouts_of(footers), ())
    schema = table_schema([footer.columns for footer in footers])
    expectations = _SUITE.document["expectations"]
    assert one.schema == schema_as_text(schema)
    assert one.columns == compiling.compile_suite(expectations, schema, sample_columns=()).columns
    assert json.loads(one.expectations) == expectations
