"""Rows a second and core of a registered model's predict, by each way it can be called.

usage: PROJECT MODEL LAKE N_PASSES     prints {"original": rows a second, …}
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from batch_scorer.core.models import Compiled, Method
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.loader import LoadedModel, load_model
from batch_scorer.models.scoring.scorer import scorer_for

_BATCH_ROWS = 65_536


def main() -> None:
    project, name, lake, n_passes = sys.argv[1:]
    loaded = load_model(FileRegistry(Path(project) / "data" / "models").resolve(f"{name}@champion"))
    batches = list(_batches(Path(lake), loaded))
    print(json.dumps({way: _best(call, batches, int(n_passes)) for way, call in _ways(loaded).items()}))


def _ways(loaded: LoadedModel) -> dict[str, Callable[[pa.Table], object]]:
    """The compiled one as for chunks of one batch: with the comparison that every chunk gets."""
    method = Method.PREDICT_PROBA
    return {
        "original": lambda batch: loaded.predict(batch, method),
        "compiled": lambda batch: scorer_for(loaded, method, Compiled.REQUIRE).predict(batch),
    }


def _best(call: Callable[[pa.Table], object], batches: list[pa.Table], n_passes: int) -> float:
    """By processor seconds: neighbours on the machine do not count."""
    n_rows: int = sum(batch.num_rows for batch in batches)
    call(batches[0])  # what is imported or prepared at the first call
    return n_rows / min(_cpu_s(call, batches) for _ in range(n_passes))


def _cpu_s(call: Callable[[pa.Table], object], batches: list[pa.Table]) -> float:
    begun = time.process_time()
    for batch in batches:
        call(batch)
    return time.process_time() - begun


def _batches(lake: Path, loaded: LoadedModel) -> Iterator[pa.Table]:
    """Texts as dictionaries, as our reader gives them."""
    columns = loaded.manifest.signature.columns
    texts = [spec.name for spec in columns if spec.type == "string"]
    for path in sorted(lake.rglob("*.parquet")):
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            names = [spec.name for spec in columns]
            for batch in file.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
                yield pa.Table.from_batches([batch])
