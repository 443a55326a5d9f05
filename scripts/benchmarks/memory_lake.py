"""A project with one partition of so many rows, for `memory.py`, which must stay small itself: a child
inherits the peak of the process that starts it.

    python scripts/benchmarks/memory_lake.py --rows 1000000 --layout "one file" --model linear PROJECT
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

BATCH_SCORER = Path(sys.executable).with_name("batch-scorer")
NUMBERS = [f"number_{i}" for i in range(8)]
TEXTS = ["payment", "company"]
_PIECE_ROWS = 1_000_000  # made once, written again and again


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the rows of the partition lie in files. row_groups: rows of the first, the second …, over and over.

    note_bytes: of a wide text per row, one of n_notes.
    """

    name: str
    file_rows: int
    row_groups: tuple[int, ...]
    note_bytes: int = 0
    n_notes: int = 1


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(name="one file", file_rows=1 << 60, row_groups=(131_072,)),
        Layout(name="many files", file_rows=100_000, row_groups=(50_000,)),
        Layout(name="large row groups", file_rows=1 << 60, row_groups=(4_000_000,)),
        Layout(name="skewed row groups", file_rows=1 << 60, row_groups=(1, 1_000, 600_000, 3_000_000)),
        Layout(name="wide text", file_rows=1 << 60, row_groups=(131_072,), note_bytes=2_000, n_notes=100_000),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--layout", choices=list(LAYOUTS), required=True)
    parser.add_argument("--model", choices=["linear", "boosted"], default="linear")
    parser.add_argument("project", type=Path)
    options = parser.parse_args()
    _make_project(options.project, options.model, LAYOUTS[options.layout])
    _write_partition(
        options.project / "data" / "lake" / "day=2024-01-01", options.rows, LAYOUTS[options.layout]
    )


def _write_partition(directory: Path, n_rows: int, layout: Layout) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for number, first in enumerate(range(0, n_rows, layout.file_rows)):
        _write_file(
            directory / f"part-{number:05d}.parquet", first, min(layout.file_rows, n_rows - first), layout
        )


def _write_file(path: Path, first_key: int, n_rows: int, layout: Layout) -> None:
    piece = _piece(layout)
    with pq.ParquetWriter(path, piece.schema, compression="zstd", write_page_checksum=True) as writer:
        sizes = cycle(layout.row_groups)
        while n_rows:
            rows = min(next(sizes), n_rows)
            writer.write_table(pa.concat_tables(_repeated(piece, first_key, rows)), row_group_size=rows)
            first_key, n_rows = first_key + rows, n_rows - rows


def _repeated(piece: pa.Table, first_key: int, n_rows: int) -> Iterator[pa.Table]:
    """So many rows of the piece, over and over, with the keys that follow first_key."""
    while n_rows:
        rows = min(n_rows, piece.num_rows)
        keys = pa.array(np.arange(first_key, first_key + rows))
        yield piece.slice(0, rows).set_column(0, "row_id", keys)
        first_key, n_rows = first_key + rows, n_rows - rows


def _piece(layout: Layout) -> pa.Table:
    table = pa.Table.from_pandas(_frame(min(_PIECE_ROWS, max(layout.row_groups))), preserve_index=False)
    if layout.note_bytes:
        rng = np.random.default_rng(2)
        notes = [rng.bytes(layout.note_bytes // 2).hex() for _ in range(layout.n_notes)]
        indices = pa.array(rng.integers(0, layout.n_notes, table.num_rows, dtype="int32"))
        table = table.append_column(
            "note", pa.DictionaryArray.from_arrays(indices, notes).dictionary_decode()
        )
    return table


def _frame(n_rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = np.round(rng.lognormal(0.8, 0.9, (n_rows, len(NUMBERS))), 2)
    numbers[rng.random(numbers.shape) < 0.05] = np.nan
    frame = pd.DataFrame(numbers, columns=NUMBERS)
    frame.insert(0, "row_id", np.arange(n_rows))
    frame["payment"] = rng.choice(["Cash", "Credit Card", "No Charge"], n_rows).astype(object)
    frame["company"] = rng.choice([f"Company {i}" for i in range(40)], n_rows).astype(object)
    return frame


def _make_project(root: Path, model: str, layout: Layout) -> None:
    shutil.rmtree(root, ignore_errors=True)
    (root / "jobs" / "suites").mkdir(parents=True)
    rules = [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "row_id"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "payment"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": NUMBERS[0], "min_value": 0}},
    ]
    suite = {"name": "rows", "expectations": rules}
    (root / "jobs" / "suites" / "rows.json").write_text(json.dumps(suite))
    (root / "jobs" / "memory.yml").write_text(yaml.safe_dump(_job(layout), sort_keys=False))
    training = _frame(20_000, seed=1)
    training.to_parquet(root / "training.parquet")
    joblib.dump(_fitted(model, training), root / "model.joblib")
    registering = ["models", "register", root / "model.joblib", "--name", "memory", "--allow-pickle"]
    reference = ["--reference", root / "training.parquet", "--alias", "champion"]
    command = [BATCH_SCORER, "-p", root, "-q", *registering, *reference]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def _job(layout: Layout) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "memory",
        "schedule": {"timezone": "UTC"},
        "input": {"path": "data/lake", "partition_by": {"day": "date"}, "key": ["row_id"]},
        "validate": {"input": [{"suite": "rows", "on_fail": "warn"}]},
        "model": {
            "uri": "memory@champion",
            "method": "predict_proba",
            "output": {"score": "float64 = proba[1]"},
        },
        "output": {
            "path": "data/predictions",
            "state": "data/state",
            "keep_columns": ["note"] if layout.note_bytes else [],
        },
    }


def _fitted(model: str, frame: pd.DataFrame) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if model == "linear":
        steps = [("num", SimpleImputer(), NUMBERS), ("cat", OneHotEncoder(handle_unknown="ignore"), TEXTS)]
        estimator = LogisticRegression(max_iter=300)
    else:
        steps = [("num", "passthrough", NUMBERS), ("cat", OrdinalEncoder(), TEXTS)]
        estimator = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    labels = (frame[NUMBERS[0]].fillna(0) > 2).astype(int)
    return make_pipeline(ColumnTransformer(steps), estimator).fit(frame[[*NUMBERS, *TEXTS]], labels)


if __name__ == "__main__":
    main()
