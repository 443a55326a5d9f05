"""`init --from-parquet`: a real table becomes a job in one command, and the job runs as it was written."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
import yaml

from batch_scorer.cli.main import run
from tests import taxi
from tests.conftest import TaxiProject

CSV = Path(__file__).parents[3] / "shared" / "data" / "chicago_taxi.csv"
Files = Callable[[str], tuple[Path, Path]]


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., taxi.Result]:
    """One command as typed in tmp_path."""
    monkeypatch.chdir(tmp_path)

    def execute(*arguments: str) -> taxi.Result:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return taxi.Result(code, captured.out, captured.err)

    return execute


def lake(root: Path, n_days: int = 3, n_rows: int = 300) -> Path:
    for index, day in enumerate(taxi.days(n_days)):
        taxi.write_day(root, day, taxi.rides(n_rows, seed=index, first_id=index * 1_000))
    return root


def saved_model(directory: Path) -> None:
    """`MODEL.skops` and `TRAIN.parquet`, as the printed commands name them: a regression."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    frame = taxi.rides(500, seed=99)
    columns = ["trip_miles", "trip_seconds", "fare"]
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(frame[columns], frame["tips"])
    skops.io.dump(model, directory / "MODEL.skops")
    frame.to_parquet(directory / "TRAIN.parquet")


def job_of(root: Path, name: str = "rides") -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / "jobs" / f"{name}.yml").read_text())
    return document


def commands(result: taxi.Result) -> list[list[str]]:
    """What was printed from `next:` on, as a shell would split it."""
    printed = result.stdout.partition("next: ")[2].splitlines()
    return [shlex.split(line)[1:] for line in printed]


