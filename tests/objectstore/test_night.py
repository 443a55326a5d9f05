"""A project whose lake and registry lie in a bucket, driven as from a shell, on good nights and bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import joblib
import pandas as pd
import pytest

from tests.conftest import TaxiProject
from tests.objectstore.fixtures import SECRET, Bucket
from tests.objectstore.projects import STORAGE, local_lake, move_lake, upload
from tests.objectstore.proxy import Fault, Kind
from tests.taxi import FEATURES, job_document, write_job

MakeProject = Callable[..., TaxiProject]
DAYS = 2
FILES = 2 * DAYS  # two a day
VALUES = ["ride_id", "score", "big_tip"]


@pytest.fixture
def project(make_project: MakeProject, bucket: Bucket) -> TaxiProject:
    """Its lake is in the bucket, its registry on the disk."""
    made = make_project(DAYS)
    move_lake(made, bucket)
    return made


def scores(project: TaxiProject) -> list[pd.DataFrame]:
    return [project.published(day)[VALUES] for day in range(DAYS)]


def expected(project: TaxiProject) -> list[pd.DataFrame]:
    """From the same files on a disk, by the estimator alone."""
    (artefact,) = (project.root / "data" / "models").glob("taxi_tips/1/model.joblib")
    model, found = joblib.load(artefact), []
    for day in range(DAYS):
        paths = sorted((local_lake(project) / project.day(day).name).glob("*.parquet"))
        frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
        score = model.predict_proba(frame[FEATURES].astype({"payment_type": object, "company": object}))[:, 1]
        found.append(pd.DataFrame({"ride_id": frame.ride_id, "score": score, "big_tip": score > 0.5}))
    return found


def check_published(project: TaxiProject) -> None:
    for got, want in zip(scores(project), expected(project), strict=True):
        pd.testing.assert_frame_equal(got, want)


def test_a_night_costs_what_the_page_says_and_one_with_nothing_to_do_costs_listings_only(
    project: TaxiProject, bucket: Bucket
) -> None:
    bucket.proxy.forget()
    assert project.cli("run", "taxi_tips").code == 0
    check_published(project)
    # Names of partitions and their files, and each partition once more before it is published; a footer to
    # plan and one to score a file, whose columns came with it; a last look at each.
    assert bucket.proxy.count() == {"LIST": 1 + DAYS + DAYS, "GET": 2 * FILES, "HEAD": FILES}
    bucket.proxy.forget()
    assert "0 to score" in project.cli("plan", "taxi_tips").stdout
    assert project.cli("run", "taxi_tips").code == 0
    assert bucket.proxy.count() == {"LIST": 2 * (1 + DAYS)}
    audit = project.cli("audit", "taxi_tips", "--partition", "2024-01-01", "--json").lines[0]
    assert {each["sha256"] for each in audit["inputs"]} == {None}
    assert audit["inputs"][0]["etag"] == bucket.direct.head(f"lake/rides/{audit['inputs'][0]['path']}").etag
    verified = project.cli("verify", "taxi_tips", "--deep", "--rescore", "50")
    assert (verified.code, "the same" in verified.stdout) == (0, True)


def test_the_etag_tells_a_file_that_was_written_again_from_one_that_holds_something_else(
    project: TaxiProject, bucket: Bucket
) -> None:
    assert project.cli("run", "taxi_tips").code == 0
    upload(bucket, local_lake(project), "lake/rides")  # the same bytes
    assert "0 to score" in project.cli("plan", "taxi_tips").stdout
    one, two = (f"lake/rides/ride_date=2024-01-02/part-{number}.parquet" for number in (0, 1))
    bucket.direct.put(one, bucket.direct.get(two).data)
    planned = project.cli("plan", "taxi_tips").stdout
    assert "input changed" in planned
    assert "1 to score" in planned


def test_models_are_registered_promoted_and_loaded_by_workers_from_the_bucket(
    make_project: MakeProject, bucket: Bucket, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    project = make_project(DAYS)
    move_lake(project, bucket, registry=f"{bucket.url}/models", compute={"cluster": "local", "workers": 2})
    artefact, training = model_files("linear")
    registered = project.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    assert "taxi_tips@1" in project.cli("models", "list").stdout
    assert project.cli("models", "verify").code == 0
    assert project.cli("run", "taxi_tips").code == 0
    check_published(project)
    for verbs in (
        ("models", "show", "taxi_tips@champion"),
        ("models", "promote", "taxi_tips@1", "--alias", "other", "--reason", "tried"),
        ("models", "history", "taxi_tips"),
        ("doctor", "taxi_tips"),
        ("validate-config",),
    ):
        told = project.cli(*verbs)
        assert (told.code, SECRET in told.stdout + told.stderr) == (0, False), told.stderr
    bucket.direct.put("models/taxi_tips/1/model.joblib", b"another model")
    refused = project.cli("run", "taxi_tips", "--reprocess", "all")
    assert refused.code == 5
    assert "its sha256 differs" in refused.stderr


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.FAILED, Kind.DROPPED, Kind.DROPPED_IN_BODY, Kind.SLOW])
def test_a_bad_night_publishes_the_right_rows_or_ends_with_69_and_the_next_one_finishes(
    project: TaxiProject, bucket: Bucket, kind: Kind
) -> None:
    bucket.proxy.inject(Fault(kind=kind, rate=0.25, delay_s=0.02))
    code = project.cli("run", "taxi_tips").code
    assert code in (0, 69)
    bucket.proxy.forget()
    assert project.cli("run", "taxi_tips").code == 0
    check_published(project)
    assert project.cli("verify", "taxi_tips", "--deep").code == 0


@pytest.mark.parametrize("method", ["LIST", "GET"])
def test_a_store_that_goes_away_ends_plan_and_run_with_69_and_publishes_nothing_wrong(
    make_project: MakeProject, bucket: Bucket, method: str
) -> None:
    project = make_project(DAYS)
    move_lake(project, bucket, storage={"retry_for": "0s"}, compute={"retries": 1})
    # Of a run, after the plan was made.
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED, method=method, skip=FILES if method == "GET" else 0))
    failed = project.cli("run", "taxi_tips")
    assert failed.code == 69, failed.stderr
    assert "the object store does not answer" in failed.stderr
    assert SECRET not in failed.stderr
    assert project.snapshot() == {}
    planned = project.cli("plan", "taxi_tips")
    assert planned.code == 69
    bucket.proxy.forget()
    assert project.cli("run", "taxi_tips").code == 0
    check_published(project)


def test_a_project_is_drafted_from_a_table_in_a_bucket(project: TaxiProject, bucket: Bucket) -> None:
    table = f"{bucket.url}/lake/rides"
    assert project.cli("suites", "new", "drafted", "--from-parquet", table).code == 0
    drafted = project.cli("init", str(project.root), "--from-parquet", table, "--name", "second")
    assert drafted.code == 0, drafted.stderr
    assert table in (project.root / "jobs" / "second.yml").read_text()
    assert "ride_id" in drafted.stdout
    one = project.cli("init", str(project.root), "--from-parquet", f"{table}/ride_date=2024-01-01")
    assert (one.code, f"--from-parquet {table}\n" in one.stderr) == (2, True)
    nothing = project.cli("suites", "new", "no", "--from-parquet", f"{bucket.url}/nowhere")
    assert (nothing.code, "no such object" in nothing.stderr) == (2, True)


def test_a_draft_reaches_the_store_as_the_other_jobs_of_the_project_say(
    make_project: MakeProject, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(DAYS)
    move_lake(project, bucket, storage={**STORAGE, "endpoint": bucket.proxy.url})
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    table = f"{bucket.url}/lake/rides"
    assert project.cli("suites", "new", "drafted", "--from-parquet", table).code == 0
    drafted = project.cli("init", str(project.root), "--from-parquet", table, "--name", "second")
    assert drafted.code == 0, drafted.stderr
    text = (project.root / "jobs" / "second.yml").read_text()
    assert f'endpoint: "{bucket.proxy.url}"' in text
    assert "retry_for: 1s" in text
    assert project.cli("plan", "second").code == 0


def test_a_table_that_is_not_there_is_said_to_be(project: TaxiProject, bucket: Bucket) -> None:
    move_again = {"path": f"{bucket.url}/nowhere", "partition_by": {"ride_date": "date"}, "key": ["ride_id"]}
    write_job(project.root, job_document(input=move_again, storage=STORAGE))
    told = project.cli("plan", "taxi_tips")
    assert (told.code, "the input cannot be listed: no object is below it" in told.stderr) == (69, True)
