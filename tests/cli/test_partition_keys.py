"""Real lakes by several keys: a date and a string, an int and a string; values that paths must escape."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import taxi
from tests.conftest import TaxiProject

INLINE = {"cluster": "inline"}
REGIONS = ("50% off", "a=b", "caf\u00e9", "x:y", "007")


def add(project: TaxiProject, *segments: str, n_rows: int = 30) -> None:
    """A partition `first=…/second=…` with rides of its own."""
    target = project.lake.joinpath(*segments)
    target.parent.mkdir(parents=True, exist_ok=True)
    first_id = 1_000 * sum(1 for _ in project.lake.glob("*/*"))
    written = taxi.write_day(project.lake, taxi.FIRST_DAY, taxi.rides(n_rows, first_id=first_id), n_files=1)
    written.rename(target)


def published(project: TaxiProject) -> list[str]:
    """Directories below the predictions, as they are on disk."""
    found = {path.parent.relative_to(project.predictions) for path in project.predictions.rglob("*.parquet")}
    return sorted(map(str, found))


def planned(project: TaxiProject, *arguments: str) -> dict[str, str]:
    lines = project.cli("plan", "taxi_tips", "--json", *arguments).lines
    return {line["partition"]: line["action"] for line in lines if line["message_type"] == "partition_plan"}


def encoded(region: str) -> str:
    return f"region={quote(region, safe=' ')}"


@pytest.fixture
def by_day(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    """By region and day, the regions escaped as Hive does it."""
    keys = {"region": "string", "ds": "date"}
    project = make_project(0, input={"partition_by": keys}, compute=INLINE)
    for region in REGIONS:
        for day in ("2024-01-01", "2024-01-02"):
            add(project, encoded(region), f"ds={day}")
    return project


def run(project: TaxiProject, *arguments: str) -> Sequence[str]:
    """Run, and what is published then."""
    result = project.cli("run", "taxi_tips", *arguments)
    assert result.code == 0, result.stderr
    return published(project)


def test_a_region_and_a_day_choose_one_partition_whatever_its_value(by_day: TaxiProject) -> None:
    expected: list[str] = []
    for region in REGIONS:
        expected.append(f"{encoded(region)}/ds=2024-01-02")
        asked = ["--partition", f"region={region}", "--partition", "ds=2024-01-02"]
        assert planned(by_day, *asked) == {expected[-1]: "SCORE"}
        assert run(by_day, *asked) == sorted(expected)
    assert set(planned(by_day, "--from", "2024-01-02").values()) == {"SKIP"}


def test_values_of_a_key_are_alternatives_and_a_range_holds_as_well(by_day: TaxiProject) -> None:
    asked = ["--partition", "region=x:y", "--partition", "region=007", "--to", "2024-01-01"]
    assert run(by_day, *asked) == ["region=007/ds=2024-01-01", "region=x%3Ay/ds=2024-01-01"]


def test_the_command_for_an_outdated_partition_names_both_keys_and_works(
    by_day: TaxiProject, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    asked = ["--partition", "region=50% off", "--to", "2024-01-01"]
    run(by_day, *asked)
    artefact, training = model_files("boosted")
    by_day.cli(
        "models", "register", str(artefact), "--name", "taxi_tips",
        "--reference", str(training), "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    lines = by_day.cli("plan", "taxi_tips").stdout.splitlines()
    (outdated,) = [line for line in lines if "OUTDATED" in line]
    assert "(v1), not due; stale: scored with v1" in outdated
    command = shlex.split(outdated[outdated.index("batch-scorer ") :])
    assert command[3:] == [
        "backfill", "taxi_tips", "--partition", "region=50% off", "--partition", "ds=2024-01-01",
    ]  # fmt: skip
    assert by_day.cli(*command[3:]).code == 0
    assert planned(by_day, *asked) == {"region=50%25 off/ds=2024-01-01": "SKIP"}


def test_a_plan_by_several_keys_is_kept_and_run(by_day: TaxiProject, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    asked = ["--partition", "region=a=b", "--partition", "region=caf\u00e9", "--from", "2024-01-02"]
    assert by_day.cli("plan", "taxi_tips", *asked, "-o", str(path)).code == 0
    assert run(by_day, "--plan", str(path)) == [
        "region=a%3Db/ds=2024-01-02",
        "region=caf%C3%A9/ds=2024-01-02",
    ]


def test_an_int_and_a_string_without_a_date(make_project: Callable[..., TaxiProject]) -> None:
    keys = {"shard": "int", "code": "string"}
    project = make_project(0, input={"partition_by": keys}, compute=INLINE)
    for shard, code in ((7, "007"), (7, "7"), (-1, "007"), (10, "2024-01-01")):
        add(project, f"shard={shard}", f"code={code}")
    add(project, "shard=07", "code=x")  # no int in canonical form: refused, never taken for 7
    assert planned(project)["shard=07"] == "REFUSED"

    asked = ["--partition", "code=007"]
    assert set(planned(project, *asked)) == {"shard=-1/code=007", "shard=7/code=007"}
    assert run(project, *asked, "--partition", "shard=7") == ["shard=7/code=007"]
    assert run(project, "--partition", "code=7") == ["shard=7/code=007", "shard=7/code=7"]
    assert planned(project, "--partition", "shard=7") == {
        "shard=7/code=007": "SKIP",
        "shard=7/code=7": "SKIP",
    }

    for wrong in (
        ["--partition", "shard=007"],
        ["--partition", "shard=seven"],
        ["--partition", "cod=7"],
        ["--partition", "code="],
        ["--partition", "code"],
        ["--partition", "code=a/b"],
        ["--from", "2024-01-01"],
        ["--since", "2024-01-01"],
        ["--since", "last-success"],
    ):
        assert project.cli("plan", "taxi_tips", *wrong).code == 2, wrong


def test_the_newest_partition_is_that_of_the_newest_day_whichever_key_that_is(by_day: TaxiProject) -> None:
    run(by_day, "--partition", "region=x:y", "--to", "2024-01-01")
    run(by_day, "--partition", "region=007", "--from", "2024-01-02")
    assert "newest region=007/ds=2024-01-02" in by_day.cli("status", "taxi_tips").stdout


def test_the_commands_of_status_and_show_can_be_typed_whatever_a_partition_is_called(
    by_day: TaxiProject,
) -> None:
    asked = ["--partition", "region=50% off", "--partition", "ds=2024-01-01"]
    run(by_day, *asked)
    shown = by_day.cli("show", "last").stdout
    (file,) = (by_day.lake / "region=50%25 off" / "ds=2024-01-01").iterdir()
    file.write_bytes(b"no Parquet")
    assert by_day.cli("run", "taxi_tips", *asked).code == 1
    for text in (shown, by_day.cli("status", "taxi_tips").stdout):
        _, *command = shlex.split(text[text.index("batch-scorer ") :])
        assert command == ["-p", str(by_day.root), "show", "taxi_tips/region=50%25 off/ds=2024-01-01"]
