"""A model whose own code has changed since it was registered: no run uses it, and everybody is told why."""

from __future__ import annotations

import importlib
import sys

import joblib
import pytest

from tests import taxi
from tests.conftest import TaxiProject

_MODEL = """
from sklearn.base import BaseEstimator, ClassifierMixin

class Own(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = [False, True]
        self.feature_names_in_ = X.columns.to_numpy(object)
        return self

    def predict(self, X):
        return self.predict_proba(X)[:, 1] > 0.5

    def predict_proba(self, X):
        tips = 1 / (1 + (X["fare"].fillna(0).clip(0, 100) * FACTOR).to_numpy())
        import numpy
        return numpy.stack([1 - tips, tips], axis=1)

"""


class Own:
    """A project whose champion is of a class in `src`, which its job names under `code:`."""

    def __init__(self, project: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> None:
        self.project, self._monkeypatch = project, monkeypatch
        (project.root / "src").mkdir()
        taxi.write_job(project.root, taxi.job_document(code=["src"]))

    def write_code(self, factor: str) -> None:
        """As a new process would find it: nothing of the old code is remembered in this one."""
        (self.project.root / "src" / "own_model.py").write_text(_MODEL.replace("FACTOR", factor))
        self._monkeypatch.delitem(sys.modules, "own_model", raising=False)
        self._monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
        importlib.invalidate_caches()

    def save(self) -> None:
        rides = taxi.rides(300)
        with self._monkeypatch.context() as importing:
            importing.syspath_prepend(str(self.project.root / "src"))
            model = importlib.import_module("own_model").Own()
            joblib.dump(
                model.fit(rides[["fare", "company"]], rides.tips > 0), self.project.root / "own.joblib"
            )
        rides.to_parquet(self.project.root / "train.parquet")

    def register(self, *options: str) -> None:
        """Through the shell's way, which finds the class where the jobs find it."""
        registered = self.project.cli(
            "models", "register", str(self.project.root / "own.joblib"), "--name", "taxi_tips",
            "--reference", str(self.project.root / "train.parquet"), "--allow-pickle",
            "--alias", "champion", *options,
        )  # fmt: skip
        assert registered.code == 0, registered.stderr


@pytest.fixture
def own(project: TaxiProject, monkeypatch: pytest.MonkeyPatch) -> Own:
    monkeypatch.setattr(sys, "path", [*sys.path])  # what a job adds to it is gone after the test
    own = Own(project, monkeypatch)
    own.write_code("0.25")
    own.save()
    own.write_code("0.25")
    return own


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_the_run_stops_and_shows_what_differs(own: Own, cluster: str) -> None:
    own.register()
    own.write_code("0.5")
    run = own.project.cli if cluster == "inline" else own.project.shell
    stopped = run("run", "taxi_tips", "--cluster", cluster)
    assert stopped.code == 5
    assert own.project.snapshot() == {}
    for words in (
        "taxi_tips@2 does not repeat its golden rows: ",
        "    row 0, predict_proba[0], and 1 more of its outputs\n        expected ",
        "        got      ",
        " apart)",
        "        from     fare=",
        "the packages are the same",
        "the model's own code",
    ):
        assert words in stopped.stderr, stopped.stderr
    assert stopped.stderr.count("  expected ") == 5
    own.write_code("0.25")
    again = own.project.cli("run", "taxi_tips", "--cluster", "inline")
    assert again.code == 0, again.stderr


def test_doctor_says_it_before_the_night(own: Own) -> None:
    own.register()
    assert "golden rows repeat" in own.project.cli("doctor", "taxi_tips").stdout
    own.write_code("0.5")
    ill = own.project.cli("doctor", "taxi_tips")
    assert ill.code == 5
    assert "taxi_tips@2 does not repeat its golden rows: " in ill.stdout
    assert "row 0, predict_proba[0], and 1 more of its outputs" in ill.stdout
    assert "compare the machines" in ill.stdout


def test_within_its_tolerance_it_runs_on(own: Own) -> None:
    own.register("--rtol", "1e-6")
    own.write_code("0.25000001")
    ran = own.project.cli("run", "taxi_tips", "--cluster", "inline")
    assert ran.code == 0, ran.stderr
    own.write_code("0.2501")
    own.project.add_day(2)
    assert own.project.cli("run", "taxi_tips", "--cluster", "inline").code == 5
