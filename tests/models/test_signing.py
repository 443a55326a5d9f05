"""A signature says: whoever holds this key means exactly these bytes, as this version of this model."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from batch_scorer.core.errors import ConfigInvalid, ModelRefused, UsageError
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEvent
from batch_scorer.models.trust.keys import PublicKey
from batch_scorer.models.trust.private_keys import SigningKey, make_key
from batch_scorer.models.trust.signing import (
    KEY_VARIABLE,
    configured_key,
    key_from,
    require_signer,
    sign_version,
    signed_bytes,
)
from batch_scorer.models.trust.verifying import verify_models, verify_version
from tests.models.drafts import FILES, draft, on_disk


def _key(seed: int, comment: str = "") -> SigningKey:
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), comment=comment)


ADA, BOB = _key(1, "ada"), _key(2, "bob")
TRUSTED = {key.public.fingerprint: key.public for key in (ADA, BOB)}


@pytest.fixture
def registry(tmp_path: Path) -> FileRegistry:
    registry = FileRegistry(tmp_path / "models")
    for _ in range(2):
        registry.add_version(draft(), FILES)
    return registry


def _signer(registry: FileRegistry, version: int, keys: Mapping[str, PublicKey] = TRUSTED) -> PublicKey:
    pin = registry.resolve(f"taxi_tips@{version}")
    return require_signer(pin, registry.history("taxi_tips"), keys, where="jobs/keys")


def test_a_signature_by_any_trusted_key_is_enough_and_of_its_own_version_only(registry: FileRegistry) -> None:
    sign_version(registry, "taxi_tips", 1, BOB, who="bob")
    assert _signer(registry, 1) == BOB.public
    with pytest.raises(ModelRefused, match="taxi_tips@2 is not signed") as caught:
        _signer(registry, 2)
    assert caught.value.exit_code == 5
    assert caught.value.next_command == "batch-scorer models sign taxi_tips@2"
    with pytest.raises(ModelRefused, match=r"is signed by SHA256:.*, and that key is not trusted"):
        _signer(registry, 1, {ADA.public.fingerprint: ADA.public})
    sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    assert _signer(registry, 1, {ADA.public.fingerprint: ADA.public}) == ADA.public


def test_where_nobody_is_trusted_the_project_is_wrong_not_the_model(registry: FileRegistry) -> None:
    sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    with pytest.raises(ConfigInvalid, match="no key is trusted") as caught:
        _signer(registry, 1, {})
    assert caught.value.where == "jobs/keys"


def test_to_sign_twice_with_one_key_says_it_once(registry: FileRegistry) -> None:
    first = sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    again = sign_version(registry, "taxi_tips", 1, ADA, who="eve")
    assert (again.who, again.signature) == ("ada", first.signature)
    assert [e.event for e in registry.history("taxi_tips")].count(HistoryEvent.SIGNED) == 1


@pytest.mark.parametrize("what", ["changed", "gone", "stray", "link"])
def test_nothing_is_signed_that_is_not_as_it_was_registered(registry: FileRegistry, what: str) -> None:
    directory = on_disk(registry.directory("taxi_tips", 1))
    path = directory / "model.skops"
    match what:
        case "changed":
            path.write_bytes(b"other")
        case "gone":
            path.unlink()
        case "stray":
            (directory / "sitecustomize.py").write_text("")
        case "link":
            path.rename(on_disk(registry.root) / "moved")
            path.symlink_to(on_disk(registry.root) / "moved")
    before = registry.history("taxi_tips")
    with pytest.raises(ModelRefused):
        sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    assert registry.history("taxi_tips") == before


_names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
_versions = st.tuples(_names, st.integers(1, 10**9 - 1), st.sampled_from(["ab" * 32, "cd" * 32]))


@given(_versions, _versions)
def test_two_versions_never_have_the_same_bytes_to_sign(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    assert (signed_bytes(*one) == signed_bytes(*other)) == (one == other)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", base64.b64encode(bytes(64)).decode(), None])
def test_a_signature_that_was_changed_or_copied_is_none(
    registry: FileRegistry, signature: str | None
) -> None:
    copied = str(sign_version(registry, "taxi_tips", 1, ADA, who="ada").signature)
    mine = ADA.public.fingerprint
    registry.add_signature(
        "taxi_tips", 2, key=mine, signature=copied if signature is None else signature, who="eve"
    )
    with pytest.raises(ModelRefused, match="is not of this version: it was changed or copied"):
        _signer(registry, 2)
    report = verify_version(registry, "taxi_tips", 2, TRUSTED)
    assert [problem.what for problem in report.problems] == [
        f"the signature of taxi_tips@2 by {mine} (ada) is not of this version"
    ]
    sign_version(registry, "taxi_tips", 2, ADA, who="ada")  # ours is not taken for the broken one
    assert _signer(registry, 2) == ADA.public


def test_who_can_write_the_whole_registry_still_cannot_sign(registry: FileRegistry, tmp_path: Path) -> None:
    """Other bytes under the same number, with a manifest and a history in which every hash is right."""
    entry = sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    evil = {"model.skops": b"another model"}
    forged = FileRegistry(tmp_path / "forged")
    forged.add_version(draft(files=evil), evil)
    forged.add_signature("taxi_tips", 1, key=str(entry.key), signature=str(entry.signature), who="ada")
    assert verify_version(forged, "taxi_tips", 1, {}).problems == ()  # hashes alone do not tell
    with pytest.raises(ModelRefused, match="is not of this version"):
        _signer(forged, 1)


def test_a_report_names_who_signed_and_who_nobody_knows(registry: FileRegistry) -> None:
    sign_version(registry, "taxi_tips", 1, ADA, who="ada")
    sign_version(registry, "taxi_tips", 1, BOB, who="bob")
    first, second = verify_models(registry, ["taxi_tips"], {ADA.public.fingerprint: ADA.public})
    assert (first.signed_by, first.strangers) == ((ADA.public,), (BOB.public.fingerprint,))
    assert (first.n_files, first.problems) == (2, ())
    assert (second.label, second.signed_by, second.strangers) == ("taxi_tips@2", (), ())


def test_every_file_is_held_against_the_manifest_and_every_problem_told(registry: FileRegistry) -> None:
    one, two = (on_disk(registry.directory("taxi_tips", number)) for number in (1, 2))
    (one / "model.skops").write_bytes(b"other")
    (one / ".hidden").write_text("")
    (two / "manifest.json").unlink()
    first, second = verify_models(registry, ["taxi_tips"], {})
    assert [problem.what.partition(" of ")[0] for problem in first.problems] == [
        "model.skops",
        ".hidden does not belong to taxi_tips@1: its manifest does not name it",
    ]
    assert [problem.what for problem in second.problems] == ["the manifest of taxi_tips@2 is gone"]
    on_disk(registry.history_path("taxi_tips")).write_bytes(b"garbage\n")
    (report,) = verify_models(registry, ["taxi_tips"], {})
    assert report.version is None
    assert "line 1 of the model's history is damaged" in report.problems[0].what


def test_the_environment_names_the_key_and_nothing_is_signed_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for unset in (None, ""):
        monkeypatch.setenv(KEY_VARIABLE, unset) if unset is not None else monkeypatch.delenv(
            KEY_VARIABLE, raising=False
        )
        assert configured_key() is None
        with pytest.raises(UsageError, match="no key to sign with"):
            key_from(None)
    public = make_key(tmp_path / "key.pem", comment="ada")
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key.pem"))
    for key in (configured_key(), key_from(None), key_from(tmp_path / "key.pem")):
        assert key is not None
        assert key.public == public


def test_without_the_package_a_signature_is_neither_made_nor_believed(tmp_path: Path) -> None:
    """In a process of its own, from which the package is hidden."""
    program = """
import sys
sys.modules["cryptography"] = None
from pathlib import Path
from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.models.trust.signing import key_from
try:
    key_from(Path("key.pem"))
except ConfigInvalid as error:
    print(error.render())
"""
    told = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=tmp_path)
    assert "not installed: cryptography" in told
    assert 'pip install "batch-scorer[signing]"' in told
