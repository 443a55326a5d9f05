"""The table a model was trained on: a frame, a file and a directory of files tell the same."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from batch_scorer.core.errors import SignatureInvalid, UsageError
from batch_scorer.core.models import ColumnSpec, TimeSpan
from batch_scorer.models.registering.reference import TrainingFiles, TrainingFrame
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from tests.memory import Memory
from tests.models.conftest import make_rides

RIDES = make_rides(900, seed=3).assign(count=pd.Series([1, None, 3] * 300, dtype="Int64"))
NAMES = ("hour", "fare", "company", "count")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Three days of 300 rides, small row groups; and things beside them that are no part of the table."""
    root = tmp_path / "train"
    for day in range(3):
        folder = root / f"ride_date=2024-01-0{day + 1}" / "region=1"
        folder.mkdir(parents=True)
        part = RIDES.iloc[day * 300 : day * 300 + 300]
        part.to_parquet(folder / "part-0.parquet", row_group_size=70, index=False)
        (folder / "_SUCCESS").touch()
    (root / "_old").mkdir()
    RIDES.head(3).to_parquet(root / "_old" / "a.parquet")
    return root


def test_a_frame_a_file_and_a_directory_give_the_same_sample(directory: Path, tmp_path: Path) -> None:
    RIDES.to_parquet(tmp_path / "train.parquet", row_group_size=111)
    in_memory = TrainingFrame(pd.read_parquet(tmp_path / "train.parquet")).look(NAMES)
    from_file = TrainingFiles(tmp_path / "train.parquet").look(NAMES)
    from_directory = TrainingFiles(directory).look(NAMES)
    expected = in_memory.sample.reset_index(drop=True)
    pd.testing.assert_frame_equal(from_file.sample, expected)
    pd.testing.assert_frame_equal(from_directory.sample, expected)
    assert 128 <= len(expected) <= 140
    assert all(expected[name].isna().any() for name in ("fare", "company", "count"))
    assert in_memory.record.n_rows == from_file.record.n_rows == from_directory.record.n_rows == 900


def test_a_directory_is_known_by_its_files_and_its_days(directory: Path) -> None:
    record = TrainingFiles(directory).look(NAMES).record
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(directory)}\n"
        for path in sorted(directory.glob("ride_date=*/*/*.parquet"))
    )
    assert record.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert record.columns == (*RIDES.columns, "ride_date", "region")
    assert record.spans == (
        TimeSpan(column="ride_date", first=dt.date(2024, 1, 1), last=dt.date(2024, 1, 3)),
    )
    assert record.path == str(directory)
    one = directory / "ride_date=2024-01-02" / "region=1" / "part-0.parquet"
    one.rename(one.with_name("part-1.parquet"))
    assert TrainingFiles(directory).look(NAMES).record.sha256 != record.sha256


def test_a_column_in_the_folders_names_can_be_the_models(directory: Path) -> None:
    look = TrainingFiles(directory).look(("hour", "region"))
    assert look.sample["region"].tolist() == [1] * len(look.sample)


def test_integers_with_a_null_far_from_the_sample_are_floats_as_pandas_has_it(tmp_path: Path) -> None:
    values: list[int | None] = [1] * 5000
    values[4321] = None
    pq.write_table(pa.table({"n": values}), tmp_path / "t.parquet", row_group_size=500)
    look = TrainingFiles(tmp_path / "t.parquet").look(("n",))
    assert look.sample["n"].dtype == pd.read_parquet(tmp_path / "t.parquet")["n"].dtype == "float64"


def test_a_category_that_the_sample_does_not_hold_is_a_category(tmp_path: Path) -> None:
    texts = ["a"] * 4000 + ["z"] + ["b"] * 4000
    frame = pd.DataFrame({"c": pd.Categorical(texts)})
    for part in range(2):
        half = frame.iloc[part * 4000 : part * 4000 + 4001].copy()
        half["c"] = half["c"].cat.remove_unused_categories()
        half.to_parquet(tmp_path / f"{part}.parquet")
    look = TrainingFiles(tmp_path).look(("c",))
    assert look.sample["c"].cat.categories.tolist() == ["a", "z", "b"]
    assert "z" not in look.sample["c"].tolist()


