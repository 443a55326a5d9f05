"""A tracking store of MLflow in SQLite, filled once a session, and a job that scores from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import taxi
from tests.conftest import TaxiProject
from tests.mlflow.team import Team, model_directory, train


@pytest.fixture(scope="session")
def sqlite_team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """`Taxi Tips`: two versions, Champion is the first. pickled: cloudpickle, without an input example."""
    directory = tmp_path_factory.mktemp("mlflow")
    team = Team(f"sqlite:///{directory / 'mlflow.db'}", directory / "artefacts")
    for seed in (1, 2):
        team.log(*train(seed), "Taxi Tips")
    team.log(*train(3), "pickled", example=False, serialization_format="cloudpickle")
    team.log(*train(4), "without_example", example=False)
    boosted = {"xgboost": {"data": "model.xgb"}}
    team.log_files(model_directory(directory / "xgb", 1, flavor=boosted), "boosted")
    for name in ("Taxi Tips", "pickled", "without_example"):
        team.point(name, "Champion", "1")
    return team


@pytest.fixture
def make_scorer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., TaxiProject]:
    """`make_scorer(uri, **changes to the job)`: two days, and a job whose model is MLflow's."""

    def make(uri: str, **changes: Any) -> TaxiProject:
        project = TaxiProject(tmp_path / "project", capsys)
        project.lake.mkdir(parents=True)
        for index in range(2):
            project.add_day(index)
        taxi.write_job(project.root, taxi.job_document(model={"uri": uri}, **changes))
        return project

    return make
