from __future__ import annotations

import pytest

from batch_scorer.core.errors import ColumnMissing, ColumnTypeMismatch
from batch_scorer.core.lakefiles import FileStamp, Footer, LakeFile
from batch_scorer.lake.reading.schema import carried_types, check_features, disagreements
from tests.lake.lakes import spec

FILES = tuple(
    LakeFile(path=f"day=1/part-{i}.parquet", stamp=FileStamp(size=1, mtime_ns=0, ctime_ns=0, inode=i))
    for i in range(2)
)
GOOD = {"ride_id": "int64", "fare": "float64", "company": "string"}


def footers(*tables: dict[str, str]) -> tuple[Footer, ...]:
    return tuple(Footer(columns=tuple(columns.items()), row_groups=()) for columns in tables)


def test_columns_that_fit_pass_and_extra_ones_do_not_matter() -> None:
    features = (spec("fare", "float32"), spec("company", "string"))
    check_features(FILES, footers(GOOD, {**GOOD, "fare": "int64", "tip": "map<string, int64>"}), features)


def test_a_missing_feature_names_the_file_and_what_it_may_be_called_now() -> None:
    renamed = {"ride_id": "int64", "Fare_": "float64", "company": "string"}
    with pytest.raises(ColumnMissing) as caught:
        check_features(FILES, footers(GOOD, renamed), [spec("fare", "float64")], model="taxi_tips@3")
    assert caught.value.what == (
        'column "fare", which the signature of taxi_tips@3 needs, is not in part-1.parquet; '
        'it looks renamed to "Fare_"'
    )
    assert caught.value.where == "day=1/part-1.parquet, which has ride_id, Fare_, company"


@pytest.mark.parametrize("found", ["string", "bool", "list<item: int64>"])
def test_a_feature_of_a_type_that_cannot_fit_is_refused_before_any_row(found: str) -> None:
    with pytest.raises(ColumnTypeMismatch) as caught:
        check_features(FILES[:1], footers({**GOOD, "fare": found}), [spec("fare", "int64")], model="m@1")
    assert caught.value.what == (
        f'column "fare" is {found} in part-0.parquet but the signature of m@1 says int64'
    )


def test_carried_columns_have_one_type_in_the_order_asked_for() -> None:
    assert carried_types(FILES, footers(GOOD, GOOD), ("fare", "ride_id")) == (
        ("fare", "float64"),
        ("ride_id", "int64"),
    )


def test_carried_columns_that_differ_between_files_are_refused() -> None:
    with pytest.raises(ColumnTypeMismatch, match=r"is string in part-1.parquet but int64 in part-0.parquet"):
        carried_types(FILES, footers(GOOD, {**GOOD, "ride_id": "string"}), ["ride_id"])
    with pytest.raises(ColumnMissing, match=r'"ride_id", which the job needs, is not in part-1.parquet'):
        carried_types(FILES, footers(GOOD, {"fare": "float64"}), ["ride_id"])
    with pytest.raises(ColumnTypeMismatch, match="cannot be carried"):
        carried_types(FILES[:1], footers({"ride_id": "struct<x: int64>"}), ["ride_id"])


def test_a_file_with_nothing_but_nulls_agrees_with_every_type() -> None:
    unknown = {**GOOD, "company": "null"}
    for pair in ((GOOD, unknown), (unknown, GOOD)):
        assert carried_types(FILES, footers(*pair), ["company"]) == (("company", "string"),)


def test_files_that_differ_from_the_first_are_reported() -> None:
    assert disagreements(FILES, footers(GOOD, GOOD)) == ()
    assert disagreements((), ()) == ()
    other = {"ride_id": "int64", "fare": "int64", "tip": "float64"}
    assert disagreements(FILES, footers(GOOD, other)) == (
        'part-1.parquet differs from part-0.parquet: "fare" is int64, not float64, also "tip", no "company"',
    )
