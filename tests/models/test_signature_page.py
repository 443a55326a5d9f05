"""docs/signature.md says of every dtype what registration finds; its other tables are made of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd
import pytest

from batch_scorer.core.conversions import RULES, Family, column_type
from batch_scorer.models.signature.arrow_types import arrow_type, type_name
from batch_scorer.models.signature.columns import columns_from_frame
from tests.models.test_frames import Knowing
from tests.models.training_dtypes import KINDS, Kind
from tests.signature_page import PAGE, WANTED

_MISSING = {"nan": "NaN", "none": "None", "NA": "NA", "NaT": "NaT"}


def _rows() -> Iterator[tuple[str, str, str]]:
    """(dtype, type, what is missing) of the page's table, a row for each dtype."""
    section = PAGE.read_text(encoding="utf-8").partition("## From training to the signature")[2]
    for line in section.partition("\n\n- ")[0].splitlines():
        if not line.startswith("| `"):
            continue
        dtypes, types, missing = (cell.strip() for cell in line.strip("|").split("|"))
        names = [dtypes.replace("`", "")] if " of " in dtypes else re.findall(r"`([^`]+)`", dtypes)
        kinds = re.findall(r"`([^`]+)`", types) or [types]
        for position, name in enumerate(names):
            yield name, kinds[position if len(kinds) > 1 else 0], missing


ROWS = tuple(_rows())


def _kinds(name: str) -> list[Kind]:
    """Of one row of the page."""
    if name == "category":
        return [kind for kind in KINDS.values() if kind.remembered == "category"]
    return [kind for key, kind in KINDS.items() if key == name or key.startswith(f"{name}, ")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_page_says_what_registration_finds(row: tuple[str, str, str]) -> None:
    name, said, missing = row
    assert _kinds(name), f"no training table of tests/models/training_dtypes.py has a column of {name}"
    for kind in _kinds(name):
        (found,) = columns_from_frame(Knowing(["c"]), kind.frame, where="train.parquet")
        assert said in (found.type, "that of its categories")
        assert missing == "not possible" if not kind.missing else _MISSING[found.missing] in missing


def test_the_page_has_every_dtype() -> None:
    """Of timestamps one unit and one zone stand for all."""
    described = {id(kind) for name, _, _ in ROWS for kind in _kinds(name)}
    absent = [name for name, kind in KINDS.items() if id(kind) not in described]
    assert all(re.search(r"datetime64\[|timestamp\[|dictionary<", name) for name in absent), absent


def test_every_type_of_a_signature_has_rules_and_every_rule_is_of_such_a_type() -> None:
    for name in {*WANTED, *(kind.type for kind in KINDS.values())}:
        assert type_name(arrow_type(name)) == name
        assert column_type(name).family is not Family.OTHER
    assert {wanted for _, wanted in RULES} == {column_type(name).family for name in WANTED}


def test_numpy_has_no_room_for_a_null_where_the_page_says_so() -> None:
    for name, _, missing in ROWS:
        for kind in _kinds(name):
            (found,) = columns_from_frame(Knowing(["c"]), pd.DataFrame(kind.frame), where="t")
            assert found.nullable is (missing != "not possible")
