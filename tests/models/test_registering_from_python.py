"""`from batch_scorer.models import register`: what a notebook says, what it gets back, what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from batch_scorer.core.errors import BatchScorerError, ModelRefused, UsageError
from batch_scorer.core.whoami import user_name
from batch_scorer.models import Tolerance, register
from batch_scorer.models.registering.about import About, tolerance_of
from batch_scorer.models.registering.commits import commit_at
from batch_scorer.models.registry.files import FileRegistry
from tests.models.conftest import make_rides

RIDES = make_rides(150, seed=3).dropna()
MODEL = GaussianNB().fit(RIDES[["trip_miles", "fare"]], RIDES.big_tip)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit; and none above it, whatever this machine has."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "ada")
    root = tmp_path / "repository"
    root.mkdir()
    (root / "train.py").write_text("fit()\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "train"], ["tag", "-am", "one", "v1"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def head(repository: Path) -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()


def test_all_that_is_said_of_a_model_is_in_its_manifest(tmp_path: Path) -> None:
    model = register(
        MODEL,
        name="taxi_tips",
        reference=RIDES,
        registry=tmp_path / "models",
        metrics=cast("dict[str, float]", {"auc": np.float32(0.75), "n": 3}),
        author="ada",
        owner="rides team",
        purpose="which rides end with a big tip; not for pricing",
        notes="a first try\nof two lines",
        git_commit="0123456789abcdef-dirty",
        positive_class=1,
        tolerance=Tolerance(rtol=1e-9),
        alias="champion",
        reason="better than nothing",
    )
    registry = FileRegistry(tmp_path / "models")
    manifest = registry.manifest("taxi_tips", 1)
    assert model.manifest == manifest
    assert (model.name, model.version, model.reference) == ("taxi_tips", 1, "taxi_tips@1")
    assert model.path == tmp_path / "models" / "taxi_tips" / "1"
    document = json.loads((model.path / "manifest.json").read_text())
    assert document["metrics"] == {"auc": 0.75, "n": 3.0}
    assert (manifest.author, manifest.owner) == ("ada", "rides team")
    assert manifest.purpose.startswith("which rides")
    assert manifest.notes == "a first try\nof two lines"
    assert manifest.git_commit == "0123456789abcdef-dirty"
    assert manifest.signature.positive_class == "1"
    assert manifest.tolerance == Tolerance(rtol=1e-9)
    assert manifest.registered_by == user_name()
    assert registry.aliases("taxi_tips") == {"champion": 1}
    assert registry.history("taxi_tips")[-1].why == "better than nothing"


def test_an_alias_that_jobs_may_be_using_is_not_moved_from_python(tmp_path: Path) -> None:
    register(MODEL, name="m", reference=RIDES, registry=tmp_path, alias="champion")
    with pytest.raises(UsageError, match="m@champion means version 1") as caught:
        register(MODEL, name="m", reference=RIDES, registry=tmp_path, alias="champion")
    assert "models promote m@V --alias champion" in str(caught.value.fix)
    register(MODEL, name="m", reference=RIDES, registry=tmp_path, alias="candidate")
    assert FileRegistry(tmp_path).aliases("m") == {"champion": 1, "candidate": 2}


def test_what_comes_back_reads_well_in_a_notebook(tmp_path: Path) -> None:
    model = register(
        MODEL, name="m", reference=RIDES, registry=str(tmp_path), metrics={"a<b": 0.5}, alias="champion"
    )
    assert repr(model) == (
        f"RegisteredModel(m@1: GaussianNB, 2 columns, {model.manifest.n_golden_rows} golden rows, "
        "champion points to it)"
    )
    page = model._repr_html_()
    assert "m@1 = m@champion" in page
    assert "trip_miles, fare" in page
    assert "a&lt;b 0.5" in page


def test_the_projects_registry_is_found_from_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "project" / "notebooks"
    inside.mkdir(parents=True)
    (tmp_path / "project" / "jobs").mkdir()
    monkeypatch.chdir(inside)
    RIDES.to_parquet("train.parquet")
    model = register(MODEL, name="m", reference="train.parquet")
    assert model.path == tmp_path / "project" / "data" / "models" / "m" / "1"
    assert model.manifest.author == user_name()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="it is not clear which registry is meant") as caught:
        register(MODEL, name="m", reference=RIDES)
    assert "registry=" in str(caught.value.fix)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"metrics": {"auc": float("nan")}}, "the metric auc is nan, which is no finite number"),
        ({"metrics": {"auc": True}}, "no finite number"),
        ({"metrics": {"auc": "0.5"}}, "no finite number"),
        ({"metrics": {" ": 1.0}}, "has no name"),
        ({"owner": "a\nb"}, "the owner is not one line"),
        ({"author": "a" * 201}, "the author is not one line"),
        ({"git_commit": "main"}, '"main" is no git commit'),
        ({"positive_class": 2}, '"2" is no class of the model'),
        ({"alias": "3"}, "cannot be an alias"),
        ({"alias": "champion", "reason": " "}, "an alias needs a reason"),
        ({"name": "../m"}, "cannot be the name of a model"),
        ({"reference": None}, "together with the table"),
        ({"reference": [1, 2]}, "cannot be a list"),
        ({"reference": "absent.parquet"}, "cannot be read as Parquet"),
        ({"columns": ["fare"]}, "fitted on other columns"),
        ({"columns": "fare"}, "columns are a text"),
        ({"owner": None}, "owner: None is no text"),
        ({"notes": 3}, "notes: 3 is no text"),
        ({"purpose": "half \ud800"}, "no valid Unicode"),
        ({"metrics": [0.5]}, "not numbers by name"),
        ({"metrics": {1: 0.5}}, "name of a metric: 1 is no text"),
        ({"tolerance": 1e-9}, "1e-09 is no tolerance"),
    ],
)
def test_what_makes_no_sense_is_told_and_nothing_is_registered(
    tmp_path: Path, said: dict[str, Any], words: str
) -> None:
    arguments: dict[str, Any] = {"name": "m", "reference": RIDES, "registry": tmp_path / "models"}
    with pytest.raises(BatchScorerError) as caught:
        register(MODEL, **(arguments | said))
    assert isinstance(caught.value, UsageError)
    assert words in caught.value.what
    assert caught.value.fix
    assert FileRegistry(tmp_path / "models").names() == ()


@given(st.floats(), st.floats())
def test_a_tolerance_makes_sense_or_is_refused(rtol: float, atol: float) -> None:
    if 0 <= rtol < 1 and 0 <= atol < float("inf"):
        assert tolerance_of(rtol, atol) == Tolerance(rtol=rtol, atol=atol)
        return
    with pytest.raises(UsageError, match="makes no sense"):
        tolerance_of(rtol, atol)


@given(st.text(), st.text(max_size=300))
def test_whatever_is_said_is_kept_or_refused(name: str, owner: str) -> None:
    if name.strip() and name.isprintable() and owner.isprintable() and max(len(name), len(owner)) <= 200:
        about = About(metrics={name: 1.0}, owner=owner)
        assert (about.metrics, about.owner) == ({name: 1.0}, owner)
        return
    with pytest.raises(UsageError) as caught:
        About(metrics={name: 1.0}, owner=owner)
    assert caught.value.fix
    assert "\n" not in caught.value.what


class OfThisModule(GaussianNB):  # type: ignore[misc]
    """Not on the list of what skops may load."""


def test_what_skops_cannot_save_needs_a_word(tmp_path: Path) -> None:
    model = OfThisModule().fit(RIDES[["fare"]], RIDES.big_tip)
    with pytest.raises(ModelRefused, match="OfThisModule cannot be saved as a file that is safe") as caught:
        register(model, name="m", reference=RIDES, registry=tmp_path)
    assert "allow_pickle=True" in str(caught.value.fix)
    added = register(model, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    assert added.manifest.allow_pickle
    safe = register(MODEL, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)
    assert not safe.manifest.allow_pickle
    model.function = lambda frame: frame
    with pytest.raises(ModelRefused, match="cannot be pickled"):
        register(model, name="m", reference=RIDES, registry=tmp_path, allow_pickle=True)


def test_a_class_of_a_notebook_is_refused_because_no_worker_could_import_it(tmp_path: Path) -> None:
    program = f"""
