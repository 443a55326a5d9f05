"""The people on the other side: they train, log and register in MLflow, with MLflow's own functions."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from batch_scorer.models.trust.allow_list import TRUSTED_TYPES
from tests import taxi

# As batch-scorer sets them too; and a server that is away is given up at once.
os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "GIT_PYTHON_REFRESH": "quiet",
}

FEATURES = ["fare", "trip_miles", "trip_start_hour", "payment_type"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def train(seed: int) -> tuple[Any, pd.DataFrame]:
    """(a fitted pipeline, what it was trained on)."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = taxi.rides(400, seed=seed)
    prepared = ColumnTransformer(
        [
            ("numbers", StandardScaler(), FEATURES[:3]),
            ("text", OneHotEncoder(handle_unknown="ignore"), FEATURES[3:]),
        ]
    )
    estimator = make_pipeline(prepared, LogisticRegression(max_iter=500))
    return estimator.fit(frame[FEATURES], (frame.tips > 0.2 * frame.fare).astype(int)), frame


@contextmanager
def quietly() -> Iterator[None]:
    """MLflow warns of what it uses itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Team:
    """uri: of their MLflow. artefacts: where it keeps files; None, where the server does."""

    def __init__(self, uri: str, artefacts: Path | None = None) -> None:
        with quietly():
            import mlflow
            import mlflow.sklearn

            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            self.uri, self.mlflow = uri, mlflow
            self.client: Any = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
            location = None if artefacts is None else str(artefacts)
            self.experiment = self.client.create_experiment("tips", artifact_location=location)

    def log(
        self, estimator: Any, frame: pd.DataFrame, name: str, *, example: bool = True, **options: Any
    ) -> str:
        """Train, log and register as everybody does; returns the version's number."""
        features = frame[FEATURES]
        options = {"serialization_format": "skops", "skops_trusted_types": sorted(TRUSTED_TYPES), **options}
        if options["serialization_format"] != "skops":
            del options["skops_trusted_types"]
        if example:
            options["input_example"] = features.head(20)
        with quietly():
            mlflow = self.mlflow
            mlflow.set_tracking_uri(self.uri)  # its memory is one for the whole process
            mlflow.set_registry_uri(self.uri)
            with mlflow.start_run(experiment_id=self.experiment, tags={"mlflow.source.git.commit": COMMIT}):
                mlflow.log_metrics({"auc": 0.83, "lost": float("nan")})
                mlflow.log_param("C", 1.0)
                logged = mlflow.sklearn.log_model(
                    estimator,
                    name="model",
                    signature=mlflow.models.infer_signature(features, estimator.predict(features)),
                    registered_model_name=name,
                    pip_requirements=["scikit-learn"],  # else each is found out in a process of its own
                    **options,
                )
        return str(logged.registered_model_version)

    def log_files(self, directory: Path, name: str) -> str:
        """Register whatever files there are as a version; returns its number."""
        with quietly():
            run = self.client.create_run(self.experiment)
            self.client.log_artifacts(run.info.run_id, str(directory), "model")
            if name not in {model.name for model in self.client.search_registered_models()}:
                self.client.create_registered_model(name)
            source = f"{run.info.artifact_uri}/model"
            return str(self.client.create_model_version(name, source, run.info.run_id).version)

    def point(self, name: str, alias: str, version: str) -> None:
        with quietly():
            self.client.set_registered_model_alias(name, alias, version)

    def load(self, uri: str) -> Any:
        """What everybody else scores with."""
        with quietly():
            self.mlflow.set_tracking_uri(self.uri)
            self.mlflow.set_registry_uri(self.uri)
            return self.mlflow.sklearn.load_model(uri)


class Payload:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def model_directory(directory: Path, estimator: object, *, flavor: dict[str, Any] | None = None) -> Path:
    """A logged model by hand: a pickle of anything, and an MLmodel that says of it what is asked for."""
    directory.mkdir()
    (directory / "model.pkl").write_bytes(pickle.dumps(estimator))
    says = flavor or {"sklearn": {"pickled_model": "model.pkl", "serialization_format": "pickle"}}
    (directory / "MLmodel").write_text(yaml.safe_dump({"flavors": says}))
    return directory
