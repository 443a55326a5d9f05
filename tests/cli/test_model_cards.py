"""`models show` and `models list`: the card of a version in all its forms, and a list that stays short."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEntry, HistoryEvent, following
from tests.conftest import TaxiProject
from tests.models.drafts import FILES, draft, on_disk
from tests.validation.pages import Page


def registry_of(project: TaxiProject) -> FileRegistry:
    return FileRegistry(project.root / "data" / "models")


def sign(project: TaxiProject, version: int) -> None:
    path = project.root / "data" / "models" / "taxi_tips" / "history.jsonl"
    entry = HistoryEntry(
        event=HistoryEvent.SIGNED, version=version, at="2026-11-23T22:57:09+00:00", who="hopper", why="",
        key="SHA256:hopper", signature="c2ln",
    )  # fmt: skip
    path.write_bytes(following(path.read_bytes(), entry))


def test_show_prints_a_card_that_fits_eighty_columns(project: TaxiProject) -> None:
    done = project.cli("models", "show", "taxi_tips@champion")
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "taxi_tips@1 (champion)"
    paths = [line for line in lines if str(project.root.parents[1]) in line]  # temporary ones, whole
    assert max(len(line) for line in lines if line not in paths) <= 80
    card = " ".join(done.stdout.split())
    manifest = registry_of(project).manifest("taxi_tips", 1)
    assert "used by taxi_tips (taxi_tips@champion)" in card
    assert f"golden rows {manifest.n_golden_rows}, repeated to the last bit" in card
    assert all(sha256 in card for sha256 in manifest.files.values())
    assert "at registration" in card  # why the alias points here
    for column in manifest.signature.columns:
        assert column.name in card


def test_show_signature_prints_the_columns_alone(project: TaxiProject) -> None:
    lines = project.cli("models", "show", "taxi_tips", "--signature").stdout.splitlines()
    columns = registry_of(project).manifest("taxi_tips", 1).signature.columns
    assert lines[0].split() == ["column", "type,", "?", "null", "pandas", "training"]
    told = [line.split()[:2] for line in lines if line[2] != " "][1:]
    assert told == [[c.name, c.type + ("?" if c.nullable else "")] for c in columns]


def test_show_json_tells_everything(project: TaxiProject) -> None:
    sign(project, 1)
    message, last = project.cli("--json", "models", "show", "taxi_tips").lines
    directory = project.root / "data" / "models" / "taxi_tips"
    assert last["exit_code"] == 0
    manifest = json.loads((directory / "1" / "manifest.json").read_bytes())
    del manifest["layout"]
    spans = {span["column"]: span for span in manifest["reference"].pop("spans")}
    assert {span["column"]: span for span in message["reference"].pop("spans")} == spans
    assert {name: message[name] for name in manifest} == manifest
    assert message["baseline"] == json.loads((directory / "1" / "baseline.json").read_bytes())
    lines = (directory / "history.jsonl").read_text().splitlines()
    told = [{k: v for k, v in entry.items() if v is not None} for entry in message["history"]]
    written = [{k: v for k, v in json.loads(line).items() if k != "sha256"} for line in lines]
    assert told == written  # but for each line's own hash
    assert message["uses"] == [{"job": "taxi_tips", "uri": "taxi_tips@champion"}]
    assert (message["aliases"], message["differs_here"]) == (["champion"], [])
    assert message["manifest_sha256"] == json.loads(lines[0])["manifest_sha256"]


def test_show_html_writes_one_page(project: TaxiProject, tmp_path: Path) -> None:
    place = tmp_path / "cards" / "card.html"
    done = project.cli("models", "show", "taxi_tips", "--html", str(place))
    assert (done.code, done.stdout, done.stderr) == (0, f"{place}\n", "")
    page = Page(place.read_text(encoding="utf-8"))
    assert "taxi_tips@1" in page.text["top"]
    assert len([tag for tag, _ in page.tags if tag == "svg"]) > 5
    assert list(place.parent.iterdir()) == [place]
    assert project.cli("models", "show", "taxi_tips", "--html", "-").stdout == place.read_text(
        encoding="utf-8"
    )
    written, _, last = project.cli("--json", "models", "show", "taxi_tips", "--html", str(place)).lines
    assert (written["message_type"], written["path"], written["version"]) == ("page", str(place), 1)
    assert last["exit_code"] == 0


def test_what_is_no_file_is_not_replaced_by_a_card(project: TaxiProject, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        assert project.cli("models", "show", "taxi_tips", "--html", str(place)).code == 2
    assert pipe.is_fifo()
    refused = project.cli("--json", "models", "show", "taxi_tips", "--html", "-")
    assert [line["message_type"] for line in refused.lines] == ["error"]
    assert refused.code == 2


def test_a_damaged_baseline_is_refused_and_named(project: TaxiProject) -> None:
    path = project.root / "data" / "models" / "taxi_tips" / "1" / "baseline.json"
    path.write_bytes(path.read_bytes().replace(b'"n_rows": ', b'"n_rows": 1', 1))
    done = project.cli("models", "show", "taxi_tips")
    assert done.code == 5
    assert "baseline.json of taxi_tips@1" in done.stderr
    path.unlink()
    assert project.cli("models", "show", "taxi_tips").code == 5
    path.symlink_to(path.with_name("manifest.json"))
    assert project.cli("models", "show", "taxi_tips").code == 5


def test_a_version_without_a_reference_has_a_card_too(project: TaxiProject) -> None:
    registry_of(project).add_version(draft("bare"), FILES)
    card = " ".join(project.cli("models", "show", "bare").stdout.split())
    assert "not recorded: registered without a reference" in card
    assert "golden rows none" in card
    assert "scikit-learn 1.7.2 at registration" in card
    assert "fare float64?" in card
    assert project.cli("--json", "models", "show", "bare").lines[0]["baseline"] is None
    assert "not kept" in project.cli("models", "show", "bare", "--html", "-").stdout


def test_list_tells_who_registered_and_what_is_signed(project: TaxiProject) -> None:
    registry_of(project).add_version(draft(), FILES)
    sign(project, 1)
    newest, first = project.cli("models", "list").stdout.splitlines()
    assert first.split()[:2] == ["taxi_tips@1", "champion"]
    assert " signed: untrusted " in first
    assert "Pipeline(" in first
    assert newest.split()[:2] == ["taxi_tips@2", "-"]
    assert " ada " in newest
    assert " unsigned" in newest
    lines = project.cli("--json", "models", "list").lines
    told = [(line["version"], line["aliases"], line["registered_by"], line["signed"]) for line in lines[:-1]]
    assert told[1] == (2, [], "ada", None)
    assert (told[0][:2], told[0][3]) == ((1, ["champion"]), "untrusted")
    assert lines[-1]["n_versions"] == 2


def test_a_card_says_what_a_signature_is_worth_here(project: TaxiProject, tmp_path: Path) -> None:
    """A line in the history proves nothing: only a signature of this version by a trusted key is good."""
    key, keys = tmp_path / "ada", project.root / "jobs" / "keys"
    assert project.cli("models", "keygen", "--out", str(key)).code == 0
    registry_of(project).add_version(draft(), FILES)
    assert project.cli("models", "sign", "taxi_tips@1", "--key", str(key)).code == 0

    def standing(version: int = 1) -> list[str]:
        (message, _) = project.cli("--json", "models", "show", f"taxi_tips@{version}").lines
        return [each["standing"] for each in message["signatures"]]

    assert standing() == ["untrusted"]
    keys.mkdir(exist_ok=True)
    (keys / "ada.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    assert standing() == ["trusted"]
    assert "good, and trusted by this project" in " ".join(
        project.cli("models", "show", "taxi_tips@1").stdout.split()
    )
    signed = registry_of(project).history("taxi_tips")[-1]
    path = project.root / "data" / "models" / "taxi_tips" / "history.jsonl"
    path.write_bytes(following(path.read_bytes(), replace(signed, version=2, previous=None)))
    assert standing(2) == ["bad"]
    newest, first = project.cli("models", "list").stdout.splitlines()
    assert "signed: bad" in newest
    assert "signed: trusted" in first
    (keys / "ada.pub").write_text("no key")
    done = project.cli("models", "show", "taxi_tips@1")
    assert done.code == 0
    assert "not checked" in done.stdout
    assert "ada.pub is no public key" in done.stderr


def test_two_hundred_versions_are_listed_in_a_few_lines_and_whole_when_asked(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # 200 versions, and no power cut here
    registry = registry_of(project)
    for _ in range(199):
        registry.add_version(draft(), FILES)
    *rows, rest = project.cli("models", "list").stdout.splitlines()
    assert [row.split()[0] for row in rows] == [f"taxi_tips@{v}" for v in (200, 199, 198, 197, 196, 1)]
    assert "194 older versions" in rest
    assert "models list taxi_tips" in rest
    assert len(project.cli("models", "list", "taxi_tips").stdout.splitlines()) == 200
    assert len(project.cli("--json", "models", "list").lines) == 201
    assert "… " in project.cli("models", "show", "taxi_tips@200").stdout
    assert project.cli("models", "list", "taxi_tip").code == 2


def test_one_damaged_version_hides_no_other(project: TaxiProject) -> None:
    registry = registry_of(project)
    registry.add_version(draft(), FILES)
    registry.add_version(replace(draft(), name="other"), FILES)
    manifest = on_disk(registry.directory("taxi_tips", 1)) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    done = project.cli("models", "list")
    assert done.code == 5
    other, second, damaged = done.stdout.splitlines()
    assert (other.split()[0], second.split()[0]) == ("other@1", "taxi_tips@2")
    assert damaged.startswith("taxi_tips@1  REFUSED  the manifest of taxi_tips@1 is not the one")
    assert "models verify" in done.stderr
    *told, error, summary = project.cli("--json", "models", "list").lines
    assert [(each["name"], each["version"]) for each in told] == [("other", 1), ("taxi_tips", 2)]
    assert (error["message_type"], summary["exit_code"], summary["n_versions"]) == ("error", 5, 2)
    history = on_disk(registry.history_path("taxi_tips"))
    history.write_bytes(history.read_bytes().replace(b"registered", b"regist3red", 1))
    other, damaged = project.cli("models", "list").stdout.splitlines()
    assert other.split()[0] == "other@1"
    assert damaged.startswith("taxi_tips  REFUSED  ")


def test_a_card_imports_no_data_library(project: TaxiProject, tmp_path: Path) -> None:
    page = str(tmp_path / "card.html")
    script = (
        "import sys\nfrom batch_scorer.cli.main import run\n"
        f"assert run(['-p', {str(project.root)!r}, 'models', 'show', 'taxi_tips', '--html', {page!r}]) == 0\n"
        f"assert run(['-p', {str(project.root)!r}, 'models', 'show', 'taxi_tips']) == 0\n"
        f"assert run(['-p', {str(project.root)!r}, 'models', 'list']) == 0\n"
        "heavy = {'great_expectations', 'pandas', 'sklearn', 'dask', 'numpy', 'pyarrow'}\n"
        "assert not heavy & {name.split('.')[0] for name in sys.modules}, heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
