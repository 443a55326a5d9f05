"""A file that would run code when it is loaded: it leaves a mark, and no mark is ever found."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from batch_scorer.core.errors import ModelError, ModelRefused, ModelUnloadable
from batch_scorer.core.models import ModelFormat, ModelPin
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registry import disk_shelf
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.reading import read_plain
from batch_scorer.models.scoring import loader
from batch_scorer.models.scoring.loader import load_model
from batch_scorer.models.trust.allow_list import refused_types
from batch_scorer.models.trust.artefacts import load_artefact
from tests.models.drafts import on_disk


class Payload:
    """Unpickling it makes a directory: the mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "mark"
    assert not (tmp_path / "mark").exists(), "the payload ran"


@pytest.fixture(autouse=True)
def nothing_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_cache", {})


@pytest.fixture(scope="module")
def template(rides: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one small model."""
    root = tmp_path_factory.mktemp("template") / "models"
    known = rides[["hour", "fare", "big_tip"]].fillna(0)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(known[["hour", "fare"]], known.big_tip)
    register(model, registry=FileRegistry(root), name="taxi_tips", reference=known, who="ada")
    return root


@pytest.fixture
def pin(registry: FileRegistry, template: Path) -> ModelPin:
    shutil.copytree(template, on_disk(registry.root))
    return registry.resolve("taxi_tips@1")


def _joblib(value: object, **options: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def _skops_with(*extra: tuple[str, bytes]) -> bytes:
    """A good skops file with more members than it needs."""
    data = io.BytesIO(skops.io.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1])))
    with zipfile.ZipFile(data, "a") as archive:
        for name, content in extra:
            archive.writestr(name, content)
    return data.getvalue()


def _with_pickled_arrays(mark: Path) -> bytes:
    """A skops file whose arrays are pickles, as numpy would load them if it were allowed to."""
    good = io.BytesIO(_skops_with())
    array = io.BytesIO()
    np.save(array, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    out = io.BytesIO()
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            target.writestr(name, array.getvalue() if name.endswith(".npy") else source.read(name))
    return out.getvalue()


_PICKLES: dict[str, Callable[[object], bytes]] = {
    "joblib": _joblib,
    "compressed joblib": lambda value: _joblib(value, compress=3),
    "pickle": pickle.dumps,
    "oldest pickle": lambda value: pickle.dumps(value, protocol=0),
    "cloudpickle": cloudpickle.dumps,
}


@pytest.mark.parametrize("ending", ["joblib", "pkl", "pickle", "skops", "SKOPS", "Pkl"])
@pytest.mark.parametrize("kind", _PICKLES)
def test_a_pickle_is_never_loaded_unasked_whatever_it_is_called(
    registry: FileRegistry, reference_file: Path, tmp_path: Path, mark: Path, kind: str, ending: str
) -> None:
    path = tmp_path / f"model.{ending}"
    path.write_bytes(_PICKLES[kind](Payload(mark)))
    with pytest.raises(ModelRefused) as caught:
        register_file(path, registry=registry, name="m", reference_path=reference_file, who="eve")
    assert caught.value.exit_code == 5
    assert "--allow-pickle" in str(caught.value.fix)
    assert registry.names() == ()


@pytest.mark.parametrize("kind", _PICKLES)
def test_a_pickle_in_a_skops_file_s_clothes_is_not_loaded_even_where_pickles_are_allowed(
    mark: Path, kind: str
) -> None:
    with pytest.raises(ModelRefused, match="no skops file"):
        load_artefact(_PICKLES[kind](Payload(mark)), ModelFormat.SKOPS, allow_pickle=True, label="m")


def test_the_payload_is_live(tmp_path: Path) -> None:
    for number, dump in enumerate(_PICKLES.values()):
        joblib.load(io.BytesIO(dump(Payload(tmp_path / str(number)))))
        assert (tmp_path / str(number)).exists()


def test_pickles_inside_of_a_skops_file_are_nothing_to_it(mark: Path) -> None:
    payload = _joblib(Payload(mark))
    data = _skops_with(("model.joblib", payload), ("model.pkl", payload), ("__init__.py", b"1/0"))
    artefact = load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m")
    assert artefact.estimator.predict([[1.0]]) == [1]


def test_pickles_instead_of_arrays_are_refused_by_numpy(mark: Path) -> None:
    data = _with_pickled_arrays(mark)
    with pytest.raises(ModelUnloadable, match="allow_pickle=False"):
        load_artefact(data, ModelFormat.SKOPS, allow_pickle=True, label="m")


@pytest.fixture
def marking_module(tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that makes the mark when it is imported, and a class in it; not imported now."""
    source = "from sklearn.linear_model import LogisticRegression\nclass Own(LogisticRegression): pass\n"
    (tmp_path / "marking.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield "marking"
    sys.modules.pop("marking", None)


def test_a_type_off_the_list_is_named_before_anything_is_imported(
    marking_module: str, registry: FileRegistry, reference_file: Path, tmp_path: Path, mark: Path
) -> None:
    own = importlib.import_module(marking_module).Own()
    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(StandardScaler(), own), path)
    sys.modules.pop(marking_module)
    with (tmp_path / "marking.py").open("a") as source:
        source.write(f"import os\nos.mkdir({str(mark)!r})\n")
    with pytest.raises(ModelRefused, match=r"not on the reviewed list: marking\.Own") as caught:
        register_file(path, registry=registry, name="m", reference_path=reference_file, who="eve")
    assert "--allow-pickle" in str(caught.value.fix)
    assert marking_module not in sys.modules


def test_methods_and_functions_that_a_file_names_are_never_trusted() -> None:
    scaler = StandardScaler().fit([[0.0], [1.0]])
    refused = refused_types(skops.io.dumps(FunctionTransformer(scaler.inverse_transform)))
    assert any(name.endswith("StandardScaler.inverse_transform") for name in refused)
    for function in (os.system, eval, exec, np.save, np.load, joblib.load, importlib.import_module):
        assert refused_types(skops.io.dumps(FunctionTransformer(function))) != ()


def test_an_estimator_with_a_payload_inside_is_not_saved_as_a_pickle_unasked(
    registry: FileRegistry, rides: pd.DataFrame, mark: Path
) -> None:
    known = rides.dropna()
    model = LogisticRegression().fit(known[["fare"]], known.big_tip)
    model.payload_ = Payload(mark)
    with pytest.raises(ModelRefused, match="cannot be saved as a file that is safe to load"):
        register(model, registry=registry, name="m", reference=known, who="eve")
    assert registry.names() == ()


def _bomb(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def _no_member_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a member of the archive was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "open", refuse)
    monkeypatch.setattr(zipfile.ZipFile, "read", refuse)


@pytest.mark.parametrize("name", ["schema.json", "array.npy"])
def test_a_small_file_that_would_become_very_large_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    data = _bomb(name, bytes(160 << 20))
    assert len(data) < 1 << 20
    _no_member_is_read(monkeypatch)
    with pytest.raises(ModelRefused, match="would become 167,772,160 bytes"):
        load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m")


def test_an_archive_of_very_many_parts_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", b"{}")
        entry = archive.filelist[0]
        archive.filelist.extend([entry] * 100_000)  # all of the same few bytes, as the best bombs do
        archive._didModify = True  # type: ignore[attr-defined]
    _no_member_is_read(monkeypatch)
    with pytest.raises(ModelRefused, match="in 100,001 parts"):
        load_artefact(out.getvalue(), ModelFormat.SKOPS, allow_pickle=False, label="m")


def test_an_archive_that_lies_about_its_size_gives_no_more_than_it_says() -> None:
    data = bytearray(_bomb("schema.json", b" " * (20 << 20)))
    real, told = (20 << 20).to_bytes(4, "little"), (16).to_bytes(4, "little")
    assert data.count(real) >= 1
    with pytest.raises(ModelUnloadable):
        load_artefact(bytes(data.replace(real, told)), ModelFormat.SKOPS, allow_pickle=False, label="m")


def test_a_schema_that_is_nested_without_end_is_an_error_and_no_crash() -> None:
    deep: Any = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
    text = json.dumps(deep).replace("[]", "[%s]")
    schema = "{}"
    for _ in range(5_000):
        schema = text % schema
    with pytest.raises(ModelUnloadable):
        load_artefact(_bomb("schema.json", schema.encode()), ModelFormat.SKOPS, allow_pickle=False, label="m")


def test_a_good_file_may_be_compressed(rides: pd.DataFrame) -> None:
    model = LogisticRegression().fit(rides[["hour"]], rides.big_tip)
    data = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    load_artefact(data, ModelFormat.SKOPS, allow_pickle=False, label="m")


# After registration: whoever can write to the registry


def test_a_pickle_put_in_the_place_of_the_artefact_is_refused_before_it_is_loaded(
    pin: ModelPin, registry: FileRegistry, mark: Path
) -> None:
    directory = Path(pin.directory)
    (directory / "model.skops").write_bytes(_joblib(Payload(mark)))
    manifest = directory / "manifest.json"
    good = manifest.read_text()
    with pytest.raises(ModelRefused, match=r"model\.skops of taxi_tips@1 is not the file"):
        load_model(pin)
    for old, new in (('"allow_pickle": false', '"allow_pickle": true'), ('"skops"', '"joblib"')):
        manifest.write_text(good.replace(old, new))
        assert manifest.read_text() != good
        with pytest.raises(ModelRefused, match=r"manifest\.json of taxi_tips@1 is not the file"):
            load_model(pin)
        with pytest.raises(ModelRefused, match="is not the one that was registered"):
            registry.resolve("taxi_tips@1")


def test_a_history_that_was_edited_to_fit_an_edited_manifest_is_refused(
    pin: ModelPin, registry: FileRegistry
) -> None:
    manifest, history = Path(pin.directory) / "manifest.json", on_disk(registry.history_path("taxi_tips"))
    edited = manifest.read_bytes().replace(b'"allow_pickle": false', b'"allow_pickle": true')
    manifest.write_bytes(edited)
    changed = history.read_text().replace(pin.manifest_sha256, hashlib.sha256(edited).hexdigest())
    history.write_text(changed)
    with pytest.raises(ModelRefused, match="its own sha256 is not right"):
        registry.resolve("taxi_tips@1")


@pytest.mark.parametrize(
    "name", ["model.skops", "golden_input.parquet", "golden_output.parquet", "manifest.json"]
)
def test_a_link_in_the_place_of_a_file_is_not_followed_even_to_the_right_bytes(
    pin: ModelPin, tmp_path: Path, name: str
) -> None:
    path = Path(pin.directory) / name
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    with pytest.raises(ModelRefused, match="a symlink in the model registry is not followed") as caught:
        load_model(pin)
    assert caught.value.where == str(path)


def test_a_link_in_the_place_of_a_version_is_not_followed(pin: ModelPin, tmp_path: Path) -> None:
    Path(pin.directory).rename(tmp_path / "moved")
    Path(pin.directory).symlink_to(tmp_path / "moved")
    with pytest.raises(ModelRefused, match="a symlink"):
        load_model(pin)


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(pin: ModelPin) -> None:
    path = Path(pin.directory) / "model.skops"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ModelRefused, match="no plain file"):
        load_model(pin)


@pytest.mark.parametrize("when", ["before it is read", "after it was read"])
def test_what_was_hashed_is_what_is_loaded_whoever_swaps_the_file_meanwhile(
    pin: ModelPin, mark: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    payload = _joblib(Payload(mark))

    def read(path: Path) -> bytes:
        if when == "before it is read" and path.suffix == ".skops":
            path.write_bytes(payload)
        data = read_plain(path)
        if when == "after it was read":
            path.write_bytes(payload)
        return data

    monkeypatch.setattr(disk_shelf, "read_plain", read)
    if when == "before it is read":
        with pytest.raises(ModelError):
            load_model(pin)
    else:
        assert load_model(pin).manifest.version == 1