def test_batches_hold_every_row_in_the_signatures_types(directory: Path) -> None:
    columns = (
        ColumnSpec(name="fare", type="float64", nullable=True, pandas_dtype="float64"),
        ColumnSpec(name="count", type="int64", nullable=True, pandas_dtype="Int64", missing="NA"),
        ColumnSpec(name="company", type="string", nullable=True, pandas_dtype="str"),
    )
    from_files = pa.concat_tables(TrainingFiles(directory).batches(columns))
    from_frame = pa.concat_tables(TrainingFrame(RIDES).batches(columns))
    assert from_files.equals(from_frame)
    assert from_files["count"].null_count == 300
    assert from_files["fare"].null_count == RIDES.fare.isna().sum() > 0


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    writer = pq.ParquetWriter(
        tmp_path / "big.parquet", pa.schema([(f"c{n}", pa.float64()) for n in range(8)])
    )
    for _ in range(20):  # 100 MB once decoded
        writer.write_table(pa.table({f"c{n}": rng.integers(0, 9, 80_000).astype(float) for n in range(8)}))
    writer.close()
    memory = Memory()
    for batch in TrainingFiles(tmp_path / "big.parquet").batches(
        tuple(
            ColumnSpec(name=f"c{n}", type="float64", nullable=True, pandas_dtype="float64") for n in range(8)
        )
    ):
        assert len(batch) <= 65_536
        assert 0 < memory.arrow_bytes < 40e6
    look = TrainingFiles(tmp_path / "big.parquet").look(tuple(f"c{n}" for n in range(8)))
    assert look.record.n_rows == 1_600_000
    assert len(look.sample) == 128


def test_a_model_is_registered_with_a_directory(registry: FileRegistry, directory: Path) -> None:
    frame = RIDES.assign(company=RIDES.company.astype(object))
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        ColumnTransformer([("c", encoder, ["company"]), ("n", "passthrough", ["fare"])]),
        HistGradientBoostingClassifier(max_iter=2),
    ).fit(frame, frame.big_tip)
    manifest = register(model, registry=registry, name="m", reference=directory, who="ada")
    assert manifest.reference is not None
    assert manifest.reference.path == str(directory)
    assert manifest.n_golden_rows >= 128


@pytest.mark.parametrize("content", ["nothing", "text", "unlike"])
def test_a_directory_that_is_no_table_is_refused(tmp_path: Path, content: str) -> None:
    match content:
        case "text":
            (tmp_path / "a.parquet").write_text("ride_id,fare\n")
        case "unlike":
            pq.write_table(pa.table({"x": [1.0]}), tmp_path / "a.parquet")
            pq.write_table(pa.table({"x": ["one"]}), tmp_path / "b.parquet")
    with pytest.raises(UsageError) as caught:
        TrainingFiles(tmp_path).look(("x",))
    assert caught.value.where == str(tmp_path)
    assert "\n" not in caught.value.what


def test_frames_of_any_columns_have_a_fingerprint(registry: FileRegistry) -> None:
    lists = RIDES.head(50).assign(history=pd.Series([[1, 2]] * 50, dtype=object))
    first = TrainingFrame(lists).look(("fare",)).record.sha256
    assert first == TrainingFrame(lists.copy()).look(("fare",)).record.sha256
    changed = lists.assign(history=pd.Series([[1, 2]] * 49 + [[1, 3]], dtype=object))
    assert TrainingFrame(changed).look(("fare",)).record.sha256 != first


def test_columns_that_are_there_twice_are_refused() -> None:
    twice = pd.concat([RIDES[["fare"]], RIDES[["fare", "hour"]]], axis=1)
    with pytest.raises(SignatureInvalid, match="more than once: fare"):
        TrainingFrame(twice).look(("fare", "hour"))
    assert TrainingFrame(twice).look(("hour",)).record.columns == ("fare", "fare", "hour")


def test_a_frame_may_name_its_columns_by_numbers(registry: FileRegistry) -> None:
    from batch_scorer.models.registering.about import About

    values: Any = RIDES[["hour", "big_tip"]].to_numpy()
    model = GaussianNB().fit(values, RIDES.big_tip)
    manifest = register(
        model, registry=registry, name="m", reference=pd.DataFrame(values), who="ada",
        about=About(columns=("0", "1")),
    )  # fmt: skip
    assert manifest.signature.names == ("0", "1")
