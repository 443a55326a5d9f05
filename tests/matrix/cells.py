"""One cell of the matrix: fitted, registered, run through a job, and what the estimator itself says."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.models import Method, ModelFormat, ModelManifest, Takes
from batch_scorer.core.plans import ModelChoice, Selection
from batch_scorer.core.runs import RunOptions
from batch_scorer.models.registering.about import About
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registry.files import FileRegistry
from tests import taxi
from tests.execution.test_observing import Nobody
from tests.matrix import lake
from tests.matrix.estimators import Case
from tests.matrix.lake import READINGS, Reading

A_ROW_GROUP, A_FILE = "1kB", "64MB"  # what one chunk is then


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """turn: which of its methods the job calls, counted round and round."""

    case: Case
    reading: Reading
    format: ModelFormat
    turn: int

    def __str__(self) -> str:
        return f"{self.case.name} on {self.reading.name} as {self.format.value}"

    @property
    def possible(self) -> bool:
        return self.format is ModelFormat.JOBLIB or not (self.case.no_skops or self.reading.no_skops)

    @property
    def method(self) -> Method:
        methods = methods_of(fitted(self.case, self.reading))
        return methods[self.turn % len(methods)]


class Workbench:
    """A project with a lake; cells register and run in it, beside each other.

    root: empty. days: the lake's tables by day.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.days = lake.write_lake(root / "data/lake/rides")
        self._registry = FileRegistry(root / "data/models")
        self._n_models = 0

    @cached_property
    def training(self) -> pd.DataFrame:
        pq.write_table(_TRAINING, self.root / "training.parquet")
        return pd.read_parquet(self.root / "training.parquet")

    def day(self, day: str) -> pd.DataFrame:
        """As pandas reads it, which is how training read its own table."""
        return pd.read_parquet(self.root / f"data/lake/rides/ride_date={day}/part-0.parquet")

    def register(self, cell: Cell) -> ModelManifest:
        """skops from Python, with the frame; joblib from files, as the command line does it."""
        estimator = fitted(cell.case, cell.reading)
        reference = cell.reading.read(self.training[list(cell.reading.columns)])
        self._n_models += 1
        name = f"m{self._n_models}"
        about = About(columns=cell.reading.columns if cell.reading.takes is not Takes.FRAME else ())
        if cell.format is ModelFormat.SKOPS:
            return register(
                estimator, registry=self._registry, name=name, reference=reference, who="ada", about=about
            )
        artefact, table = self.root / f"{name}.joblib", self.root / f"{name}.parquet"
        joblib.dump(estimator, artefact)
        reference.to_parquet(table)
        return register_file(
            artefact,
            registry=self._registry,
            name=name,
            reference_path=table,
            who="ada",
            allow_pickle=True,
            about=about,
        )

    def write_job(
        self, model: str, method: Method, estimator: Any, like: np.ndarray, *, chunk: str = A_ROW_GROUP
    ) -> str:
        """A job that publishes every column of the method's result, which is like that. Returns: its name."""
        name = f"{model}_{method.value}_{chunk}"
        document = taxi.job_document(
            name=name,
            model={"uri": f"{model}@1", "method": method.value},
            output={"path": f"data/predictions/{name}", "state": "data/state"},
            compute={"chunk": chunk},
        )
        document["model"]["output"] = _outputs(method, like, estimator)
        taxi.write_job(self.root, document)
        return name

    def run(self, job: str) -> None:
        """Both days, in this process."""
        parts = wiring.open_job(Project(root=self.root), job)
        report = wiring.run_job(parts, Selection(), ModelChoice(), RunOptions(cluster="inline"), Nobody())
        assert report.exit_code == 0, report

    def published(self, job: str, day: str) -> np.ndarray:
        """(n_rows, n_columns) in the order of the input, whose keys stand beside it."""
        table = pa.concat_tables(
            pq.read_table(path, partitioning=None)
            for path in sorted((self.root / f"data/predictions/{job}/ride_date={day}").glob("*.parquet"))
        )
        assert table.column("ride_id").to_pylist() == self.days[day].column("ride_id").to_pylist()
        names = [name for name in table.column_names if name.startswith("out")]
        return np.column_stack([table.column(name).to_numpy() for name in names])


_TRAINING = lake.rides(lake.N_TRAINING, seed=0)


@cache
def fitted(case: Case, reading: Reading) -> Any:
    """On one thread, as a pipeline that begins with what the reading needs."""
    inputs = reading.of(as_pandas(_TRAINING))
    target = case.target.of(_TRAINING)
    model = make_pipeline(reading.prepare(), case.build()) if reading.prepare else case.build()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that something has not converged is of no interest here
        return case.finish(model.fit(inputs, target), inputs, target)


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """What pandas reads from the Parquet file that the table becomes."""
    frame: pd.DataFrame = table.to_pandas()
    return frame


def methods_of(estimator: Any) -> tuple[Method, ...]:
    """By its attributes: what registering finds by asking must be the same."""
    return tuple(method for method in Method if callable(getattr(estimator, method.value, None)))


def own_output(estimator: Any, method: Method, inputs: Any) -> np.ndarray:
    """The estimator's word, in the shape of the registry's: (n_rows,) or (n_rows, n_columns)."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = getattr(estimator, method.value)(inputs)
    if isinstance(result, list):  # one array per output
        return np.hstack(result)
    return result.toarray() if hasattr(result, "toarray") else np.asarray(result)


def _outputs(method: Method, like: np.ndarray, estimator: Any) -> Mapping[str, str]:
    """An output per column; probabilities are asked for by class, all else by position."""
    kind = {"f": "float64", "i": "int64", "b": "bool", "O": "string", "U": "string"}[like.dtype.kind]
    if like.ndim == 1:
        return {"out0": f"{kind} = {method.result_name}"}
    items = _classes(estimator) if method is Method.PREDICT_PROBA else []
    if len(items) != like.shape[1]:  # one column per label of a chain, the components of a mixture
        items = [f"[{position}]" for position in range(like.shape[1])]
    return {f"out{i}": f"{kind} = {method.result_name}{item}" for i, item in enumerate(items)}


def _classes(estimator: Any) -> list[str]:
    """`['yes']` of one output, `[0]['yes']` of several."""
    classes = getattr(estimator, "classes_", [])
    if isinstance(classes, list):
        return [f"[{i}]['{label}']" for i, labels in enumerate(classes) for label in labels]
    return [f"['{label}']" for label in classes]


def readings_for(case: Case) -> tuple[Reading, ...]:
    """Those that can stand before the estimator."""
    if case.reading is not None:
        return (READINGS[case.reading],)
    return tuple(reading for reading in lake.NUMERIC if reading.name not in case.unfit)
