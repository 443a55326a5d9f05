"""Estimators × formats × dtypes: registered, run through a real job, equal to the estimator's own output.

The same bits, or 1e-12 (1e-5 in single precision) where the case says why its last bits depend on the batch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pytest

from batch_scorer.core.models import Method, ModelFormat
from tests.matrix import lake
from tests.matrix.cells import (
    A_FILE,
    A_ROW_GROUP,
    Cell,
    Workbench,
    fitted,
    methods_of,
    own_output,
    readings_for,
)
from tests.matrix.estimators import CASES, Case

pytestmark = pytest.mark.usefixtures("small_batches_compiled", "row_groups_apart")


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("matrix"))


def cells_of(case: Case) -> list[Cell]:
    """Everything that it can be: each reading in each format."""
    combined = product(enumerate(readings_for(case)), enumerate(ModelFormat))
    cells = (
        Cell(case=case, reading=reading, format=model_format, turn=row + column)
        for (row, reading), (column, model_format) in combined
    )
    return [cell for cell in cells if cell.possible]


def covering_cells() -> list[Cell]:
    """Every estimator once; in a family the formats take turns, readings come as often as each other."""
    families: dict[str, list[Case]] = {}
    for case in CASES:
        families.setdefault(case.family, []).append(case)
    cells: list[Cell] = []
    for cases in families.values():
        for case, wanted in zip(cases, cycle(ModelFormat), strict=False):
            cells.append(_cell(case, wanted, cells))
    return cells


def _cell(case: Case, wanted: ModelFormat, before: list[Cell]) -> Cell:
    used = Counter(cell.reading for cell in before)
    cell = min(cells_of(case), key=lambda cell: (cell.format is not wanted, used[cell.reading]))
    return replace(cell, turn=len(before))


def test_the_covering_set_has_every_estimator_and_meets_every_dtype_and_format() -> None:
    cells = covering_cells()
    assert {cell.case.name for cell in cells} == {case.name for case in CASES}
    readings = Counter(cell.reading for cell in cells)
    assert readings.keys() == set(lake.READINGS.values())
    assert min(readings[reading] for reading in lake.NUMERIC) > 1
    met = {(cell.case.family, cell.format) for cell in cells}
    assert met == {(cell.case.family, cell.format) for case in CASES for cell in cells_of(case)}
    assert {cell.method for cell in cells} == set(Method)


@pytest.mark.parametrize("cell", covering_cells(), ids=str)
def test_a_job_publishes_what_the_estimator_says(workbench: Workbench, cell: Cell) -> None:
    check(workbench, cell)


@pytest.mark.parametrize("name", ["LogisticRegression", "MLPRegressor", "KMeans", "one-hot, dense"])
def test_even_where_the_batch_matters_the_cut_into_chunks_does_not(workbench: Workbench, name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    cell = cells_of(case)[0]
    estimator = fitted(case, cell.reading)
    manifest = workbench.register(cell)
    method = methods_of(estimator)[-1]
    like = own_output(estimator, method, cell.reading.of(workbench.day(lake.DAYS[0])))
    jobs = [
        workbench.write_job(manifest.name, method, estimator, like, chunk=chunk)
        for chunk in (A_ROW_GROUP, A_FILE)
    ]
    for job in jobs:
        workbench.run(job)
    for day in lake.DAYS:
        cut, whole = (workbench.published(job, day) for job in jobs)
        assert_same(cut, whole)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_says_so_for_every_dtype_in_every_format(
    workbench: Workbench, case: Case, subtests: pytest.Subtests
) -> None:
    for cell in cells_of(case):
        with subtests.test(str(cell)):
            check(workbench, cell)


def check(workbench: Workbench, cell: Cell) -> None:
    estimator, method = fitted(cell.case, cell.reading), cell.method
    manifest = workbench.register(cell)
    assert manifest.format is cell.format
    assert set(manifest.signature.outputs) == set(methods_of(estimator))
    own = {day: own_output(estimator, method, cell.reading.of(workbench.day(day))) for day in lake.DAYS}
    job = workbench.write_job(manifest.name, method, estimator, own[lake.DAYS[0]])
    workbench.run(job)
    for day, expected in own.items():
        assert_agree(workbench.published(job, day), expected, cell)


def assert_agree(got: np.ndarray, expected: np.ndarray, cell: Cell) -> None:
    """As far as the case says: to the last bit, or nearly so. Classes are classes in any case."""
    if cell.case.batch is None or expected.dtype.kind != "f":
        assert_same(got, expected)
    else:
        tolerance = 1e-5 if cell.reading.single else 1e-12
        np.testing.assert_allclose(got, _as_columns(expected), rtol=tolerance, atol=tolerance)


def assert_same(got: np.ndarray, expected: np.ndarray) -> None:
    """To the last bit; numbers of single precision are published as the same numbers in double precision."""
    columns = _as_columns(expected)
    if columns.dtype.kind == "f":
        got, columns = got.view("uint64"), columns.astype("float64").view("uint64")
    assert got.shape == columns.shape
    differing = np.flatnonzero((got != columns).any(axis=1))
    assert not differing.size, f"{differing.size} of {len(got)} rows differ, first {differing[0]}"


def _as_columns(result: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(result.reshape(len(result), -1))
