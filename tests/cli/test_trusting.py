"""`models keygen`, `models sign`, `models verify`, as a person types them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from batch_scorer.core.errors import ModelUnloadable
from batch_scorer.models.scoring import loader
from tests.conftest import TaxiProject


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, without a configured key."""
    home = tmp_path / "home dir"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "BATCH_SCORER_SIGNING_KEY", "BATCH_SCORER_SIGNING_KEY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return home


def test_what_keygen_says_to_type_makes_versions_signed_and_verified(
    project: TaxiProject, at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project.cli("models", "keygen", "--comment", "ada@example")
    assert made.code == 0
    private = at_home / ".config" / "batch-scorer" / "signing-key.pem"
    fingerprint = made.stdout.split()[0]
    copy, export = (line.partition("next: ")[2] for line in made.stdout.splitlines() if "next:" in line)
    subprocess.run(["sh", "-c", copy], cwd=project.root, check=True)
    assert export.split("  #")[0] == f"export BATCH_SCORER_SIGNING_KEY={shlex.quote(str(private))}"
    monkeypatch.setenv("BATCH_SCORER_SIGNING_KEY", str(private))

    signed = project.cli("models", "sign", "taxi_tips@champion")
    assert signed.code == 0
    assert f"taxi_tips@1 is signed by {fingerprint} (ada@example)" in signed.stdout
    assert signed.stderr == ""
    verified = project.cli("models", "verify", "--load")
    assert verified.stdout == f"taxi_tips@1  ok  5 files, signed by {fingerprint} (ada@example)\n"
    assert f"signed with {fingerprint}" in project.cli("models", "history", "taxi_tips").stdout


def test_keys_of_nobody_and_files_of_nobody_are_told(project: TaxiProject, tmp_path: Path) -> None:
    key = str(tmp_path / "key.pem")
    assert project.cli("models", "keygen", "--out", key).code == 0
    signed = project.cli("models", "sign", "taxi_tips@1", "--key", key)
    assert "warning: jobs of this project do not trust that key" in signed.stderr
    left = project.root / "data" / "models" / "taxi_tips" / ".incoming-0123"
    left.mkdir()
    verified = project.cli("models", "verify", "taxi_tips")
    assert verified.code == 0
    assert "which is not trusted here" in verified.stdout
    assert f"{left} belongs to no version; nothing reads it" in verified.stderr


def test_a_second_keygen_and_a_missing_key_are_usage_errors(project: TaxiProject) -> None:
    assert project.cli("models", "keygen").code == 0
    again = project.cli("models", "keygen")
    assert again.code == 2
    assert "a key is never replaced" in again.stderr
    for options in ((), ("--key", "nowhere.pem")):
        done = project.cli("models", "sign", "taxi_tips@1", *options)
        assert done.code == 2
        assert "models keygen" in done.stderr


def test_verify_names_what_is_wrong_and_goes_on_with_the_others(project: TaxiProject) -> None:
    models = project.root / "data" / "models"
    artefact = models / "taxi_tips" / "1" / "model.joblib"
    other = project.cli(
        "models", "register", str(artefact), "--name", "other", "--allow-pickle", "--no-golden-rows"
    )
    assert other.code == 0, other.stderr
    artefact.write_bytes(artefact.read_bytes() + b"x")
    (artefact.parent / "notes.txt").write_text("looks fine to me")
    done = project.cli("models", "verify", "--load")
    assert done.code == 5
    assert done.stdout == (
        "other@1  ok  2 files, not signed\n"
        "taxi_tips@1  REFUSED  model.joblib of taxi_tips@1 is not the file that was registered: its sha256 "
        "differs; and 1 more\n"
    )
    assert "1 of 2 versions refused: taxi_tips@1" in done.stderr
    assert "fix:" in done.stderr

    told = project.cli("--json", "models", "verify", "taxi_tips@1")
    version, summary = told.lines
    assert [problem["error"] for problem in version["problems"]] == ["ModelRefused", "ModelRefused"]
    assert (summary["n_versions"], summary["n_refused"], summary["exit_code"]) == (1, 1, 5)
    assert told.code == 5

    (models / "taxi_tips" / "history.jsonl").write_text("garbage\n")
    damaged = project.cli("models", "verify")
    assert damaged.code == 5
    assert "taxi_tips  REFUSED  line 1 of the model's history is damaged" in damaged.stdout


def test_a_version_that_does_not_load_here_is_refused_only_when_that_is_asked(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ModelUnloadable("taxi_tips@1 does not load here: ModuleNotFoundError")

    monkeypatch.setattr(loader, "_cache", {})
    monkeypatch.setattr(loader, "load_artefact", broken)
    assert project.cli("models", "verify").code == 0
    done = project.cli("models", "verify", "--load")
    assert done.code == 5
    assert "taxi_tips@1  REFUSED  taxi_tips@1 does not load here" in done.stdout


def test_an_empty_registry_is_as_it_should_be(project: TaxiProject) -> None:
    (project.root / "data" / "models").rename(project.root / "elsewhere")
    done = project.cli("models", "verify")
    assert (done.code, done.stdout) == (0, "")
    assert project.cli("models", "verify", "taxi_tips").code == 2
