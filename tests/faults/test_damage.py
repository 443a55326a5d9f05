"""What is flipped, cut, deleted or swapped in outputs, manifests, ledger or model is found or refused."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import TALLY
from tests.faults.lake import Lake

Damage = Callable[[Lake, random.Random], str]


def _files(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.rglob(pattern) if path.is_file())


def _flip(path: Path, chance: random.Random) -> str:
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return f"bit flipped at {at} of {path.name}"


def _cut(path: Path, chance: random.Random) -> str:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(chance.randrange(size))
    return f"{path.name} cut short"


def _delete(path: Path, _chance: random.Random) -> str:
    path.unlink()
    return f"{path.name} deleted"


def _swap(first: Path, second: Path) -> str:
    beside = first.with_name("beside")
    first.rename(beside)
    second.rename(first)
    beside.rename(second)
    return f"{first.name} and {second.name} swapped"


def _outputs(lake: Lake, chance: random.Random) -> str:
    files = _files(lake.predictions, "*.parquet")
    what = chance.choice((_flip, _flip, _cut, _delete, None))
    return what(chance.choice(files), chance) if what else _swap(*chance.sample(files, 2))


def _manifests(lake: Lake, chance: random.Random) -> str:
    files = _files(lake.state / "manifests", "*.json")
    what = chance.choice((_flip, _flip, _cut, _delete, None))
    return what(chance.choice(files), chance) if what else _swap(*chance.sample(files, 2))


_LEDGER = (
    "UPDATE generations SET n_scored = n_scored + 1, n_read = n_read + 1 WHERE id = :id",
    "UPDATE generations SET manifest_sha256 = 'beef' WHERE id = :id",
    "UPDATE generations SET model_version = model_version + 1 WHERE id = :id",
    "UPDATE generations SET suite_fingerprint = 'other' WHERE id = :id",
    "UPDATE generations SET run_id = (SELECT run_id FROM runs WHERE run_id != generations.run_id)"
    " WHERE id = :id",
    "UPDATE generations SET output_names = '[]' WHERE id = :id",
    "UPDATE generations SET state = 'abandoned' WHERE id = :id",
    "UPDATE generations SET number = number + 10 WHERE id = :id",
    "UPDATE generation_inputs SET sha256 = 'beef' WHERE generation_id = :id",
    "UPDATE generation_inputs SET size = size + 1 WHERE generation_id = :id",
    "DELETE FROM generations WHERE id = :id",
)


def _ledger(lake: Lake, chance: random.Random) -> str:
    statement = chance.choice(_LEDGER)
    with closing(sqlite3.connect(lake.state / "ledger.db")) as ledger, ledger:
        ids = [row[0] for row in ledger.execute("SELECT id FROM generations ORDER BY id")]
        ledger.execute(statement, {"id": chance.choice(ids)})
    return statement


def _ledger_file(lake: Lake, chance: random.Random) -> str:
    return _cut(lake.state / "ledger.db", chance)


def _model(lake: Lake, chance: random.Random) -> str:
    files = _files(lake.root / "data/models/taxi_tips/1", "*")
    return chance.choice((_flip, _cut, _delete))(chance.choice(files), chance)


@pytest.fixture
def twice(make_lake: Callable[..., Lake]) -> Lake:
    """Two days, each published in two versions, the first kept."""
    lake = make_lake(output={"keep_generations": 3})
    assert lake.run().code == 0
    for index in lake.versions:
        lake.write_day(index, 1)
    assert lake.run().code == 0
    with closing(sqlite3.connect(lake.state / "ledger.db")) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return lake


def _each_on_a_fresh_copy(lake: Lake) -> Iterator[None]:
    saved = lake.root.with_name("saved")
    shutil.copytree(lake.root / "data", saved)
    while True:
        yield
        shutil.rmtree(lake.root / "data")
        shutil.copytree(saved, lake.root / "data")


def _damage(lake: Lake, damage: Damage, n_times: int, seed: int) -> None:
    chance = random.Random(seed)
    fresh = _each_on_a_fresh_copy(lake)
    for n in range(n_times):
        next(fresh)
        told = f"seed {seed}, {n}: {damage(lake, chance)}"
        if damage is _model:
            refused = lake.run("--reprocess", "all")
            assert refused.code == 5, f"{told}: exit {refused.code}\n{refused.stderr}"
        else:
            found = lake.cli("verify", "taxi_tips", "--deep")
            assert found.code == 6, f"{told}: exit {found.code}\n{found.stdout}{found.stderr}"
        TALLY["damages, all found"] += 1


_CI = [(_outputs, 14), (_manifests, 14), (_ledger, 14), (_ledger_file, 2), (_model, 6)]


@pytest.mark.parametrize(("damage", "n_times"), _CI, ids=lambda value: getattr(value, "__name__", str(value)))
def test_damage_is_found_or_refused(twice: Lake, damage: Damage, n_times: int) -> None:
    _damage(twice, damage, n_times, seed=1)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("damage", "n_times"), _CI, ids=lambda value: getattr(value, "__name__", str(value)))
def test_five_hundred_damages_are_found_or_refused(twice: Lake, damage: Damage, n_times: int) -> None:
    _damage(twice, damage, 10 * n_times, seed=2)
