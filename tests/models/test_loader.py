"""Nothing is loaded whose bytes are not those that were registered, nothing scores that answers otherwise."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sklearn.base
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from batch_scorer.core.errors import (
    GoldenRowsDiffer,
    ModelRefused,
    ModelUnloadable,
    ScoringError,
    SignatureInvalid,
)
from batch_scorer.core.models import Method, ModelPin
from batch_scorer.models.estimators import use_one_thread
from batch_scorer.models.registering.register import register
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring.compatibility import current_environment, environment_differences
from batch_scorer.models.scoring.loader import LoadedModel, load_model
from tests.models.conftest import Registered

FILES = ["model.skops", "manifest.json", "golden_input.parquet", "golden_output.parquet"]


@pytest.fixture
def pin(registered: Registered, registry: FileRegistry, pipelines: dict[str, Any]) -> ModelPin:
    registered(pipelines["linear"])
    return registry.resolve("taxi_tips@1")


@pytest.fixture(autouse=True)
def nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_is_refused_before_anything_is_loaded(pin: ModelPin, name: str) -> None:
    path = Path(pin.directory) / name
    good = path.read_bytes()
    for position in np.linspace(0, len(good) - 1, 20).astype(int):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        with pytest.raises(ModelRefused, match=f"{name} of taxi_tips@1 is not the file") as caught:
            load_model(pin)
        assert caught.value.exit_code == 5
    path.write_bytes(good)
    load_model(pin)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_told(pin: ModelPin, name: str) -> None:
    (Path(pin.directory) / name).unlink()
    with pytest.raises(ModelRefused, match=f"{name} of a registered model is gone"):
        load_model(pin)


def test_a_pin_of_other_bytes_than_the_manifest_names_is_refused(pin: ModelPin) -> None:
    with pytest.raises(ModelRefused, match="other bytes than the run was planned with"):
        load_model(replace(pin, sha256="0" * 64))


def test_a_model_is_loaded_once_per_process_by_all_threads(pin: ModelPin) -> None:
    found: list[LoadedModel] = []
    threads = [threading.Thread(target=lambda: found.append(load_model(pin))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(model) for model in found}) == 1
    assert load_model(pickle.loads(pickle.dumps(pin))) is found[0]


def test_old_models_leave_the_cache(pin: ModelPin, registered: Registered, registry: FileRegistry) -> None:
    first = load_model(pin)
    for version in (2, 3):
        registered(GaussianNB().fit(pd.DataFrame({"hour": [1, 2]}), [0, version]))
        load_model(registry.resolve(f"taxi_tips@{version}"))
    assert load_model(pin) is not first


def test_the_model_that_was_not_asked_for_the_longest_leaves_first(
    pin: ModelPin, registered: Registered, registry: FileRegistry
) -> None:
    for version in (2, 3):
        registered(GaussianNB().fit(pd.DataFrame({"hour": [1, 2]}), [0, version]))
    first, second = load_model(pin), load_model(registry.resolve("taxi_tips@2"))
    assert load_model(pin) is first
    load_model(registry.resolve("taxi_tips@3"))
    assert load_model(pin) is first
    assert load_model(registry.resolve("taxi_tips@2")) is not second


def _reregister(registry: FileRegistry, pin: ModelPin, name: str, data: bytes, **changes: Any) -> ModelPin:
    """A version like the pinned one, but with one other file (rightly hashed) and some other fields."""
    directory = Path(pin.directory)
    files = {file: (directory / file).read_bytes() for file in pin.files} | {name: data}
    manifest = registry.manifest(pin.name, pin.version)
    hashes = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    added = registry.add_version(replace(manifest, files=hashes, **changes), files)
    return registry.resolve(f"{added.name}@{added.version}")


def _with_one_bit_changed(pin: ModelPin, column: str, row: int) -> tuple[bytes, float, float]:
    table = pq.read_table(Path(pin.directory) / "golden_output.parquet")
    values = table[column].to_numpy().copy()
    before = float(values[row])
    values[row] = np.nextafter(before, 1)
    buffer = io.BytesIO()
    pq.write_table(table.set_column(table.column_names.index(column), column, pa.array(values)), buffer)
    return buffer.getvalue(), before, float(values[row])


def test_a_golden_row_that_differs_in_its_last_bit_stops_the_model(
    registry: FileRegistry, pin: ModelPin
) -> None:
    data, got, expected = _with_one_bit_changed(pin, "predict_proba[1]", row=7)
    environment = {**current_environment(), "scikit-learn": "1.7.2"}
    changed = _reregister(registry, pin, "golden_output.parquet", data, environment=environment)
    with pytest.raises(GoldenRowsDiffer) as caught:
        load_model(changed)
    error = caught.value
    assert error.exit_code == 5
    assert f"1 of {pin.n_golden_rows} differ" in error.what
    _, where, before, now, inputs, package = map(str.strip, error.what.splitlines())
    assert (where, before) == ("row 7, predict_proba[1]", f"expected {expected!r}")
    assert now == f"got      {got!r}  ({expected - got:.2g} apart)"
    assert inputs.startswith("from     trip_miles=")
    assert package.startswith("scikit-learn 1.7.2 at registration, ")
    assert "install the versions it was registered with" in str(error.fix)


def test_at_most_five_golden_rows_are_shown(registry: FileRegistry, pin: ModelPin) -> None:
    table = pq.read_table(Path(pin.directory) / "golden_output.parquet")
    flipped = pa.array([1 - value for value in table["predict"].to_pylist()])
    buffer = io.BytesIO()
    pq.write_table(table.set_column(0, "predict", flipped), buffer)
    with pytest.raises(GoldenRowsDiffer, match=f"{len(table)} of {len(table)} differ") as caught:
        load_model(_reregister(registry, pin, "golden_output.parquet", buffer.getvalue()))
    assert caught.value.what.count(", predict\n") == 5
    assert f"and {len(table) - 5} more rows" in caught.value.what


@pytest.mark.parametrize("ending", ["skops", "joblib"])
def test_a_model_fitted_with_another_scikit_learn_is_mentioned_with_its_golden_rows(
    registered: Registered,
    registry: FileRegistry,
    pipelines: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    ending: str,
) -> None:
    with monkeypatch.context() as then:
        then.setattr(sklearn.base, "__version__", "1.7.2")
        manifest = registered(pipelines["linear"], ending=ending)
    (warning,) = load_model(registry.resolve("taxi_tips@1")).warnings
    assert "fitted with scikit-learn 1.7.2" in warning
    assert f"its {manifest.n_golden_rows} golden rows came out the same to the last bit" in warning


def test_a_model_registered_before_a_package_was_recorded_does_not_differ_in_it(
    registry: FileRegistry, pin: ModelPin
) -> None:
    manifest = registry.manifest("taxi_tips", 1)
    short = {name: manifest.environment[name] for name in ("python", "scikit-learn", "numpy")}
    assert environment_differences(replace(manifest, environment=short)) == ()
    changed = _reregister(
        registry, pin, "golden_output.parquet", (Path(pin.directory) / "golden_output.parquet").read_bytes(),
        environment=short,
    )  # fmt: skip
    assert load_model(changed).warnings == ()


def test_the_environment_is_compared_package_by_package(registry: FileRegistry, pin: ModelPin) -> None:
    manifest = registry.manifest("taxi_tips", 1)
    assert environment_differences(manifest) == ()
    older = {**manifest.environment, "numpy": "1.0", "platform": "elsewhere", "xgboost": "3.0"}
    here = manifest.environment["numpy"]
    assert environment_differences(replace(manifest, environment=older)) == (
        f"numpy 1.0 at registration, {here} here",
        "xgboost 3.0 at registration, not installed here",
    )


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    source = "from sklearn.naive_bayes import GaussianNB\nclass Own(GaussianNB): pass\n"
    (tmp_path / "own_models.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "own_models"
    sys.modules.pop("own_models", None)


def test_a_class_that_is_not_here_is_told_without_a_traceback(
    registry: FileRegistry, rides: pd.DataFrame, own_module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = __import__(own_module).Own().fit(rides[["hour"]], rides.big_tip)
    register(model, registry=registry, name="m", reference=rides, who="ada", allow_pickle=True)
    load_model(registry.resolve("m@1"))
    monkeypatch.setattr("batch_scorer.models.scoring.loader._cache", {})
    sys.modules.pop(own_module)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != sys.path[0]])
    with pytest.raises(ModelUnloadable, match="m@1 does not load here: ModuleNotFoundError") as caught:
        load_model(registry.resolve("m@1"))
    assert caught.value.__cause__ is None
    assert "code:" in str(caught.value.fix)


def test_a_pickle_that_its_manifest_does_not_allow_is_refused(
    registered: Registered, registry: FileRegistry, pipelines: dict[str, Any]
) -> None:
    registered(pipelines["linear"], ending="joblib")
    pin = registry.resolve("taxi_tips@1")
    data = (Path(pin.directory) / "model.joblib").read_bytes()
    with pytest.raises(ModelRefused, match="can run any code"):
        load_model(_reregister(registry, pin, "model.joblib", data, allow_pickle=False))


def test_every_part_of_a_model_uses_one_thread(rides: pd.DataFrame) -> None:
    frame = rides[["hour"]]
    forest = RandomForestClassifier(2, n_jobs=2)
    voting = VotingClassifier([("forest", forest), ("bayes", GaussianNB())], voting="soft")
    nested = make_pipeline(
        ColumnTransformer([("all", "passthrough", ["hour"])]), CalibratedClassifierCV(voting, cv=2)
    )
    search = GridSearchCV(nested, {}, cv=2).fit(frame, rides.big_tip)
    use_one_thread(search)
    best = search.best_estimator_
    fitted = [calibrated.estimator.estimators_[0] for calibrated in best[-1].calibrated_classifiers_]
    assert [part.n_jobs for part in (search, best[0], best[-1], forest, *fitted)] == [1] * 6
    search.predict(frame)


def test_a_method_the_model_lacks_and_rows_it_refuses_are_errors(
    registry: FileRegistry, rides: pd.DataFrame
) -> None:
    known = rides.dropna()
    model = GaussianNB().fit(known[["fare"]], known.big_tip)
    register(model, registry=registry, name="m", reference=known, who="ada")
    loaded = load_model(registry.resolve("m@1"))
    with pytest.raises(SignatureInvalid, match="has no decision_function"):
        loaded.predict(pa.table({"fare": [1.0]}), Method.DECISION_FUNCTION)
    with pytest.raises(ScoringError, match="1 of 3 rows, first at batch row 1: ValueError") as caught:
        loaded.predict(pa.table({"fare": pa.array([1.0, None, 2.0])}), Method.PREDICT)
    assert caught.value.error_rows == (1,)
    assert loaded.predict(pa.table({"fare": pa.array([], pa.float64())}), Method.PREDICT_PROBA).shape == (
        0,
        2,
    )
