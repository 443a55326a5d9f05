"""The life of a model on the example project, night by night: trained, registered, promoted, replaced by a
worse one, rolled back, asked about. At every step everything that can be asked tells the same truth.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from batch_scorer.ops.scaffold.project import scaffold_example
from batch_scorer.ops.scaffold.training import NUMBERS
from tests import taxi
from tests.month.clock import Clock
from tests.warm import WarmCommands

ZONE = ZoneInfo("America/Chicago")
FEW = NUMBERS[:3]  # what the later versions look at


def day(n: int) -> dt.date:
    return dt.date(2024, 3, n)


def evening(n: int) -> dt.datetime:
    return dt.datetime.combine(day(n), dt.time(18), ZONE)


def night_after(n: int) -> dt.datetime:
    return dt.datetime.combine(day(n + 1), dt.time(4, 30), ZONE)


class Life:
    """A project, what is true about it, and a shell in which it is the time that the story has come to.

    shows: for each published day, the version whose predictions it must show. meant: for each day that is
    over, what champion meant when it ended. models: version → estimator.
    """

    def __init__(self, root: Path, commands: WarmCommands) -> None:
        self.root = root
        self.models: dict[int, Any] = {}
        self.shows: dict[dt.date, int] = {}
        self.meant: dict[dt.date, int | None] = {}
        self.pinned: set[dt.date] = set()
        self.now = evening(18)
        self._told: list[dict[str, Any]] = []
        self._commands = commands

    def __call__(self, line: str, *, code: int = 0) -> taxi.Result:
        """Type a command. code: what it must end with."""
        words = shlex.split(line)
        assert words[0] == "batch-scorer"
        offset = round((self.now - dt.datetime.now(dt.UTC)).total_seconds())
        typed = self._commands.run(words[1:], cwd=self.root, seconds=offset)
        assert typed.code == code, f"{line}: exit {typed.code}\n{typed.both}"
        assert "Traceback" not in typed.stderr
        return taxi.Result(typed.code, typed.stdout, typed.stderr)

    def night(self, n: int, *, scores: dict[int, int]) -> None:
        """The run that first sees day n. scores: the days that it makes new, and with which version."""
        self.now = night_after(n)
        self("batch-scorer run taxi_tips")
        self.shows |= {day(each): version for each, version in scores.items()}
        self.check()

    def check(self) -> None:
        """Ask everything."""
        for each, version in self.shows.items():
            self._check_day(each, version)
        self._check_plan_and_status()
        self._check_history()
        for each, meant in list(self.meant.items())[-2:]:
            [told] = self(f"batch-scorer models at {each} taxi_tips --json").lines[:-1]
            assert (told["alias"], told["version"]) == ("champion", meant), each

    def _check_day(self, each: dt.date, version: int) -> None:
        rides = pd.read_parquet(self.root / f"data/lake/rides/ride_date={each}", partitioning=None)
        n_rows = 0
        for file in sorted((self.root / f"data/predictions/taxi_tips/ride_date={each}").glob("*.parquet")):
            found = pq.ParquetFile(file).read().to_pandas()
            assert set(found["_model_version"]) == {f"taxi_tips@{version}"}, each
            # A file is a chunk: a linear model's last bits depend on how many rows it is asked at once.
            joined = rides.merge(found, on="ride_id", validate="one_to_one")
            model = self.models[version]
            expected = model.predict_proba(joined[list(model.feature_names_in_)])[:, 1]
            assert np.array_equal(joined["big_tip_score"], expected), (each, version)
            n_rows += len(joined)
        assert n_rows == len(rides)

        artefact = self.root / f"data/models/taxi_tips/{version}/model.skops"
        sha256 = hashlib.sha256(artefact.read_bytes()).hexdigest()
        row = f"--row ride_id={joined['ride_id'].iloc[-1]}"
        is_newest = each == max(self.shows)
        for asked in (f"--partition {each}", row)[: 2 if is_newest else 1]:
            told = self(f"batch-scorer audit taxi_tips {asked} --json").lines[0]
            assert (told["partition"], told["model"]["version"]) == (f"ride_date={each}", version)
            assert told["model"]["sha256"] == sha256
        if told["row"]:
            assert told["row"]["values"]["big_tip_score"] == joined["big_tip_score"].iloc[-1]
        if is_newest:
            assert f"taxi_tips@{version}" in self(f"batch-scorer show taxi_tips/{each}").stdout

    def _check_plan_and_status(self) -> None:
        champion = self._champion()
        plan = self("batch-scorer plan taxi_tips --json").lines
        assert plan[-1]["model"].startswith(f"taxi_tips@champion = v{champion} ")
        planned = {line["partition"]: line for line in plan[:-1]}
        for each, version in self.shows.items():
            entry = planned[f"ride_date={each}"]
            in_lookback = each >= self.now.astimezone(ZONE).date() - dt.timedelta(days=3)
            stale = "SCORE" if in_lookback else "OUTDATED"
            expected = "KEEP" if each in self.pinned else "SKIP" if version == champion else stale
            assert entry["action"] == expected, (each, entry)
        [status] = self("batch-scorer status taxi_tips --json").lines[:-1]
        assert status["n_published"] == len(self.shows)

    def _champion(self) -> int:
        [listed] = [
            line["version"]
            for line in self("batch-scorer models list --json").lines[:-1]
            if "champion" in line["aliases"]
        ]
        return int(listed)

    def _check_history(self) -> None:
        """It only grows."""
        told = self("batch-scorer models history taxi_tips --json").lines[:-1]
        assert told[: len(self._told)] == self._told
        self._told = told


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with WarmCommands(Clock(tmp_path).at(dt.datetime.now(dt.UTC))) as commands:
        yield Life(tmp_path / "project", commands)


def _train(life: Life, version: int, *, backwards: bool) -> Path:
    """backwards: learned from labels in the wrong order, as a join that went wrong leaves them."""
    rides = pd.read_parquet(life.root / "data/training/rides.parquet")
    tipped = (rides.tips > 0.2 * rides.fare).astype(int).to_numpy()
    model = HistGradientBoostingClassifier(max_iter=10, random_state=version)
    life.models[version] = model.fit(rides[FEW], tipped[::-1] if backwards else tipped)
    path = life.root / f"data/training/v{version}.skops"
    skops.io.dump(model, path)
    return path


@pytest.mark.timeout(900)
def test_at_every_step_of_its_life_all_that_can_be_asked_tells_the_truth(life: Life) -> None:
    first = scaffold_example(life.root, days=9, rows=2_000).model_file
    life.models[1] = skops.io.load(first, trusted=skops.io.get_untrusted_types(file=first))
    reference = f"--name taxi_tips --reference {life.root}/data/training/rides.parquet"
    life(f"batch-scorer models register {first} {reference}")
    life("batch-scorer models promote taxi_tips@1 --alias champion --reason 'first version'")
    for n in (18, 19, 20, 21):
        life.meant[day(n)] = 1
        life.night(n, scores={n: 1})

    # A worse one comes. Only to look changes nothing.
    life.now = evening(22)
    life(f"batch-scorer models register {_train(life, 2, backwards=True)} {reference}")
    promote = "batch-scorer models promote taxi_tips@2 --alias champion --reason 'better on paper'"
    before = life(f"{promote} --dry-run --json").lines
    life.check()
    told = life(f"{promote} --json").lines
    gates = [line for line in told if line["message_type"] == "gate"]
    assert len(gates) > 4
    assert {gate["state"] for gate in gates} == {"passed"}
    consequence = _consequence(told)
    assert consequence == _consequence(before)
    assert (consequence["n_outdated"], consequence["n_due"], consequence["scored_with"]) == (
        4,
        2,
        ["taxi_tips@1"],
    )
    assert (consequence["first"], consequence["last"]) == ("2024-03-18", "2024-03-21")
    life.check()
    life.meant[day(22)] = life.meant[day(23)] = 2
    life.night(22, scores={20: 2, 21: 2, 22: 2})
    life.night(23, scores={23: 2})

    # Somebody sees it.
    life.now = evening(24) - dt.timedelta(hours=8)
    rolled_back = life(
        "batch-scorer models rollback taxi_tips --reason 'tips the wrong way round' --json"
    ).lines
    consequence = _consequence(rolled_back)
    assert (consequence["n_outdated"], consequence["n_due"], consequence["scored_with"]) == (
        4,
        2,
        ["taxi_tips@2"],
    )
    life.check()
    life.meant[day(24)] = 1
    life.night(24, scores={22: 1, 23: 1, 24: 1})
    life.now += dt.timedelta(hours=2)
    life(consequence["command"])
    life.shows |= {day(20): 1, day(21): 1}
    life.check()

    # What would each day have said, by the rules of that day?
    then = "--model-as-of-date --reason 'as it was'"
    life(f"batch-scorer backfill taxi_tips --from 2024-03-18 --to 2024-03-24 {then}")
    life.shows |= {day(22): 2, day(23): 2}
    life.pinned |= {day(22), day(23)}
    life.check()
    audit = life("batch-scorer audit taxi_tips --partition 2024-03-22").stdout
    assert "as it was" in audit
    life("batch-scorer verify taxi_tips --deep --rescore 50")

    # A better one, taken back too: to the first, not to the one that was rolled back before.
    life.now = evening(25)
    life(f"batch-scorer models register {_train(life, 3, backwards=False)} {reference}")
    third = _consequence(
        life("batch-scorer models promote taxi_tips@3 --alias champion --reason new --json").lines
    )
    assert (third["n_outdated"], third["n_kept"]) == (5, 2)
    life.check()
    back = life("batch-scorer models rollback taxi_tips --reason 'not yet' --json").lines
    assert (back[-1]["was"], back[-1]["version"]) == (3, 1)
    assert (_consequence(back)["n_outdated"], _consequence(back)["n_kept"]) == (0, 2)
    life.meant[day(25)] = 1
    life.check()
    assert (
        "meant nothing before" in life("batch-scorer models rollback taxi_tips --reason more", code=2).stderr
    )
    for each, meant in life.meant.items():
        assert f"v{meant} " in life(f"batch-scorer models at {each}").stdout
    why = [
        line["why"]
        for line in life("batch-scorer models history taxi_tips --alias champion --json").lines[:-1]
    ]
    assert why == ["first version", "better on paper", "tips the wrong way round", "new", "not yet"]


def _consequence(lines: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [line for line in lines if line["message_type"] == "consequence"]
    return found
