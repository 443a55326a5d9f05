"""What is read of MLflow's own files, and what is refused: no MLflow is needed for it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.config.mlflow import MlflowRef, check_registry, parse_mlflow_ref
from batch_scorer.core.errors import ModelRefused, SignatureInvalid, UsageError
from batch_scorer.core.models import ColumnSpec, ModelFormat, ModelOrigin, Signature
from batch_scorer.models.mlflow.agreement import remarks_on
from batch_scorer.models.mlflow.examples import read_example
from batch_scorer.models.mlflow.mirror import RemoteVersion, address_of, local_name
from batch_scorer.models.mlflow.mlmodel import DeclaredColumn, read_mlmodel
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.names import is_name
from tests.models.drafts import FILES, draft

SKOPS = {"pickled_model": "model.skops", "serialization_format": "skops"}


def _mlmodel(**parts: Any) -> bytes:
    return yaml.safe_dump({"flavors": {"sklearn": SKOPS}, **parts}).encode()


def test_a_skops_model_with_signature_and_example_is_understood() -> None:
    inputs = json.dumps([{"type": "long", "name": "hour", "required": True}])
    read = read_mlmodel(
        _mlmodel(
            signature={"inputs": inputs, "outputs": "[]"},
            saved_input_example_info={
                "artifact_path": "input_example.json", "pandas_orient": "split", "type": "dataframe"
            },
        ),
        "models:/x/1",
    )  # fmt: skip
    assert (read.artefact, read.format) == ("model.skops", ModelFormat.SKOPS)
    assert read.columns == (DeclaredColumn(name="hour", type="long"),)
    assert read.example == "input_example.json"


def test_tensors_have_no_columns_and_an_array_is_no_table() -> None:
    inputs = json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}])
    info = {"type": "ndarray", "artifact_path": "input_example.json"}
    read = read_mlmodel(_mlmodel(signature={"inputs": inputs}, saved_input_example_info=info), "models:/x/1")
    assert (read.columns, read.example) == ((), None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"flavors",
        b"flavors: {sklearn: {}}",
        b"flavors: {sklearn: {pickled_model: ../model.skops, serialization_format: skops}}",
        b"flavors: {sklearn: {pickled_model: /etc/passwd, serialization_format: skops}}",
        b"flavors: {sklearn: {pickled_model: [a], serialization_format: skops}}",
        b"flavors: {sklearn: {pickled_model: model.pkl, serialization_format: dill}}",
        b"flavors: !!python/object/apply:os.system [touch mark]",
        b"\xff\xfe\x00",
        b"[" * 2_000,
        b"flavors: {sklearn: {pickled_model: m, serialization_format: skops}}\nsignature: {inputs: '{'}",
    ],
)
def test_an_mlmodel_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused):
        read_mlmodel(data, "models:/x/1")


_BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    + [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in itertools.pairwise("abcdefghij")]
)
_MERGES = "\n".join(
    ["a: &a {x: 1}"]
    + [
        f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}"
        for old, new in itertools.pairwise("abcdefghij")
    ]
)


@pytest.mark.parametrize("bomb", [_BOMB, _MERGES], ids=["lists", "merges"])
def test_an_mlmodel_that_would_become_gigabytes_is_refused(bomb: str) -> None:
    text = f"{bomb}\nflavors: {{sklearn: {{pickled_model: *j, serialization_format: skops}}}}"
    with pytest.raises(ModelRefused, match="aliases"):
        read_mlmodel(text.encode(), "models:/x/1")


@pytest.mark.parametrize(
    "data", [b'{"columns": ["a"], "data": [[' + b"9" * 40 + b"]]}", b"[" * 100_000], ids=["huge", "deep"]
)
def test_an_example_of_hostile_json_is_refused(data: bytes) -> None:
    with pytest.raises(ModelRefused):
        read_example(data, [DeclaredColumn(name="a", type="long")], "models:/x/1")


def test_an_example_gets_the_types_that_the_signature_remembers() -> None:
    columns = [
        DeclaredColumn(name=name, type=kind)
        for name, kind in {
            "a": "integer",
            "b": "float",
            "c": "string",
            "d": "datetime",
            "e": "boolean",
        }.items()
    ]
    data = {
        "columns": ["a", "b", "c", "d", "e", "f"],
        "data": [[1, 1.5, "x", "2024-01-01T10:00:00", True, 7], [2, None, None, None, False, 8]],
    }
    frame = read_example(json.dumps(data).encode(), columns, "models:/x/1")
    assert frame is not None
    assert frame.dtypes.astype(str).to_dict() == {
        "a": "int32", "b": "float32", "c": "str", "d": "datetime64[us]", "e": "bool", "f": "int64",
    }  # fmt: skip
    empty = json.dumps({"columns": ["a"], "data": []}).encode()
    assert read_example(empty, columns, "models:/x/1") is None
    for damaged in (
        b"{",
        b"[]",
        b'{"columns": ["a"], "data": [[1, 2]]}',
        b'{"columns": ["a"], "data": [["x"]]}',
    ):
        with pytest.raises(ModelRefused):
            read_example(damaged, columns, "models:/x/1")


def _found(**types: str) -> Signature:
    columns = tuple(
        ColumnSpec(name=name, type=kind, nullable=True, pandas_dtype="object") for name, kind in types.items()
    )
    return Signature(columns=columns, outputs={})


def test_a_signature_agrees_by_kind_of_value_and_tells_what_is_not_read() -> None:
    declared = [
        DeclaredColumn(name="hour", type="double"), DeclaredColumn(name="company", type="string"),
        DeclaredColumn(name="tips", type="double"),
    ]  # fmt: skip
    found = _found(hour="int8", company="string")
    remarks = remarks_on(declared, found, seen=True, uri="models:/x/1")
    assert remarks == ("columns of MLflow's signature that the model does not read: tips",)
    assert remarks_on([], found, seen=True, uri="models:/x/1") == ()


def test_a_signature_that_contradicts_what_was_seen_is_refused_and_a_guess_is_only_told() -> None:
    declared = [DeclaredColumn(name="hour", type="datetime")]
    with pytest.raises(SignatureInvalid, match="hour is a time there and float64 here"):
        remarks_on(declared, _found(hour="float64"), seen=True, uri="models:/x/1")
    told = remarks_on(declared, _found(hour="float64"), seen=False, uri="models:/x/1")
    assert told == ("MLflow's signature: hour is a time there and float64 here",)
    with pytest.raises(SignatureInvalid, match="lacks columns that the model reads: fare"):
        remarks_on(declared, _found(hour="timestamp[us]", fare="float64"), seen=False, uri="models:/x/1")


@given(st.text(max_size=80))
def test_a_name_of_mlflow_becomes_one_of_ours_or_is_refused(name: str) -> None:
    nowhere = FileRegistry(Path("/nowhere/at/all"))
    try:
        ours = local_name(nowhere, RemoteVersion(address="http://x", name=name, version="1"))
    except UsageError:
        return
    assert is_name(ours)


@given(st.from_regex(r"[^/:@\\]{1,30}", fullmatch=True), st.integers(1, 999_999_999))
def test_a_reference_is_read_as_it_was_written(name: str, version: int) -> None:
    for ref in (MlflowRef(name=name, alias="champion"), MlflowRef(name=name, version=str(version))):
        if ref.uri.isprintable():
            assert parse_mlflow_ref(f"mlflow:{ref.uri}") == ref == parse_mlflow_ref(ref.uri)


@pytest.mark.parametrize(
    "text",
    ["models:/", "models:/a", "models:/a@", "models:/a/", "models:/a/0", "models:/a/03", "models:/a/latest",
     "models:/a/3/x", "models:/a@b@c", "models:/../3", "models://a/3", "a@b", "runs:/x/model"],
)  # fmt: skip
def test_what_is_no_version_of_mlflow_is_refused(text: str) -> None:
    if text == "models:/../3":
        assert parse_mlflow_ref(text).name == ".."  # a name there; never a path here
        return
    with pytest.raises(ValueError, match="write models"):
        parse_mlflow_ref(text)


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert address_of("http://ana:pw@host:5000/") == "http://host:5000"
    assert address_of("sqlite:////a/b.db") == "sqlite:////a/b.db"
    assert address_of("sqlite:///b.db").startswith("sqlite:////")


@pytest.mark.parametrize("uri", ["http://host:5000", "https://host/mlflow", "sqlite:///mlflow.db"])
def test_a_registry_may_be_an_mlflow(uri: str) -> None:
    assert check_registry(f"mlflow:{uri}") == f"mlflow:{uri}"


@pytest.mark.parametrize(
    "uri", ["", "databricks", "http:///", "mysql://db/x", "http://a:b@host", "http://a/?x"]
)
def test_another_registry_is_refused_without_repeating_it(uri: str) -> None:
    with pytest.raises(ValueError, match="tracking URI") as caught:
        check_registry(f"mlflow:{uri}")
    assert not uri or uri not in str(caught.value)


def test_two_models_of_mlflow_are_never_versions_of_one_here(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path)
    origin = ModelOrigin(
        tracking_uri="http://x", uri="models:/Taxi Tips/1", name="Taxi Tips", version="1", run_id="r"
    )
    registry.add_version(replace(draft(), origin=origin), FILES)
    same = RemoteVersion(address="http://x", name="Taxi Tips", version="2")
    assert local_name(registry, same) == "taxi_tips"
    with pytest.raises(UsageError, match="there is such a model"):
        local_name(registry, replace(same, name="taxi_tips"))
    registry.add_version(draft("ours"), FILES)
    assert local_name(registry, replace(same, name="ours")) == "ours"
