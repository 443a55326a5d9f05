"""The nightly run, as cron sees it: what is due is scored, exactly accounted, and nothing twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from tests import taxi
from tests.conftest import TaxiProject


@pytest.mark.parametrize("model", ["linear", "boosted", "forest"])
@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_every_score_equals_the_estimators_own_bit_for_bit_and_joins_back_one_to_one(
    make_project: Callable[..., TaxiProject], model: str, cluster: str
) -> None:
    project = make_project(3, model=model, compute={"chunk": "20kB"})
    estimator = taxi.fitted(model)

    result = project.cli("run", "taxi_tips", "--cluster", cluster)

    assert result.code == 0, result.stderr
    assert result.stderr == ""
    for index in range(3):
        rides = pd.read_parquet(project.day(index), partitioning=None)
        published = project.published(index)
        joined = rides.merge(published, on="ride_id", validate="one_to_one")
        assert len(joined) == len(rides) == len(published)
        expected = estimator.predict_proba(joined[taxi.FEATURES].astype(rides[taxi.FEATURES].dtypes))
        assert np.array_equal(joined["score"].to_numpy(), expected[:, 1])
        assert np.array_equal(joined["big_tip"].to_numpy(), expected[:, 1] > 0.5)


def test_rows_stay_in_file_order_and_every_row_names_run_model_and_time(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    published = project.published(0)
    assert published["ride_id"].tolist() == list(range(600))
    run_id = project.cli("--json", "runs").lines[0]["run_id"]
    assert set(published["_run_id"]) == {run_id}
    assert set(published["_model_version"]) == {"taxi_tips@1"}
    assert str(published["_scored_at"].dtype) == "datetime64[us, UTC]"


def test_a_second_run_has_nothing_to_do_and_says_so_only_with_v(project: TaxiProject) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    before = project.snapshot()
    silent = project.cli("run", "taxi_tips")
    assert (silent.code, silent.stdout, silent.stderr) == (0, "", "")
    told = project.cli("run", "taxi_tips", "-v")
    assert told.code == 0
    assert "nothing to do" in told.stderr
    assert project.snapshot() == before
    quiet = project.cli("--json", "runs").lines[0]
    assert (quiet["n_published"], quiet["exit_code"]) == (0, 0)  # a quiet night is a night that ran


def test_changed_input_is_scored_again_and_an_untouched_copy_is_not(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    path = project.day(0) / "part-0.parquet"
    path.write_bytes(path.read_bytes())  # new stamps, same content
    os.utime(project.day(1) / "part-0.parquet")
    assert project.cli("run", "taxi_tips", "-v").stderr.count("nothing to do") == 1

    project.add_day(1, n_rows=601)
    plan = project.cli("--json", "plan", "taxi_tips").lines
    assert [line["reasons"][0]["cause"] for line in plan if line["message_type"] == "partition_plan"] == [
        "up to date",
        "input changed",
    ]
    assert project.cli("run", "taxi_tips").code == 0
    assert len(project.published(1)) == 601
    generations = project.cli("--json", "show", "taxi_tips/2024-01-02").lines[0]["generation"]
    assert generations["number"] == 2


def test_a_new_champion_makes_old_partitions_outdated_and_a_backfill_lifts_them(
    project: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project.cli("run", "taxi_tips")
    artefact, training = model_files("boosted")
    project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    plan = project.cli("plan", "taxi_tips")
    assert plan.stdout.count("OUTDATED") == 2
    assert "backfill taxi_tips" in plan.stdout
    assert project.cli("run", "taxi_tips", "-v").stderr.count("nothing to do") == 1

    result = project.cli(
        "backfill", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-01", "--reprocess", "stale"
    )
    assert result.code == 0, result.stderr
    assert set(project.published(0)["_model_version"]) == {"taxi_tips@2"}
    assert set(project.published(1)["_model_version"]) == {"taxi_tips@1"}


def test_where_and_limit_rows_drop_rows_and_the_accounts_say_how_many(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(1, input={"where": "fare > 10", "limit_rows": 250}, compute={"chunk": "20kB"})
    rides = pd.read_parquet(project.day(0), partitioning=None).iloc[:250]
    assert project.cli("run", "taxi_tips").code == 0
    rows = project.cli("--json", "show", "taxi_tips/2024-01-01").lines[0]["generation"]["rows"]
    kept = rides[rides.fare > 10]
    assert project.published(0)["ride_id"].tolist() == kept.ride_id.tolist()
    assert rows == {"n_read": 600, "n_scored": len(kept), "n_quarantined": 0, "n_dropped": 600 - len(kept)}


@pytest.mark.parametrize("chunk", ["1kB", "40kB", "10MB"])
def test_chunk_size_never_changes_an_answer(make_project: Callable[..., TaxiProject], chunk: str) -> None:
    project = make_project(1, compute={"chunk": chunk})
    project.cli("run", "taxi_tips")
    rides = pd.read_parquet(project.day(0), partitioning=None)
    expected = taxi.fitted("linear").predict_proba(rides[taxi.FEATURES])[:, 1]
    assert np.array_equal(project.published(0)["score"].to_numpy(), expected)


def test_every_reader_of_a_lake_reads_the_predictions(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(2, output={"success_marker": True})
    project.cli("run", "taxi_tips")
    root = project.predictions
    assert (root / "ride_date=2024-01-01" / "_SUCCESS").read_bytes() == b""
    query = f"select count(*) from read_parquet('{root}/**/*.parquet')"
    ((n_duckdb,),) = duckdb.connect().execute(query).fetchall()
    frame = pl.scan_parquet(f"{root}/**/*.parquet", hive_partitioning=True).collect()
    assert n_duckdb == frame.height == len(pd.read_parquet(root)) == 1200
    assert set(frame["ride_date"].cast(pl.String)) == {"2024-01-01", "2024-01-02"}


def test_output_files_and_manifest_explain_themselves(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    project.add_day(0, n_rows=610)
    project.cli("run", "taxi_tips")
    manifests = project.state / "manifests" / "taxi_tips" / "ride_date=2024-01-01"
    second = json.loads((manifests / "2.json").read_text())
    file = sorted((project.predictions / "ride_date=2024-01-01").glob("*.parquet"))[0]
    footer = {
        key.decode(): value.decode()
        for key, value in pq.read_metadata(file).metadata.items()
        if key.startswith(b"batch_scorer.")
    }
    assert footer["batch_scorer.generation"] == "2"
    assert footer["batch_scorer.previous_manifest_sha256"] == second["previous_sha256"]
    assert footer["batch_scorer.input_sha256"] == second["input_fingerprint"]
    assert {entry["name"] for entry in second["outputs"]} == {
        path.name for path in file.parent.glob("*.parquet")
    }
    assert (project.state / "replaced" / "taxi_tips" / "ride_date=2024-01-01" / "1").is_dir()


def test_nothing_but_finished_parquet_is_ever_under_the_predictions(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    assert all(name.endswith(".parquet") for name in project.snapshot())
    assert not list((project.state / "staging").rglob("*.parquet"))


def test_an_output_schema_change_is_refused_until_it_is_allowed(project: TaxiProject) -> None:
    project.cli("run", "taxi_tips")
    before = project.snapshot()
    document = taxi.job_document(model={"output": {"score": "float32 = proba[1]"}})
    taxi.write_job(project.root, document)
    refused = project.cli("run", "taxi_tips", "--reprocess", "all")
    assert refused.code == 1
    assert "score was float64, would be float32" in refused.stderr
    assert "--allow-schema-change" in refused.stderr
    assert project.snapshot() == before
    assert project.cli("run", "taxi_tips", "--reprocess", "all", "--allow-schema-change").code == 0
    assert str(project.published(0)["score"].dtype) == "float32"


def test_old_generations_are_kept_as_many_as_asked(make_project: Callable[..., TaxiProject]) -> None:
    project = make_project(1, output={"keep_generations": 2})
    for _ in range(5):
        assert project.cli("run", "taxi_tips", "--reprocess", "all").code == 0
    kept = sorted(
        d.name for d in (project.state / "replaced" / "taxi_tips" / "ride_date=2024-01-01").iterdir()
    )
    assert kept == ["3", "4"]


def test_nested_keys_of_several_types_are_partitions_of_their_own(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(0, input={"partition_by": {"region": "string", "hour": "int"}})
    for region in ("eu", "us west"):
        taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(50))
        target = project.lake / f"region={region}" / "hour=7"
        target.parent.mkdir()
        (project.lake / f"ride_date={taxi.FIRST_DAY}").rename(target)
    assert project.cli("run", "taxi_tips", "--partition", "region=eu").code == 0
    assert (project.predictions / "region=eu" / "hour=7").is_dir()
    assert not (project.predictions / "region=us west").exists()
    assert project.cli("run", "taxi_tips").code == 0
    assert (project.predictions / "region=us west" / "hour=7").is_dir()
    assert project.cli("run", "taxi_tips", "--from", "2024-01-01").code == 2


def test_a_run_without_golden_rows_mentions_it(
    make_project: Callable[..., TaxiProject], model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project = make_project(1)
    artefact, _ = model_files("linear")
    registered = project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips", "--allow-pickle",
        "--no-golden-rows", "--alias", "champion",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    result = project.cli("run", "taxi_tips")
    assert result.code == 0
    assert "golden rows" in result.stderr
