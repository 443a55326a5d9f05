"""A backfill of many partitions: one cluster, published one by one, and nothing is kept of what is done."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from batch_scorer import wiring
from batch_scorer.config.project import Project
from batch_scorer.core.chunks import ChunkScored, ChunkTask
from batch_scorer.core.outcomes import PartitionOutcome, Published
from batch_scorer.core.plans import ModelChoice, Plan, Selection
from batch_scorer.core.records import RunRecord
from batch_scorer.core.runs import RunOptions
from batch_scorer.execution.clusters.choice import open_cluster
from batch_scorer.execution.clusters.local.workers import _LAST_MESSAGES
from batch_scorer.execution.prepare import Prepared
from batch_scorer.execution.work import PartitionWork
from tests import taxi
from tests.conftest import TaxiProject

_N = 60
_OF_ONE_PARTITION = (Prepared, PartitionWork, ChunkTask, ChunkScored)


class Watcher:
    """Listens to a run, and looks around whenever a partition has ended."""

    def __init__(self, project: TaxiProject) -> None:
        self._project = project
        self.labels: list[str] = []
        self.n_visible: list[int] = []
        self.n_alive: list[int] = []

    def run_started(self, run: RunRecord, plan: Plan) -> None: ...

    def rows_read(self, label: str, n_rows: int) -> None: ...

    def warned(self, text: str) -> None: ...

    def partition_done(self, outcome: PartitionOutcome) -> None:
        assert isinstance(outcome, Published)
        self.labels.append(outcome.label)
        self.n_visible.append(sum(1 for _ in self._project.predictions.iterdir()))
        if len(self.labels) % 20 == 0:
            self.n_alive.append(sum(isinstance(thing, _OF_ONE_PARTITION) for thing in gc.get_objects()))


@pytest.fixture
def many(make_project: Callable[..., TaxiProject]) -> TaxiProject:
    project = make_project(0, compute={"workers": 1})
    for index, day in enumerate(taxi.days(_N)):
        taxi.write_day(project.lake, day, taxi.rides(5, first_id=index * 10), n_files=1)
    return project


@pytest.mark.parametrize("cluster", ["inline", "local"])
def test_many_partitions_are_published_one_by_one_on_one_cluster(
    many: TaxiProject, monkeypatch: pytest.MonkeyPatch, cluster: str
) -> None:
    opened: Counter[str] = Counter()

    def counted(spec: str, *arguments: Any, **named: Any) -> Any:
        opened[spec] += 1
        return open_cluster(spec, *arguments, **named)

    monkeypatch.setattr("batch_scorer.execution.run.open_cluster", counted)
    watcher = Watcher(many)
    parts = wiring.open_job(Project(root=many.root), "taxi_tips")
    selection = Selection(first_day=taxi.days(1)[0], last_day=taxi.days(_N)[-1], newest_first=False)
    report = wiring.run_job(
        parts, selection, ModelChoice(), RunOptions(cluster=cluster, max_parallel=4), watcher
    )
    parts.ledger.close()

    assert report.exit_code == 0
    assert opened == {cluster: 1}
    assert watcher.labels == [str(day) for day in taxi.days(_N)]
    assert watcher.n_visible == list(range(1, _N + 1))  # each when it is done, and none before
    # Of those in hand, and what Dask remembers of what it sent, four chunks at a time; neither grows with
    # the partitions.
    assert max(watcher.n_alive) <= (4 + 1) * len(_OF_ONE_PARTITION) + 4 * _LAST_MESSAGES
