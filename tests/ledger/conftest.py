"""Records to write, and a ledger of every back end to write them to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.core.batches import SmallerBatches
from batch_scorer.core.chunks import Accounting, ChunkCost
from batch_scorer.core.lakefiles import FileStamp, LakeFile, PartitionFiles
from batch_scorer.core.leases import Holder, Opening
from batch_scorer.core.partitions import Partition
from batch_scorer.core.processes import ProcessIdentity
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    GenerationRecord,
    GenerationState,
    Ingredients,
    RunRecord,
    RunState,
)
from batch_scorer.core.waivers import Waived, Waiver
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger

NOW = dt.datetime(2024, 4, 10, 4, 30, 12, 345678, tzinfo=dt.UTC)
DAY = Partition(names=("ds",), values=(dt.date(2024, 4, 9),))
TWIN = Partition(names=("ds",), values=("2024-04-10",))  # a string that looks like a date
STAMP = FileStamp(size=100, mtime_ns=1_712_000_000_123_456_789, ctime_ns=2, inode=2**64 - 1)
TOKEN = "01TOKEN"
SMALLER = SmallerBatches(n_rows=5, usual_rows=9, row_bytes=70, column="note", column_bytes=62)
FILES = (
    LakeFile(path="ds=2024-04-09/part-0.parquet", stamp=STAMP, sha256="5f2e" * 16),
    LakeFile(path="ds=2024-04-09/part-1.parquet", stamp=replace(STAMP, etag="e1")),
)


def stamps_of(files: tuple[LakeFile, ...]) -> str:
    return PartitionFiles(partition=DAY, directory=DAY.path, files=files).stamp_fingerprint


INGREDIENTS = Ingredients(
    stamps=stamps_of(FILES),
    model_name="tips",
    model_version=7,
    model_sha256="a91c" * 16,
    suite_fingerprint="s",
    config_fingerprint="c",
)


def make_run(run_id: str = "01JQ8ZAAAA", **changes: Any) -> RunRecord:
    run = RunRecord(
        run_id=run_id,
        job="tips",
        state=RunState.RUNNING,
        started_at=NOW,
        finished_at=None,
        exit_code=None,
        model="tips@7",
        model_sha256="a91c" * 16,
        command=("batch-scorer", "run", "tips"),
        host="box",
        pid=4711,
        user="cron",
        code_version="0.1.0",
        config={"name": "tips", "input": {"key": ["ride_id"]}},
    )
    return replace(run, **changes)


def make_generation(number: int = 1, **changes: Any) -> GenerationRecord:
    generation = GenerationRecord(
        job="tips",
        partition=DAY,
        number=number,
        run_id="01JQ8ZAAAA",
        state=GenerationState.PUBLISHING,
        ingredients=INGREDIENTS,
        inputs=FILES,
        output_names=("part-00000-a.parquet", "part-00001-b.parquet"),
        rows=Accounting(n_read=10, n_scored=7, n_quarantined=2, n_dropped=1),
        manifest_sha256="beef" * 16,
        created_at=NOW,
    )
    return replace(generation, **changes)


def make_attempt(state: AttemptState = AttemptState.FAILED, **changes: Any) -> AttemptRecord:
    attempt = AttemptRecord(
        run_id="01JQ8ZAAAA",
        job="tips",
        partition_label=DAY.label,
        partition_path=DAY.path,
        state=state,
        ingredients=INGREDIENTS,
        reasons=("missing",),
        started_at=NOW,
        finished_at=NOW + dt.timedelta(seconds=3),
        headline="fare is negative",
        error={"error": "FileUnreadable", "what": "truncated"},
        verdicts=({"suite": "rides", "success": False, "failed": ["fare ≥ 0"]},),
        warnings=("two schemas",),
        cost=ChunkCost(read_s=0.25, peak_bytes=2**40, smaller=SMALLER),
        partition=DAY,
    )
    return replace(attempt, **changes)


def make_waiver(**changes: Any) -> Waiver:
    waiver = Waiver(
        job="tips",
        partition=DAY,
        input_fingerprint="5f2e" * 16,
        stamps=stamps_of(FILES),
        after_generation=1,
        waived=Waived(rules=("rides: fare ≥ 0", "rides: b: c"), by="ana", at=NOW, why="März"),
    )
    return replace(waiver, **changes)


def make_holder(token: str = TOKEN, **changes: Any) -> Holder:
    process = ProcessIdentity(host="box", boot="b 1", pid=4711, started="99")
    holder = Holder(
        token=token, job="tips", verb="run", process=process, user="ana", since=NOW, heartbeat_at=NOW,
        run_id="01JQ8ZAAAA",
    )  # fmt: skip
    return replace(holder, **changes)


def make_opening(number: int = 1, **changes: Any) -> Opening:
    opening = Opening(
        job="tips", partition=DAY, number=number, run_id="01JQ8ZAAAA", key="k", staging="01ATTEMPT",
        opened_at=NOW, previous_sha256="beef",
    )  # fmt: skip
    return replace(opening, **changes)


def enter(ledger: Ledger, token: str = TOKEN, **changes: Any) -> None:
    """A process begins its work, if it has not yet."""
    if token not in {holder.token for holder in ledger.holders("tips")}:
        ledger.enter(make_holder(token, **changes))


def begin(ledger: Ledger, generation: GenerationRecord) -> None:
    """Under a lease, as every publish."""
    enter(ledger)
    lease = ledger.lease(generation.job, generation.partition)
    if lease is None:
        assert ledger.take_lease(generation.job, generation.partition, TOKEN, NOW, instead_of=None)
    ledger.begin_publishes([generation], TOKEN)


def publish(
    ledger: Ledger, number: int = 1, *, columns: tuple[tuple[str, str], ...] | None = None, **changes: Any
) -> GenerationRecord:
    """Begin and finish; the generation as the ledger should give it back. columns: see `finish_publish`."""
    generation = make_generation(number, **changes)
    begin(ledger, generation)
    ledger.finish_publish(generation.job, generation.partition, number, NOW, columns)
    return replace(generation, state=GenerationState.PUBLISHED, published_at=NOW)


def _sqlite(_request: pytest.FixtureRequest, directory: Path) -> Path:
    return directory / "state" / "ledger.db"


def _postgresql(request: pytest.FixtureRequest, _directory: Path) -> str:
    url: str = request.getfixturevalue("database_url")
    return url


BACK_ENDS: dict[str, Callable[[pytest.FixtureRequest, Path], str | Path]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
}


@pytest.fixture(params=list(BACK_ENDS))
def ledger_place(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a ledger can be made, of every back end."""
    return BACK_ENDS[request.param](request, tmp_path)


@pytest.fixture
def empty_ledger(ledger_place: str | Path) -> Iterator[Ledger]:
    ledger = open_ledger(ledger_place)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger(empty_ledger: Ledger) -> Ledger:
    """With the run that make_generation() and make_attempt() name."""
    empty_ledger.start_run(make_run())
    return empty_ledger
