"""The real validation process: GX's own answers, and an answer whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch_scorer.core.validation import OnFail, SuiteVerdict
from batch_scorer.execution.checking import scan_of
from batch_scorer.execution.parts import BoundSuite
from batch_scorer.validation.gx.process import GxProcess
from batch_scorer.validation.gx.rendering import native_result
from tests.patience import WAIT_S, wait_for
from tests.validation.conftest import (
    LEFT_TO_GX,
    SuiteMaker,
    document_of,
    evidence_of,
    request_for,
    without_names,
)

AskGx = Callable[..., dict[str, Any]]

_HOLDS = ("expect_column_values_to_not_be_null", {"column": "ride_id"})
_MIXED = (
    _HOLDS,
    ("expect_column_values_to_be_unique", {"column": "ride_id"}),
    ("expect_column_values_to_be_between", {"column": "fare", "min_value": 0, "mostly": 0.9}),
    ("expect_column_values_to_be_between", {"column": "passengers", "min_value": 1}, "warning"),
    ("expect_column_values_to_not_be_null", {"column": "company"}),
    ("expect_column_values_to_match_regex", {"column": "company", "regex": "^Cab [01]$"}),
    ("expect_column_mean_to_be_between", {"column": "fare", "min_value": 0, "max_value": 10}),
    ("expect_column_max_to_be_between", {"column": "started_at", "max_value": "2020-01-01T00:00:00"}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "ride_id", "column_B": "fare"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["company", "passengers"]}),
    ("expect_table_row_count_to_be_between", {"min_value": 1000}),
)


def _is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize("result_format", ["BOOLEAN_ONLY", "BASIC", "SUMMARY"])
def test_results_are_those_of_gx_on_the_whole_partition(
    gx_process: GxProcess,
    ask_gx: AskGx,
    rides: pa.Table,
    ride_files: tuple[str, ...],
    make_suite: SuiteMaker,
    result_format: str,
) -> None:
    suite = make_suite(*_MIXED, LEFT_TO_GX)
    request = request_for(suite, ride_files, result_format={"result_format": result_format})
    verdict = gx_process.submit(request).result(WAIT_S)
    wanted = {"result_format": result_format, "unexpected_index_column_names": ["ride_id"]}
    assert len(native_result(verdict)["results"]) == len(_MIXED) + 1
    assert without_names(dict(native_result(verdict))) == without_names(ask_gx(rides, suite.document, wanted))


def test_complete_results_are_gx_s_own_as_well(
    gx_process: GxProcess,
    ask_gx: AskGx,
    rides: pa.Table,
    ride_files: tuple[str, ...],
    make_suite: SuiteMaker,
) -> None:
    suite = make_suite(*_MIXED, LEFT_TO_GX)
    request = request_for(suite, ride_files, result_format={"result_format": "COMPLETE"})
    verdict = gx_process.submit(request).result(WAIT_S)
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["ride_id"]}
    assert without_names(dict(native_result(verdict))) == without_names(ask_gx(rides, suite.document, wanted))


def test_only_the_first_rows_of_the_partition_are_read_under_a_limit(
    gx_process: GxProcess, ask_gx: AskGx, rides: pa.Table, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    suite = make_suite(*_MIXED, LEFT_TO_GX)
    for limit in (0, 60, 130, 500):
        verdict = gx_process.submit(request_for(suite, ride_files, limit_rows=limit)).result(WAIT_S)
        wanted = {"result_format": "SUMMARY", "unexpected_index_column_names": ["ride_id"]}
        oracle = ask_gx(rides.slice(0, limit), suite.document, wanted)
        assert without_names(dict(native_result(verdict))) == without_names(oracle), limit


def test_a_suite_about_the_schema_sees_every_column(
    gx_process: GxProcess, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    names = ["ride_id", "fare", "passengers", "company", "started_at"]
    suite = make_suite(("expect_table_columns_to_match_ordered_list", {"column_list": names}))
    assert gx_process.submit(request_for(suite, ride_files)).result(WAIT_S).success


def test_a_suite_that_names_no_column_still_counts_rows(
    gx_process: GxProcess, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    suite = make_suite(("expect_table_row_count_to_equal", {"value": 200}))
    assert gx_process.submit(request_for(suite, ride_files, key=())).result(WAIT_S).success


def test_an_index_that_pandas_kept_in_the_file_does_not_hide_its_column(
    gx_process: GxProcess, tmp_path: Path, make_suite: SuiteMaker
) -> None:
    path = tmp_path / "part.parquet"
    pd.DataFrame({"ride_id": [7, 3, 4], "fare": [1.0, 2.0, 3.0]}).set_index("ride_id").to_parquet(path)
    verdict = gx_process.submit(request_for(make_suite(_HOLDS, LEFT_TO_GX), (str(path),))).result(WAIT_S)
    assert verdict.success
    assert verdict.result is not None


def test_a_key_that_the_files_lack_costs_only_the_examples(
    gx_process: GxProcess, rides: pa.Table, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    suite = make_suite(("expect_column_values_to_be_between", {"column": "fare", "min_value": 0}))
    use = BoundSuite(suite=suite, on_fail=OnFail.BLOCK, stage="input")
    layout = tuple((field.name, str(field.type)) for field in rides.schema)
    one = scan_of(use, (layout,), ("no_such_key",))
    verdict = gx_process.submit(request_for(suite, ride_files, key=one.key)).result(WAIT_S)
    assert [failure.examples for failure in verdict.failed] == [("-5",)]
    assert verdict.not_evaluated is None


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (pa.table({"ride_id": ["7"], "fare": [1.0]}), "int64"),
        (pa.table({"ride_id": [7]}), "lacks the columns fare"),
        (None, "part-1.parquet"),
        (b"not parquet at all", "Parquet"),
    ],
)
def test_files_that_do_not_fit_together_are_not_evaluated(
    gx_process: GxProcess, tmp_path: Path, make_suite: SuiteMaker, second: pa.Table | bytes | None, why: str
) -> None:
    paths = [tmp_path / "part-0.parquet", tmp_path / "part-1.parquet"]
    pq.write_table(pa.table({"ride_id": [1], "fare": [2.0]}), paths[0])
    if isinstance(second, bytes):
        paths[1].write_bytes(second)
    elif second is not None:
        pq.write_table(second, paths[1])
    suite = make_suite(
        LEFT_TO_GX,
        (
            "expect_column_value_z_scores_to_be_less_than",
            {"column": "fare", "threshold": 3, "double_sided": True},
        ),
    )
    evidence = evidence_of(suite, pq.read_table(paths[0]))
    request = request_for(suite, tuple(map(str, paths)), gather=lambda: evidence)
    verdict = gx_process.submit(request).result(WAIT_S)
    assert verdict.not_evaluated is not None
    assert why in verdict.not_evaluated
    assert (verdict.success, verdict.blocks) == (False, True)


def test_a_flipped_bit_in_a_page_is_not_evaluated(
    gx_process: GxProcess, tmp_path: Path, make_suite: SuiteMaker
) -> None:
    path = tmp_path / "part.parquet"
    table = pa.table({"ride_id": pa.array(np.arange(10_000))})
    pq.write_table(table, path, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    suite = make_suite(LEFT_TO_GX)
    evidence = evidence_of(suite, table)
    verdict = gx_process.submit(request_for(suite, (str(path),), gather=lambda: evidence)).result(WAIT_S)
    assert "checksum" in str(verdict.not_evaluated).lower() or "crc" in str(verdict.not_evaluated).lower()


def test_an_expectation_that_gx_cannot_make_is_not_evaluated_rather_than_left_out(
    gx_process: GxProcess, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    suite = make_suite(_HOLDS, ("expect_column_value_lengths_to_equal", {"column": "company", "value": [1]}))
    verdict = gx_process.submit(request_for(suite, ride_files)).result(WAIT_S)
    assert verdict.not_evaluated is not None
    assert "value" in verdict.not_evaluated
    assert not verdict.success


def test_memory_is_given_back_between_requests(
    gx_process: GxProcess, tmp_path: Path, make_suite: SuiteMaker
) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table({"ride_id": np.arange(4_000_000)}), path)
    request = request_for(make_suite(LEFT_TO_GX), (str(path),), key=())

    def resident_bytes() -> int:
        assert gx_process.submit(request).result(WAIT_S).success
        pages = Path(f"/proc/{gx_process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    settled = [resident_bytes() for _ in range(3)][-1]
    later = [resident_bytes() for _ in range(5)]
    # What malloc keeps for itself goes up and down by a frame or two; what is kept for good only goes up:
    # after three more requests it would be 96 MB at least.
    assert min(later[2:]) - settled < 64 << 20


def test_a_process_killed_once_mid_request_is_asked_about_again_in_a_fresh_one(
    ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    with GxProcess(max_bytes=4 << 30) as process:
        pending = process.submit(request_for(make_suite(LEFT_TO_GX), ride_files))
        killed = _kill_next(process, None)
        assert pending.result(WAIT_S).success
        assert process.pid != killed


def test_a_process_killed_twice_mid_request_is_not_evaluated_and_the_next_request_gets_a_fresh_one(
    ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    request = request_for(make_suite(LEFT_TO_GX), ride_files)
    with GxProcess(max_bytes=4 << 30) as process:
        pending, after = process.submit(request), process.submit(request)
        killed = _kill_next(process, _kill_next(process, None))
        verdict = pending.result(WAIT_S)
        assert verdict.not_evaluated == (
            "z-score of ride_id less than 3: "
            "the validation process was killed by signal 9 (memory bound 4.3 GB?)"
        )
        assert (verdict.success, verdict.blocks) == (False, True)
        assert after.result(WAIT_S).success
        assert process.pid != killed


def _kill_next(process: GxProcess, last: int | None) -> int:
    wait_for(lambda: process.pid not in (None, last))
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


def test_a_partition_beyond_the_memory_bound_is_not_evaluated_and_a_smaller_one_is(
    tmp_path: Path, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    path = tmp_path / "part.parquet"
    # 4 KB on disk for every 8 MB in memory: 960 MB, more than the bound.
    pq.write_table(pa.table({"ride_id": np.zeros(120_000_000, dtype=np.int64)}), path)
    suite = make_suite(LEFT_TO_GX, _HOLDS, ("expect_table_row_count_to_equal", {"value": 3}))
    evidence = evidence_of(suite, pa.table({"ride_id": [7, 8, 9]}))
    with GxProcess(max_bytes=600_000_000) as process:
        verdict = process.submit(request_for(suite, (str(path),), gather=lambda: evidence)).result(WAIT_S)
        assert verdict.not_evaluated is not None
        assert "memory bound 0.6 GB" in verdict.not_evaluated
        # What was streamed has its answer all the same.
        assert [one["success"] for one in native_result(verdict)["results"]] == [False, True, True]
        assert not verdict.success
        assert process.submit(request_for(make_suite(LEFT_TO_GX), ride_files)).result(WAIT_S).success


def test_a_bound_too_small_for_gx_itself_is_told_and_not_passed(
    ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    with GxProcess(max_bytes=200_000_000) as process:
        verdict = process.submit(request_for(make_suite(LEFT_TO_GX), ride_files)).result(WAIT_S)
    assert "Great Expectations itself takes 0." in str(verdict.not_evaluated)
    assert "memory bound 0.2 GB" in str(verdict.not_evaluated)
    assert not verdict.success


def test_a_custom_expectation_from_the_jobs_code_is_evaluated_and_may_print(
    tmp_path: Path, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    (tmp_path / "expect_column_max_to_be_less_than_limit.py").write_text(
        "from great_expectations.expectations import ExpectColumnMaxToBeBetween\n"
        "print('{\"result\": 1}')\n"
        "class ExpectColumnMaxToBeLessThanLimit(ExpectColumnMaxToBeBetween):\n"
        "    max_value: float = 100\n"
    )
    custom = ("expect_column_max_to_be_less_than_limit", {"column": "fare"})
    suite = make_suite(custom, custom_allowed=True)
    with GxProcess(max_bytes=4 << 30, code=[str(tmp_path)]) as process:
        verdict = process.submit(request_for(suite, ride_files)).result(WAIT_S)
        unknown = make_suite(("expect_nothing_known", {}), custom_allowed=True)
        missing = process.submit(request_for(unknown, ride_files)).result(WAIT_S)
    assert [failure.summary for failure in verdict.failed] == [
        "fare, column max to be less than limit fails: 199"
    ]
    assert "No module named 'expect_nothing_known'" in str(missing.not_evaluated)


def test_closing_ends_the_process_at_once_and_the_pending_request_is_not_evaluated(
    ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    process = GxProcess(max_bytes=4 << 30)
    request = request_for(make_suite(LEFT_TO_GX), ride_files)
    running, waiting = process.submit(request), process.submit(request)
    wait_for(lambda: process.pid is not None)
    pid = process.pid
    assert pid is not None
    process.close()
    assert _is_gone(pid)
    assert running.result(0).not_evaluated == "the run ended before this suite was evaluated"
    assert not running.result(0).success
    assert waiting.cancelled()


def test_nothing_is_started_before_the_first_request() -> None:
    with GxProcess(max_bytes=1 << 30) as process:
        assert process.pid is None


def test_no_process_outlives_a_driver_that_is_killed(tmp_path: Path, ride_files: tuple[str, ...]) -> None:
    suite = tmp_path / "rides.json"
    suite.write_text(json.dumps(document_of([LEFT_TO_GX])))
    code = (
        "import sys, time; from pathlib import Path\n"
        "from batch_scorer.validation.gx.process import GxProcess\n"
        "from batch_scorer.validation.suites.reading import load_suite\n"
        "from tests.validation.conftest import request_for\n"
        "process = GxProcess(max_bytes=4 << 30)\n"
        "request = request_for(load_suite(Path(sys.argv[1])), tuple(sys.argv[2:]))\n"
        "assert process.submit(request).result().success\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", code, str(suite), *ride_files],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert driver.stdout is not None
    pid = int(driver.stdout.readline())
    assert not _is_gone(pid)
    driver.kill()
    driver.wait()
    driver.stdout.close()
    wait_for(lambda: _is_gone(pid))


def test_ctrl_c_reaches_neither_the_process_nor_its_answer(
    gx_process: GxProcess, ride_files: tuple[str, ...], make_suite: SuiteMaker
) -> None:
    request = request_for(make_suite(LEFT_TO_GX), ride_files)
    before: SuiteVerdict = gx_process.submit(request).result(WAIT_S)
    pid = gx_process.pid
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    after = gx_process.submit(request).result(WAIT_S)
    assert gx_process.pid == pid
    assert replace(after, seconds=0, result={}) == replace(before, seconds=0, result={})
