"""The registry without any model: numbers, aliases, hashes, locks. No data library: children start fast."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from batch_scorer.core.errors import BatchScorerError, ModelNotFound, ModelRefused, UsageError
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import decode_manifest, encode_manifest
from tests.models.drafts import FILES, draft, on_disk


def _at_noon() -> dt.datetime:
    return dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def filled(tmp_path: Path) -> FileRegistry:
    registry = FileRegistry(tmp_path / "models", clock=_at_noon)
    for why in ("first", "second"):
        registry.add_version(draft(), FILES, why=why)
    registry.promote("taxi_tips", 1, "champion", reason="first one", who="ada")
    return registry


def test_versions_are_numbered_and_the_history_says_who_when_and_why(filled: FileRegistry) -> None:
    assert filled.names() == ("taxi_tips",)
    assert filled.versions("taxi_tips") == (1, 2)
    assert filled.manifest("taxi_tips", 2).registered_at == "2026-03-01T12:00:00+00:00"
    told = [(e.version, e.alias, e.who, e.why, e.at) for e in filled.history("taxi_tips")]
    noon = "2026-03-01T12:00:00+00:00"
    assert told == [
        (1, None, "ada", "first", noon),
        (2, None, "ada", "second", noon),
        (1, "champion", "ada", "first one", noon),
    ]


def test_a_reference_is_resolved_to_exact_bytes(filled: FileRegistry) -> None:
    pin = filled.resolve("taxi_tips@champion")
    assert (pin.version, pin.alias, pin.artefact) == (1, "champion", "model.skops")
    assert pin.sha256 == draft().files["model.skops"]
    assert Path(pin.directory).is_absolute()
    assert filled.resolve("taxi_tips@2").alias is None
    assert pickle.loads(pickle.dumps(pin)) == pin


def test_an_alias_moves_and_old_pins_stay(filled: FileRegistry) -> None:
    before = filled.resolve("taxi_tips@champion")
    filled.promote("taxi_tips", 2, "champion", reason="better", who="bob")
    assert filled.aliases("taxi_tips") == {"champion": 2}
    assert filled.resolve("taxi_tips@champion").version == 2
    assert replace(filled.resolve("taxi_tips@1"), alias="champion") == before


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("taxi_tip@1", 'did you mean "taxi_tips"'),
        ("taxi_tips@champoin", 'did you mean "champion"'),
        ("taxi_tips@3", 'has no version "3"'),
        ("taxi_tips@03", 'has no alias "03"'),
        ("taxi_tips@", "has no alias"),
        ("taxi_tips", "no version or alias"),
        ("../models/taxi_tips@1", "there is no model"),
        ("taxi_tips@../1", "has no alias"),
        ("taxi_tips/1@1", "there is no model"),
        ("", "there is no model"),
    ],
)
def test_an_unknown_reference_is_told_with_what_there_is(
    filled: FileRegistry, reference: str, told: str
) -> None:
    with pytest.raises(ModelNotFound) as caught:
        filled.resolve(reference)
    assert told in caught.value.what
    assert "taxi_tips" in str(caught.value.fix)
    assert caught.value.exit_code == 5


def test_an_absent_registry_has_no_models(tmp_path: Path) -> None:
    registry = FileRegistry(tmp_path / "nowhere")
    assert registry.names() == ()
    with pytest.raises(ModelNotFound, match='no model "taxi_tips"'):
        registry.resolve("taxi_tips@1")


def test_only_an_existing_version_is_promoted_and_only_to_a_word(filled: FileRegistry) -> None:
    with pytest.raises(ModelNotFound):
        filled.promote("taxi_tips", 3, "champion", reason="", who="ada")
    with pytest.raises(UsageError):
        filled.promote("taxi_tips", 1, "v2", reason="", who="ada")
    assert len(filled.history("taxi_tips")) == 3


@pytest.mark.parametrize("name", ["../evil", "a/b", "Evil", ""])
def test_a_model_cannot_be_added_outside_the_registry(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        FileRegistry(tmp_path / "models").add_version(draft(name), FILES)
    assert list(tmp_path.rglob("*")) == []


def test_every_byte_of_a_manifest_counts(filled: FileRegistry) -> None:
    path = on_disk(filled.root) / "taxi_tips" / "1" / "manifest.json"
    good = path.read_bytes()
    for position in range(0, len(good), 97):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(ModelRefused, match="not the one that was registered") as caught:
            filled.resolve("taxi_tips@champion")
        assert caught.value.exit_code == 5
    path.unlink()
    with pytest.raises(ModelRefused, match="is gone"):
        filled.resolve("taxi_tips@champion")


def test_one_version_cannot_stand_in_for_another(filled: FileRegistry) -> None:
    directory = on_disk(filled.root) / "taxi_tips"
    (directory / "1" / "manifest.json").write_bytes((directory / "2" / "manifest.json").read_bytes())
    with pytest.raises(ModelRefused):
        filled.manifest("taxi_tips", 1)


@pytest.mark.parametrize("part", [".", "1", "1/manifest.json", "history.jsonl"])
def test_symlinks_below_the_root_are_refused(filled: FileRegistry, part: str) -> None:
    path = on_disk(filled.root) / "taxi_tips" / part
    moved = on_disk(filled.root).parent / "elsewhere"
    path.rename(moved)
    path.symlink_to(moved)
    with pytest.raises(ModelRefused, match="symlink"):
        filled.resolve("taxi_tips@1")


def test_the_root_itself_may_be_a_symlink(filled: FileRegistry, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(on_disk(filled.root))
    assert FileRegistry(tmp_path / "link").resolve("taxi_tips@1") == filled.resolve("taxi_tips@1")


def test_a_registration_killed_before_its_history_line_uses_up_its_number(filled: FileRegistry) -> None:
    directory = on_disk(filled.root) / "taxi_tips"
    (directory / "3").mkdir()
    (directory / ".incoming-0123").mkdir()
    assert filled.versions("taxi_tips") == (1, 2)
    with pytest.raises(ModelNotFound):
        filled.resolve("taxi_tips@3")
    assert filled.add_version(draft(), FILES).version == 4
    assert not list(directory.glob(".incoming-*"))


def test_a_registration_on_a_damaged_history_is_refused(filled: FileRegistry) -> None:
    path = on_disk(filled.root) / "taxi_tips" / "history.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelRefused):
        filled.add_version(draft(), FILES)
    with pytest.raises(ModelRefused):
        filled.promote("taxi_tips", 1, "champion", reason="", who="ada")


def test_a_file_that_cannot_be_stored_leaves_nothing(filled: FileRegistry) -> None:
    before = sorted(on_disk(filled.root).rglob("*"))
    with pytest.raises(BatchScorerError, match="cannot write") as caught:
        filled.add_version(draft(), {"missing/model.skops": b""})
    assert caught.value.fix
    assert sorted(on_disk(filled.root).rglob("*")) == before


def test_a_manifest_is_read_as_it_was_written() -> None:
    manifest = replace(draft(), version=3, metrics={"auc": 0.5}, notes="ünïcode")
    assert decode_manifest(encode_manifest(manifest), "m") == manifest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"layout": 2', b'"layout": 3'),
        (b'"model.skops":', b'"../model.skops":'),
        (b'"artefact": "model.skops"', b'"artefact": "other"'),
        (b'"notes"', b'"footnotes"'),
        (b'"predict"', b'"guess"'),
        (b"{", b""),
    ],
)
def test_a_manifest_of_another_form_is_refused(old: bytes, new: bytes) -> None:
    data = encode_manifest(draft())
    assert old in data
    with pytest.raises(ModelRefused, match="cannot be read"):
        decode_manifest(data.replace(old, new, 1), "m")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": ["model.skops"]},
        {"files": {"model.skops": 3}},
        {"files": {"model.skops": "00", "a\0b": "00"}},
        {"files": {"model.skops": "00", "..": "00"}},
        {"n_golden_rows": "many"},
        {"n_golden_rows": True},
        {"metrics": {"auc": "high"}},
        {"author": ["ada"]},
        {"registered_at": 5},
        {"tolerance": {"rtol": 0.0, "atol": None}},
        {"origin": {"tracking_uri": 1, "uri": "", "name": "", "version": ""}},
    ],
    ids=str,
)
def test_a_manifest_whose_values_have_other_types_is_refused_before_anybody_uses_them(
    changes: dict[str, object],
) -> None:
    document = json.loads(encode_manifest(draft())) | changes
    with pytest.raises(ModelRefused, match="manifest cannot be read"):
        decode_manifest(json.dumps(document).encode(), "here")


def test_whole_numbers_and_absent_values_are_as_good_as_they_were() -> None:
    document = json.loads(encode_manifest(draft())) | {"metrics": {"auc": 1}, "git_commit": None}
    assert decode_manifest(json.dumps(document).encode(), "here").metrics == {"auc": 1}


def test_json_that_is_too_deep_to_read_is_damage_and_no_surprise(filled: FileRegistry) -> None:
    deep = b"[" * 100_000
    with pytest.raises(ModelRefused):
        decode_manifest(deep, "here")
    on_disk(filled.history_path("taxi_tips")).write_bytes(deep + b"\n")
    with pytest.raises(ModelRefused, match="line 1"):
        filled.history("taxi_tips")


def test_reading_the_registry_imports_no_data_library() -> None:
    heavy = "{'numpy', 'pandas', 'pyarrow', 'sklearn', 'skops', 'joblib'}"
    code = f"import sys, batch_scorer.models.registry.files; print(sorted({heavy} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