def test_before_there_is_a_model_the_printed_commands_lead_to_predictions(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    lake(tmp_path / "lake" / "rides")
    saved_model(tmp_path)
    drafted = shell("init", "project", "--from-parquet", "lake/rides")
    assert drafted.code == 0, drafted.stderr
    before = (tmp_path / "project/jobs/rides.yml").read_bytes()
    assert shell("-p", "project", "validate-config").code == 0
    asked = commands(drafted)
    assert [command[2] for command in asked] == ["models", "models", "run"]
    for command in asked:
        done = shell(*command)
        assert done.code == 0, done.stderr
    published = taxi.read_published(tmp_path / "project/data/predictions/rides")
    assert len(published) == 900
    assert published["ride_id"].is_unique
    assert (tmp_path / "project/jobs/rides.yml").read_bytes() == before


def test_with_a_registered_model_that_fits_the_job_names_it_and_runs(
    tmp_path: Path, shell: Callable[..., taxi.Result], model_files: Files
) -> None:
    lake(tmp_path / "data/lake/rides")
    artefact, training = model_files("linear")
    shell("init")
    registered = shell(
        "models", "register", str(artefact), "--name", "tips", "--reference", str(training),
        "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    drafted = shell("init", "--from-parquet", "data/lake/rides", "--timezone", "America/Chicago")
    assert drafted.code == 0, drafted.stderr
    job = job_of(tmp_path)
    assert job["model"] == {
        "uri": "tips@champion",
        "method": "predict_proba",
        "output": {"score": "float64 = proba[1]"},
    }
    assert job["input"]["path"] == "data/lake/rides"
    assert job["input"]["partition_by"] == {"ride_date": "date"}
    assert job["input"]["key"] == ["ride_id"]
    assert job["schedule"]["timezone"] == "America/Chicago"
    assert commands(drafted) == [["plan", "rides"], ["run", "rides"]]
    done = shell("run", "rides")
    assert (done.code, done.stderr) == (0, "")
    published = taxi.read_published(tmp_path / "data/predictions/rides")
    assert published["score"].between(0, 1).all()
    assert len(published) == 900


def test_the_draft_says_what_nobody_could_find_out(tmp_path: Path, shell: Callable[..., taxi.Result]) -> None:
    lake(tmp_path / "rides", n_days=1)
    shell("init", "project", "--from-parquet", "rides")
    text = (tmp_path / "project/jobs/rides.yml").read_text()
    assert "timezone: UTC  " in text
    assert "REVIEW" in text
    assert "no value twice in 2024-01-01, the newest partition" in text
    assert str(tmp_path / "rides") == job_of(tmp_path / "project")["input"]["path"]  # outside: absolute
    suite = (tmp_path / "project/jobs/suites/rides_input.json").read_text()
    assert "Drafted by batch-scorer, to be reviewed" in suite


def test_a_zero_before_a_number_keeps_a_partition_key_a_string(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    for shop in ("007", "12"):
        taxi.write_day(tmp_path, taxi.FIRST_DAY, taxi.rides(50))
        (tmp_path / f"ride_date={taxi.FIRST_DAY}").rename(tmp_path / "moved")
        (tmp_path / "sales" / f"shop={shop}" / "month=3").mkdir(parents=True)
        for file in (tmp_path / "moved").iterdir():
            file.rename(tmp_path / "sales" / f"shop={shop}" / "month=3" / file.name)
        (tmp_path / "moved").rmdir()
    assert shell("init", "project", "--from-parquet", "sales").code == 0
    assert job_of(tmp_path / "project", "sales")["input"]["partition_by"] == {
        "shop": "string",
        "month": "int",
    }
    plan = shell("-p", "project", "validate-config")
    assert plan.code == 0, plan.stderr


def test_two_columns_are_the_key_where_one_is_not(tmp_path: Path, shell: Callable[..., taxi.Result]) -> None:
    frame = taxi.rides(200).drop(columns="ride_id")
    frame["car"] = [f"car {index % 20}" for index in range(200)]
    frame["started_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(
        [index // 20 for index in range(200)], unit="min"
    )
    taxi.write_day(tmp_path / "rides", taxi.FIRST_DAY, frame.astype({"started_at": "datetime64[us]"}))
    drafted = shell("init", "project", "--from-parquet", "rides")
    assert drafted.code == 0, drafted.stderr
    assert set(job_of(tmp_path / "project")["input"]["key"]) == {"car", "started_at"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--key", "rideid"], 'did you mean "ride_id"?'),
        (["--key", "company"], "is null in"),
        (["--key", "trip_start_month"], "share theirs with another row"),
        (["--timezone", "Europe/Brelin"], 'did you mean "Europe/Berlin"?'),
        (["--name", "a b"], "is no name for a job"),
        (["--model", "Tips!"], "is no name for a model"),
        (["--model", "tips@3"], 'there is no model "tips" yet'),
        (["--example"], "contradict each other"),
    ],
)
def test_a_wish_that_cannot_be_is_exit_2_and_writes_nothing(
    tmp_path: Path, shell: Callable[..., taxi.Result], arguments: list[str], said: str
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    refused = shell("init", "project", "--from-parquet", "rides", *arguments)
    assert refused.code == 2
    assert said in refused.stderr
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("flat", "no directories key=value"),
        ("flat/a.parquet", "no directories key=value"),
        ("rides/ride_date=2024-01-01", "--from-parquet"),
        ("rides/ride_date=2024-01-01/part-0.parquet", "--from-parquet"),
        ("nothing", "no such file or directory"),
        ("keyless", "name the columns that do with --key"),
        (".", "is no hive partition"),
    ],
)
def test_a_table_that_cannot_be_scored_is_told_and_what_to_do(
    tmp_path: Path, shell: Callable[..., taxi.Result], path: str, said: str
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    (tmp_path / "flat").mkdir()
    taxi.rides(10).to_parquet(tmp_path / "flat/a.parquet")
    frame = taxi.rides(50).drop(columns="ride_id")
    taxi.write_day(tmp_path / "keyless", taxi.FIRST_DAY, pd.concat([frame, frame]))
    refused = shell("init", "rides/project", "--from-parquet", path)
    assert refused.code == 2
    assert said in refused.stderr
    assert not (tmp_path / "rides/project").exists()


def test_a_project_is_not_put_into_the_table_that_it_reads(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    refused = shell("init", "rides/project", "--from-parquet", "rides")
    assert refused.code == 2
    assert "inside of the table" in refused.stderr


def test_several_models_that_fit_are_a_choice(
    tmp_path: Path, shell: Callable[..., taxi.Result], model_files: Files
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    shell("init", "project")
    artefact, training = model_files("linear")
    for name in ("first", "second"):
        shell(
            "-p", "project", "models", "register", str(artefact), "--name", name,
            "--reference", str(training), "--allow-pickle",
        )  # fmt: skip
    refused = shell("init", "project", "--from-parquet", "rides")
    assert refused.code == 2
    assert "2 registered models fit this table: first, second" in refused.stderr
    chosen = shell("init", "project", "--from-parquet", "rides", "--model", "second")
    assert chosen.code == 0, chosen.stderr
    assert job_of(tmp_path / "project")["model"]["uri"] == "second@champion"
    assert [command[2:4] for command in commands(chosen)] == [["models", "promote"], ["run", "rides"]]
    for command in commands(chosen):
        assert shell(*command).code == 0
    assert len(taxi.read_published(tmp_path / "project/data/predictions/rides")) == 60


def test_a_model_that_does_not_fit_is_refused_with_the_column(
    project: TaxiProject, tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    frame = taxi.rides(60).rename(columns={"fare": "fare_usd"})
    taxi.write_day(tmp_path / "other", taxi.FIRST_DAY, frame)
    refused = shell("init", str(project.root), "--from-parquet", "other", "--model", "taxi_tips")
    assert refused.code == 2
    assert 'column "fare"' in refused.stderr
    unasked = shell("init", str(project.root), "--from-parquet", "other")
    assert unasked.code == 0, unasked.stderr
    assert job_of(project.root, "other")["model"]["uri"] == "other@champion"
    assert "none of the 1 registered models fits" in unasked.stdout


def test_nothing_is_overwritten_and_the_same_command_twice_changes_nothing(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    assert shell("init", "project", "--from-parquet", "rides").code == 0
    assert shell("init", "project", "--from-parquet", "rides", "--json").lines[-1]["written"] == []
    job = tmp_path / "project/jobs/rides.yml"
    job.write_text("mine")
    (tmp_path / "project/jobs/_template.yml").write_text("mine too")
    refused = shell("init", "project", "--from-parquet", "rides")
    assert refused.code == 2
    assert "--name" in refused.stderr
    assert job.read_text() == "mine"
    job.unlink()
    shutil.rmtree(tmp_path / "project/jobs/suites")
    assert shell("init", "project", "--from-parquet", "rides", "--name", "trips").code == 0
    assert (tmp_path / "project/jobs/_template.yml").read_text() == "mine too"
    assert job_of(tmp_path / "project", "trips")["validate"]["input"][0]["suite"] == "trips_input"


def test_json_tells_every_choice_and_the_next_commands(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    lake(tmp_path / "rides", n_days=1, n_rows=60)
    lines = shell("init", "project", "--from-parquet", "rides", "--json").lines
    assert {line["about"] for line in lines if line["message_type"] == "choice"} >= {"key", "model"}
    assert lines[-1]["job"] == "rides"
    assert lines[-1]["next"][-1] == "batch-scorer -p project run rides"


@pytest.mark.skipif(not CSV.exists(), reason="needs the real rides beside the project: shared/data")
def test_real_dirty_rides_are_drafted_and_scored(tmp_path: Path, shell: Callable[..., taxi.Result]) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    rides = pd.read_csv(CSV)
    columns = ["fare", "trip_miles", "trip_seconds"]
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(rides[columns], rides["tips"])
    skops.io.dump(model, tmp_path / "MODEL.skops")
    rides.to_parquet(tmp_path / "TRAIN.parquet")
    started = pd.to_datetime(rides["trip_start_timestamp"], unit="s")
    rides = rides.assign(ride_id=range(len(rides)), quarter=started.dt.to_period("Q").dt.start_time.dt.date)
    rides.to_parquet(tmp_path / "rides", partition_cols=["quarter"], index=False)
    drafted = shell("init", "project", "--from-parquet", "rides")
    for command in commands(drafted):
        done = shell(*command)
        assert done.code == 0, done.stderr
    published = taxi.read_published(tmp_path / "project/data/predictions/rides")
    assert sorted(published["ride_id"]) == list(range(len(rides)))


def test_text_in_a_dictionary_is_text_to_the_run_and_to_its_suite(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    frame = taxi.rides(300, seed=1)
    frame["company"] = pd.Categorical(["blue", "red", "red"] * 100)
    taxi.write_day(tmp_path / "lake" / "rides", taxi.days(1)[0], frame)
    saved_model(tmp_path)
    for command in commands(shell("init", "project", "--from-parquet", "lake/rides")):
        result = shell(*command)
        assert result.code == 0, result.stderr


def test_a_table_with_the_longest_name_gets_names_that_are_names(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    lake(tmp_path / "lake" / ("r" * 90), n_days=1)
    assert shell("init", "project", "--from-parquet", f"lake/{'r' * 90}").code == 0
    given = shell("init", "project", "--from-parquet", f"lake/{'r' * 90}", "--name", "s" * 64)
    assert given.code == 0, given.stderr
    assert shell("-p", "project", "validate-config").code == 0


def test_the_key_is_proven_on_rows_not_on_an_empty_partition(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    first, second = taxi.days(2)
    rides = taxi.rides(300, seed=1)
    rides.insert(0, "shift_id", [number // 2 for number in range(300)])
    taxi.write_day(tmp_path / "lake" / "rides", first, rides)
    taxi.write_day(tmp_path / "lake" / "rides", second, rides.iloc[:0])
    assert shell("init", "project", "--from-parquet", "lake/rides").code == 0
    assert job_of(tmp_path / "project")["input"]["key"] == ["ride_id"]


def test_a_moment_that_comes_once_is_a_key_where_nothing_else_is(
    tmp_path: Path, shell: Callable[..., taxi.Result]
) -> None:
    times = pd.date_range("2024-01-01", periods=300, freq="s", tz="UTC")
    frame = pd.DataFrame(
        {"read_at": times, "level": [0.5, 1.5, 2.5] * 100, "flag": [True, False, False] * 100}
    )
    taxi.write_day(tmp_path / "lake" / "gauges", taxi.days(1)[0], frame)
    assert shell("init", "project", "--from-parquet", "lake/gauges").code == 0
    assert job_of(tmp_path / "project", "gauges")["input"]["key"] == ["read_at"]