import pandas as pd
from sklearn.preprocessing import FunctionTransformer
from batch_scorer.core.errors import ModelRefused
from batch_scorer.models import register
def double(frame): return frame * 2
frame = pd.DataFrame({{"x": [1.0, 2.0]}})
try:
    register(FunctionTransformer(double).fit(frame), name="m", reference=frame,
             registry={str(tmp_path)!r}, allow_pickle=True)
except ModelRefused as error:
    print(error.render())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "defined here, in __main__; no worker could import it" in done.stdout
    assert "code:" in done.stdout


def test_importing_the_function_costs_nothing(tmp_path: Path) -> None:
    program = "import sys; import batch_scorer.models; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"pandas", "numpy", "sklearn", "pyarrow", "pydantic"} & set(done.stdout.split())


def test_the_commit_is_that_of_the_first_place_in_a_repository(repository: Path, tmp_path: Path) -> None:
    deep = repository / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "m.skops").touch()
    assert commit_at(tmp_path / "m.skops", deep) == head(repository)
    assert commit_at(repository / "train.py") == head(repository)
    (repository / "train.py").write_text("fit(better)\n")
    assert commit_at(deep) == f"{head(repository)}-dirty"
    assert commit_at(tmp_path, tmp_path / "absent" / "m.skops") is None


def test_without_git_or_a_commit_there_is_none(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    subprocess.run(["git", "init", "-q", str(empty)], check=True)
    assert commit_at(empty) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit_at(repository) is None
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setattr("batch_scorer.models.registering.commits._TIMEOUT_S", 0.2)
    assert commit_at(repository) is None


def test_a_notebook_in_a_repository_tells_its_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    kept = register(MODEL, name="m", reference=RIDES, registry=tmp_path / "models")
    assert kept.manifest.git_commit == head(repository)
    none = register(MODEL, name="m", reference=RIDES, registry=tmp_path / "models", git_commit="")
    assert none.manifest.git_commit is None
