"""`model.trust: signed`: only what a key in `jobs/keys/` has signed is ever loaded for the job."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.ledger.manifests import from_bytes, to_bytes
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.scoring import loader
from batch_scorer.models.trust.private_keys import make_key, public_path, read_signing_key
from batch_scorer.models.trust.signing import KEY_VARIABLE, sign_version
from tests import taxi
from tests.conftest import TaxiProject

NIGHT = ("run", "taxi_tips")
BACKFILL = ("backfill", "taxi_tips", "--from", "2024-01-01", "--to", "2024-01-02", "--cluster", "inline")


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    make_key(tmp_path / "ada.pem", comment="ada")
    return tmp_path / "ada.pem"


@pytest.fixture
def signed(make_project: Callable[..., TaxiProject], ada: Path) -> TaxiProject:
    """A job that asks for a signature, and trusts ada; version 1, the champion, is not signed."""
    project = make_project(2)
    taxi.write_job(project.root, taxi.job_document(model={"trust": "signed"}))
    keys = project.root / "jobs" / "keys"
    keys.mkdir()
    (keys / "ada.pub").write_bytes(public_path(ada).read_bytes())
    return project


def _fingerprint(key: Path) -> str:
    return read_signing_key(key).public.fingerprint


def _sign(project: TaxiProject, key: Path, version: int = 1) -> None:
    registry = FileRegistry(project.root / "data" / "models")
    sign_version(registry, "taxi_tips", version, read_signing_key(key), who="ada")


def _manifest(project: TaxiProject, index: int, generation: int = 1) -> dict[str, Any]:
    directory = project.state / "manifests" / "taxi_tips" / project.day(index).name
    found: dict[str, Any] = json.loads((directory / f"{generation}.json").read_text())
    return found


def _nothing_may_load(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(loader, "_cache", {})
    monkeypatch.setattr(loader, "load_artefact", refuse)


def test_what_nobody_signed_is_refused_when_the_plan_is_made(
    signed: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    _nothing_may_load(monkeypatch)
    for command in (
        ("plan", "taxi_tips"),
        NIGHT,
        (*NIGHT, "--dry-run"),
        (*NIGHT, "--model", "taxi_tips@1"),
        BACKFILL,
        (*BACKFILL, "--model", "taxi_tips@1"),
    ):
        done = signed.cli(*command)
        assert done.code == 5, (command, done.stderr)
        assert "taxi_tips@1 is not signed, and model.trust asks for a signature" in done.stderr
        assert f"where: {signed.root}/jobs/keys: SHA256:" in done.stderr
        assert "models sign taxi_tips@1" in done.stderr.partition("next:  batch-scorer")[2]
        assert signed.snapshot() == {}


def test_a_signed_model_scores_and_every_record_names_the_key(signed: TaxiProject, ada: Path) -> None:
    assert signed.cli("models", "sign", "taxi_tips@1", "--key", str(ada)).code == 0
    assert signed.cli(*NIGHT).code == 0
    assert _manifest(signed, 0)["model_signed_by"] == _fingerprint(ada)
    for asked in (("show", "taxi_tips/2024-01-01"), ("audit", "taxi_tips", "--partition", "2024-01-01")):
        assert f"signed by  {_fingerprint(ada)}" in signed.cli(*asked).stdout
    (audit, _) = signed.cli("--json", "audit", "taxi_tips", "--partition", "2024-01-01").lines
    assert audit["model"]["signed_by"] == _fingerprint(ada)
    assert signed.cli("verify", "taxi_tips", "--deep", "--rescore", "5").code == 0


def test_a_job_that_does_not_ask_records_no_key(project: TaxiProject, ada: Path) -> None:
    _sign(project, ada)
    assert project.cli(*NIGHT).code == 0
    assert _manifest(project, 0)["model_signed_by"] is None
    assert "signed by" not in project.cli("show", "taxi_tips/2024-01-01").stdout


def test_a_manifest_from_before_there_were_signatures_is_read(signed: TaxiProject) -> None:
    taxi.write_job(signed.root, taxi.job_document())
    assert signed.cli(*NIGHT).code == 0
    old = _manifest(signed, 0)
    del old["model_signed_by"]
    manifest = from_bytes(json.dumps(old).encode())
    assert manifest.model_signed_by is None
    assert json.loads(to_bytes(manifest)) == {**old, "model_signed_by": None}


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ("revoked", 78, "no key is trusted"),
        ("exchanged", 5, "and that key is not trusted"),
        ("broken", 78, "is no public key"),
        ("link", 78, "is not followed"),
        ("edited", 5, "history is damaged"),
    ],
)
def test_what_was_signed_is_refused_when_its_key_or_its_history_is_not_what_it_was(
    signed: TaxiProject, ada: Path, tmp_path: Path, change: str, code: int, told: str
) -> None:
    _sign(signed, ada)
    assert signed.cli("plan", "taxi_tips").code == 0
    key = signed.root / "jobs" / "keys" / "ada.pub"
    history = signed.root / "data" / "models" / "taxi_tips" / "history.jsonl"
    match change:
        case "revoked":
            key.unlink()
        case "exchanged":
            make_key(tmp_path / "bob.pem", comment="bob")
            key.write_bytes(public_path(tmp_path / "bob.pem").read_bytes())
        case "broken":
            key.write_text("ssh-rsa AAAA")
        case "link":
            key.rename(tmp_path / "moved.pub")
            key.symlink_to(tmp_path / "moved.pub")
        case "edited":
            history.write_text(history.read_text().replace('"signature": "', '"signature": "A'))
    done = signed.cli(*NIGHT)
    assert (done.code, signed.snapshot()) == (code, {}), done.stderr
    assert told in done.stderr
    assert "fix:" in done.stderr


def test_doctor_and_a_promotion_tell_before_a_night_does(
    signed: TaxiProject, ada: Path, model_files: Callable[[str], tuple[Path, Path]]
) -> None:
    told = signed.cli("doctor", "taxi_tips")
    assert told.code == 5
    assert "BAD model: taxi_tips@1 is not signed" in told.stdout
    _sign(signed, ada)
    assert "BAD model" not in signed.cli("doctor", "taxi_tips").stdout
    artefact, training = model_files("linear")
    registered = signed.cli(
        "models", "register", str(artefact), "--name", "taxi_tips", "--reference", str(training),
        "--allow-pickle",
    )  # fmt: skip
    assert registered.code == 0, registered.stderr
    move = ("models", "promote", "taxi_tips@2", "--alias", "champion", "--reason", "why")
    refused = signed.cli(*move)
    assert refused.code == 5
    assert "taxi_tips, signature: taxi_tips@2 is not signed" in refused.stderr
    _sign(signed, ada, version=2)
    assert signed.cli(*move).code == 0
    assert signed.cli(*NIGHT).code == 0


def test_with_a_configured_key_a_registration_is_signed_at_once(
    signed: TaxiProject,
    ada: Path,
    model_files: Callable[[str], tuple[Path, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    artefact, training = model_files("linear")
    command = (
        "models", "register", str(artefact), "--name", "taxi_tips", "--reference", str(training),
        "--allow-pickle", "--alias", "champion",
    )  # fmt: skip
    monkeypatch.setenv(KEY_VARIABLE, str(ada.with_name("nowhere.pem")))
    assert signed.cli(*command).code == 2  # and not: registered, but not signed
    monkeypatch.setenv(KEY_VARIABLE, str(ada))
    done = signed.cli(*command)
    assert done.code == 0, done.stderr
    assert f"signed by {_fingerprint(ada)}" in done.stdout
    assert "taxi_tips@2  ok  5 files, signed by" in signed.cli("models", "verify", "taxi_tips@2").stdout
    assert signed.cli(*NIGHT).code == 0


def test_versions_of_their_day_must_each_be_signed(signed: TaxiProject, ada: Path) -> None:
    since = ("--from", "2024-01-01", "--to", "2024-01-02", "--model-as-of-date", "--cluster", "inline")
    history = signed.root / "data" / "models" / "taxi_tips" / "history.jsonl"
    moved = [line for line in history.read_text().splitlines() if '"alias"' not in line]
    history.write_text("\n".join(moved) + "\n")
    then = FileRegistry(history.parents[1], clock=lambda: dt.datetime(2023, 12, 1, tzinfo=dt.UTC))
    then.promote("taxi_tips", 1, "champion", reason="then", who="ada")
    assert signed.cli("backfill", "taxi_tips", *since).code == 5
    _sign(signed, ada)
    assert signed.cli("backfill", "taxi_tips", *since).code == 0
    assert _manifest(signed, 1)["model_signed_by"] == _fingerprint(ada)


def test_a_retry_asks_again(signed: TaxiProject, ada: Path) -> None:
    _sign(signed, ada)
    (signed.day(1) / "part-0.parquet").write_bytes(b"no parquet")
    assert signed.cli(*NIGHT).code == 3
    (signed.root / "jobs" / "keys" / "ada.pub").unlink()
    assert signed.cli("retry", "last").code == 78


def test_that_no_key_is_trusted_is_a_mistake_to_mend_and_no_damage_of_what_is_published(
    signed: TaxiProject, ada: Path
) -> None:
    _sign(signed, ada)
    assert signed.cli(*NIGHT).code == 0
    (signed.root / "jobs" / "keys" / "ada.pub").unlink()
    told = signed.cli("verify", "taxi_tips", "--rescore", "1")
    assert told.code == 78, told.stderr
    assert "no key is trusted" in told.stderr
