"""256 flipped bytes, spread over every file of a version: refused 256 times, before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pyarrow.parquet as pq
import pytest
import skops.io

from batch_scorer.core.errors import ModelNotFound, ModelRefused
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.history import HistoryEntry, decode_history, encode_entry
from batch_scorer.models.scoring import loader
from batch_scorer.models.scoring.loader import load_model
from tests import taxi
from tests.conftest import TaxiProject
from tests.models.drafts import FILES, draft, on_disk

_N_FLIPS = 256


def _positions(files: list[Path]) -> list[tuple[Path, int]]:
    """As many in each file, from its first byte to its last; the remainder in the first ones."""
    found = []
    for number, path in enumerate(files):
        n_here = _N_FLIPS // len(files) + (number < _N_FLIPS % len(files))
        last = path.stat().st_size - 1
        assert last >= n_here, f"{path.name} is too short to be hit so often"
        found += [(path, last * step // (n_here - 1)) for step in range(n_here)]
    assert len(set(found)) == _N_FLIPS
    return found


def _flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ (1 << position % 8)]) + data[position + 1 :]


@pytest.fixture
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The loading functions that were called."""
    called: list[str] = []

    def spy(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def called_with(*arguments: Any, **options: Any) -> Any:
            called.append(f"{owner.__name__}.{name}")
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, called_with)

    spy(skops.io, "loads")
    spy(skops.io, "load")
    spy(joblib, "load")
    spy(pq, "read_table")
    return called


def test_each_of_256_flipped_bytes_is_refused_before_load(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch, nothing_is_loaded: list[str]
) -> None:
    _register_as_skops(project)
    pin = FileRegistry(project.root / "data" / "models").resolve("taxi_tips@champion")
    directory = Path(pin.directory)
    nothing_is_loaded.clear()
    monkeypatch.setattr(loader, "_cache", {})
    refused = 0
    for path, position in _positions(sorted(directory.iterdir())):
        good = path.read_bytes()
        path.write_bytes(_flipped(good, position))
        with pytest.raises(ModelRefused) as caught:  # what a worker does, with what the driver pinned
            load_model(pin)
        assert path.name in caught.value.what
        done = project.cli("models", "verify", f"taxi_tips@{pin.version}", "--load")
        assert done.code == caught.value.exit_code == 5, (path, position, done)
        refused += "REFUSED" in done.stdout
        path.write_bytes(good)
    assert refused == _N_FLIPS
    assert nothing_is_loaded == []
    assert project.cli("models", "verify", "--load").code == 0  # the bytes are all back, and it does load
    assert nothing_is_loaded


def _register_as_skops(project: TaxiProject) -> None:
    artefact = sorted((project.root / "data" / "models").rglob("model.joblib"))[0]
    training = project.root / "train.parquet"
    taxi.rides(600, seed=99).to_parquet(training)
    skops.io.dump(joblib.load(artefact), project.root / "model.skops")
    done = project.cli(
        "models", "register", str(project.root / "model.skops"), "--name", "taxi_tips",
        "--reference", str(training), "--alias", "champion",
    )  # fmt: skip
    assert done.code == 0, done.stderr


def test_a_run_with_a_flipped_byte_in_any_file_ends_with_5_and_publishes_nothing(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = Path(FileRegistry(project.root / "data" / "models").resolve("taxi_tips@1").directory)
    for path in sorted(directory.iterdir()):
        monkeypatch.setattr(loader, "_cache", {})
        good = path.read_bytes()
        path.write_bytes(_flipped(good, len(good) // 2))
        done = project.cli("run", "taxi_tips")
        assert done.code == 5, (path, done.stderr)
        assert path.name in done.stderr or "the manifest of taxi_tips@1" in done.stderr
        assert project.snapshot() == {}
        path.write_bytes(good)
    assert project.cli("run", "taxi_tips").code == 0


@pytest.fixture
def filled(tmp_path: Path) -> FileRegistry:
    registry = FileRegistry(tmp_path / "models")
    for why in ("first", "second"):
        registry.add_version(draft(), FILES, why=why)
    registry.promote("taxi_tips", 1, "champion", reason="first one", who="ada")
    registry.add_signature("taxi_tips", 2, key="SHA256:key", signature="c2lnbmVk", who="ada")
    registry.promote("taxi_tips", 2, "champion", reason="better", who="ada")
    return registry


def test_every_flipped_bit_of_a_history_is_found(filled: FileRegistry) -> None:
    data = on_disk(filled.history_path("taxi_tips")).read_bytes()
    for position, bit in ((position, bit) for position in range(len(data)) for bit in range(8)):
        changed = bytearray(data)
        changed[position] ^= 1 << bit
        with pytest.raises(ModelRefused):
            decode_history(bytes(changed), "h")


def test_a_history_cut_anywhere_is_refused_or_one_that_was_there_before(filled: FileRegistry) -> None:
    """Lines that are missing at the end are the one thing that a chain of hashes cannot tell."""
    data = on_disk(filled.history_path("taxi_tips")).read_bytes()
    whole = filled.history("taxi_tips")
    for size in range(len(data)):
        try:
            entries = decode_history(data[:size], "h")
        except ModelRefused:
            continue
        assert entries == whole[: len(entries)]
        assert data[:size].endswith(b"\n") or not size


def test_a_history_that_was_cut_makes_no_version_mean_other_bytes(filled: FileRegistry) -> None:
    pins = [filled.resolve(f"taxi_tips@{version}") for version in (1, 2)]
    path = on_disk(filled.history_path("taxi_tips"))
    lines = path.read_bytes().splitlines(keepends=True)
    for n_lines in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:n_lines]))
        for pin in pins:
            try:
                assert filled.resolve(pin.reference) == pin
            except ModelNotFound:
                assert n_lines < 2


def test_lines_from_before_there_were_hashes_of_lines_are_read_and_gone_on_with(
    filled: FileRegistry,
) -> None:
    path = on_disk(filled.history_path("taxi_tips"))
    old = [encode_entry(_bare(entry)) for entry in filled.history("taxi_tips")]
    path.write_bytes(b"".join(old))
    assert filled.aliases("taxi_tips") == {"champion": 2}
    filled.promote("taxi_tips", 1, "champion", reason="back", who="bob")
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[:-1] == old
    with pytest.raises(ModelRefused, match=r"line 6 .*own sha256"):
        decode_history(path.read_bytes().replace(b'"why": "back"', b'"why": "front"'), "h")
    with pytest.raises(ModelRefused, match=r"line 7 .*it has no sha256"):
        decode_history(path.read_bytes() + old[2], "h")


def _bare(entry: HistoryEntry) -> HistoryEntry:
    return replace(entry, previous=None)
