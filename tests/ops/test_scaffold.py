"""`init` makes what it says, works twice, and touches nothing of the user's."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from batch_scorer.core.errors import OutputUnwritable, UsageError
from batch_scorer.ops.scaffold import project
from batch_scorer.ops.scaffold.project import Example, scaffold_example, scaffold_project

REPOSITORY = Path(__file__).parents[2]
PLAIN = {"jobs/_template.yml", "jobs/.schema/job.schema.json", "data/README.md", "data/.gitignore"}
TEMPLATES = Path(project.__file__).parent / "templates"


def _names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def _contents(directory: Path) -> dict[str, tuple[int, bytes]]:
    """With inodes: a file that was replaced by an equal one shows, too."""
    return {
        name: ((directory / name).stat().st_ino, (directory / name).read_bytes())
        for name in _names(directory)
    }


@pytest.mark.parametrize("kind", ["project", "example"])
def test_the_repositorys_own_files_are_the_packaged_templates(kind: str) -> None:
    names = _names(TEMPLATES / kind)
    assert names
    for name in names:
        assert (REPOSITORY / name).read_bytes() == (TEMPLATES / kind / name).read_bytes(), name


def test_a_plain_project_has_a_place_for_everything(tmp_path: Path) -> None:
    written = scaffold_project(tmp_path / "new" / "project")
    root = tmp_path / "new" / "project"
    assert _names(root) == PLAIN
    assert set(written) == {root / name for name in _names(root)}
    assert (root / "jobs/suites").is_dir()
    assert yaml.safe_load((root / "jobs/_template.yml").read_text())["version"] == 1


def test_git_ignores_all_data_but_its_page(tmp_path: Path) -> None:
    scaffold_project(tmp_path)
    (tmp_path / "data/models").mkdir()
    (tmp_path / "data/models/secret.bin").touch()
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    listed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    assert set(listed.stdout.split()) == PLAIN


def test_the_example_holds_all_that_a_first_run_needs(small_example: Example) -> None:
    root = small_example.project
    job = yaml.safe_load((root / "jobs/taxi_tips.yml").read_text())
    assert job["name"] == small_example.job
    assert job["model"]["uri"] == f"{small_example.model_name}@champion"
    for use in [*job["validate"]["input"], *job["validate"]["output"]]:
        suite = json.loads((root / "jobs/suites" / f"{use['suite']}.json").read_text())
        assert suite["name"] == use["suite"]
        assert suite["expectations"]
    assert len(pd.read_parquet(small_example.training_table)) >= 30_000
    assert small_example.model_file.stat().st_size > 0
    days = [path.name for path in sorted((root / "data/lake/rides").iterdir())]
    assert days == ["ride_date=2024-03-18", "ride_date=2024-03-19", "ride_date=2024-03-20"]


def test_the_example_names_the_day_with_broken_fares(small_example: Example) -> None:
    rides = pd.read_parquet(small_example.project / "data/lake/rides")
    broken = rides.loc[rides["fare"] < 0, "started_at"].dt.date
    assert set(broken) == {small_example.bad_day}


def test_the_full_examples_bad_day_is_the_one_that_the_demo_shows(full_lake: Path) -> None:
    rides = pd.read_parquet(full_lake)
    days = set(rides.loc[rides["fare"] < 0, "started_at"].dt.date)
    assert days == {dt.date(2024, 3, 27)}
    assert "bad_day=ride_date=2024-03-27\n" in (REPOSITORY / "scripts/demo").read_text()


def test_a_second_init_changes_nothing(small_example: Example) -> None:
    before = _contents(small_example.project)
    again = scaffold_example(small_example.project, days=3, rows=50)
    assert again.written == ()
    assert _contents(small_example.project) == before


def test_an_example_that_was_killed_half_way_is_completed(small_example: Example) -> None:
    root = small_example.project
    lost = {"data/training/taxi_tips.skops", "data/lake/rides/ride_date=2024-03-20/part-1.parquet"}
    before = _contents(root)
    for name in lost:
        (root / name).unlink()
    again = scaffold_example(root, days=3, rows=50)
    assert set(again.written) == {root / name for name in lost}
    after = _contents(root)
    for name in before.keys() - lost - {"data/.example.json"}:
        assert after[name] == before[name], name
    assert scaffold_example(root, days=3, rows=50).written == ()


@pytest.mark.parametrize(
    "name", ["jobs/taxi_tips.yml", "data/README.md", "data/lake/rides/ride_date=2024-03-18/part-0.parquet"]
)
def test_a_users_own_file_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError) as refused:
        scaffold_example(tmp_path, days=1, rows=50)
    assert name in str(refused.value.where)
    assert _names(tmp_path) == {name}
    assert (tmp_path / name).read_text() == "mine"


def test_an_edited_example_is_not_put_back(small_example: Example) -> None:
    job = small_example.project / "jobs/taxi_tips.yml"
    job.write_text(job.read_text() + "# mine\n")
    with pytest.raises(UsageError, match="1 file is already here"):
        scaffold_example(small_example.project, days=3, rows=50)
    assert job.read_text().endswith("# mine\n")


def test_an_example_of_another_size_is_not_mixed_into_this_one(small_example: Example) -> None:
    before = _contents(small_example.project)
    with pytest.raises(UsageError):
        scaffold_example(small_example.project, days=3, rows=60)
    assert _contents(small_example.project) == before


def test_a_plain_init_leaves_an_equal_file_and_refuses_a_different_one(tmp_path: Path) -> None:
    scaffold_project(tmp_path)
    assert scaffold_project(tmp_path) == ()
    (tmp_path / "jobs/_template.yml").write_text("mine")
    with pytest.raises(UsageError, match="1 file is already here"):
        scaffold_project(tmp_path)


def test_the_schema_of_another_version_is_left_alone(tmp_path: Path) -> None:
    scaffold_project(tmp_path)
    (tmp_path / "jobs/.schema/job.schema.json").write_text("{}")
    assert scaffold_project(tmp_path) == ()
    assert (tmp_path / "jobs/.schema/job.schema.json").read_text() == "{}"


def test_a_directory_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "project").touch()
    with pytest.raises(OutputUnwritable, match="cannot write"):
        scaffold_project(tmp_path / "project")


def test_asking_for_the_scaffold_imports_no_data_library() -> None:
    heavy = "{'pandas', 'numpy', 'pyarrow', 'sklearn', 'skops'}"
    program = f"import sys, batch_scorer.ops.scaffold.project; print({heavy} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert seen.stdout == "set()\n"
