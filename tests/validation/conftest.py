"""A small dirty table of rides, suites on it, and Great Expectations itself as the judge."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.validation import OnFail, Suite
from batch_scorer.validation.evidence import Evidence, gathered
from batch_scorer.validation.formats import columns_kept, rows_kept
from batch_scorer.validation.gx.process import GxProcess, ValidationRequest
from batch_scorer.validation.streaming.compile import compile_suite
from batch_scorer.validation.streaming.measures import Sampling
from batch_scorer.validation.streaming.rows import Rows
from batch_scorer.validation.streaming.scan import scan
from batch_scorer.validation.suites.reading import load_suite

SuiteMaker = Callable[..., Suite]

# Holds, and is left to GX: its process is asked, and reads the files.
LEFT_TO_GX = (
    "expect_column_value_z_scores_to_be_less_than",
    {"column": "ride_id", "threshold": 3, "double_sided": True},
)


@pytest.fixture(scope="session")
def gx() -> Any:
    """Great Expectations in the test's own process; its own deprecations are not our warnings."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
        import great_expectations.expectations.core
    return great_expectations


@pytest.fixture(scope="session")
def ask_gx(gx: Any) -> Callable[..., dict[str, Any]]:
    """What GX says about a table when nothing of ours is involved."""

    def ask(table: pa.Table, document: dict[str, Any], result_format: dict[str, Any]) -> dict[str, Any]:
        from great_expectations.data_context.types.base import ProgressBarsConfig

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = context.data_sources.add_pandas("oracle").add_dataframe_asset("rows")
            batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
                {"dataframe": table.to_pandas()}
            )
            suite = gx.ExpectationSuite(**json.loads(json.dumps(document)))
            answer: dict[str, Any] = batch.validate(suite, result_format=result_format).to_json_dict()
        return answer

    return ask


@pytest.fixture(scope="session")
def rides() -> pa.Table:
    """200 rides: a quarter of the fares negative, a fifth of the companies missing, one key doubled."""
    n_rows = 200
    ids = [*range(n_rows - 1), 0]
    return pa.table(
        {
            "ride_id": pa.array(ids, pa.int64()),
            "fare": pa.array([-5.0 if i % 4 == 0 else float(i) for i in range(n_rows)], pa.float64()),
            "passengers": pa.array([None if i % 7 == 0 else i % 5 for i in range(n_rows)], pa.int64()),
            "company": pa.array([None if i % 5 == 0 else f"Cab {i % 3}" for i in range(n_rows)], pa.string()),
            "started_at": pa.array([1_700_000_000_000_000 + i for i in range(n_rows)], pa.timestamp("us")),
        }
    )


@pytest.fixture(scope="session")
def ride_files(rides: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The rides in two files of several row groups."""
    directory = tmp_path_factory.mktemp("rides")
    paths = (directory / "part-0.parquet", directory / "part-1.parquet")
    for path, part in zip(paths, (rides.slice(0, 120), rides.slice(120)), strict=True):
        pq.write_table(part, path, row_group_size=50, write_page_checksum=True)
    return tuple(str(path) for path in paths)


@pytest.fixture
def make_suite(tmp_path: Path) -> SuiteMaker:
    """A suite from (type, kwargs[, severity]) tuples, by way of a file."""

    def make(*expectations: tuple[Any, ...], custom_allowed: bool = False) -> Suite:
        path = tmp_path / "rides.json"
        path.write_text(json.dumps(document_of(expectations)))
        return load_suite(path, custom_allowed=custom_allowed)

    return make


def document_of(expectations: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "name": "rides",
        "expectations": [
            {"type": type_, "kwargs": kwargs, "severity": severity[0] if severity else "critical"}
            for type_, kwargs, *severity in expectations
        ],
        "meta": {"great_expectations_version": "1.24.1"},
    }


def without_names(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the names and times that two runs of GX never share, and without our note."""
    for one in result["results"]:
        one["expectation_config"]["kwargs"].pop("batch_id", None)
        one["meta"].pop("batch_scorer", None)
    return {name: result[name] for name in ("success", "results", "statistics", "suite_name")}


def request_for(suite: Suite, files: tuple[str, ...], **others: Any) -> ValidationRequest:
    """Its evidence is that of the rows in `files`, unless another `gather` is given."""
    request = ValidationRequest(
        partition="2024-01-01",
        suite=suite,
        on_fail=OnFail.BLOCK,
        stage="input",
        files=files,
        gather=_unasked,
        key=("ride_id",),
    )
    request = replace(request, **others)
    return request if "gather" in others else replace(request, gather=partial(_evidence_in_files, request))


def evidence_of(suite: Suite, table: pa.Table, result_format: dict[str, Any] | None = None) -> Evidence:
    """What the workers and the driver make of a table, here in one piece."""
    format_ = result_format or {}
    expectations = suite.document["expectations"]
    sampling = Sampling(keep=rows_kept(format_), columns=columns_kept(format_, table.column_names))
    compiled = compile_suite(expectations, table.schema, sample_columns=sampling.columns)
    scanned = scan(Rows(table), compiled.measures, sampling)
    with tempfile.TemporaryDirectory() as spills:
        return gathered(expectations, table.schema, sampling, scanned, Path(spills))


def _unasked() -> Evidence:
    raise AssertionError("nobody asks")


def _evidence_in_files(request: ValidationRequest) -> Evidence:
    table = pa.concat_tables(pq.read_table(file).replace_schema_metadata() for file in request.files)
    if request.limit_rows is not None:
        table = table.slice(0, request.limit_rows)
    return evidence_of(request.suite, table, request.format)


@pytest.fixture(scope="module")
def gx_process() -> Iterator[GxProcess]:
    """One real validation process for all tests of a module: it takes seconds to start."""
    with GxProcess(max_bytes=4 << 30) as process:
        yield process
