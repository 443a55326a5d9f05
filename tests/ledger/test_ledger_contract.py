"""What every ledger does, whatever database it stands on."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, update
from sqlalchemy.exc import StatementError

from batch_scorer.core.chunks import NO_ROWS, Accounting, ChunkCost
from batch_scorer.core.errors import DamageFound, LeaseLost, UsageError
from batch_scorer.core.footing import Footing, VisibleGeneration
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import (
    AttemptState,
    ChainEnd,
    GenerationState,
    PartitionPast,
    Pin,
    RunState,
    past_of,
)
from batch_scorer.core.runs import Pace
from batch_scorer.ledger import sql_ledger
from batch_scorer.ledger.database import connect
from batch_scorer.ledger.encoding import partition_to_json
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.schema import generations
from tests.ledger.conftest import (
    DAY,
    FILES,
    NOW,
    TOKEN,
    TWIN,
    begin,
    make_attempt,
    make_generation,
    make_opening,
    make_run,
    make_waiver,
    publish,
    stamps_of,
)


def test_a_run_comes_back_as_it_was_started(empty_ledger: Ledger) -> None:
    run = make_run(target="dev", reason="backfill of März", started_at=NOW)
    empty_ledger.start_run(run)
    assert empty_ledger.run("last") == run


def test_a_finished_run_tells_how_it_ended(ledger: Ledger) -> None:
    end = NOW + dt.timedelta(minutes=4)
    cost, error = ChunkCost(score_s=1.5, peak_bytes=3), {"error": "RunTimedOut", "what": "2 h passed"}
    ended = make_run(
        state=RunState.FINISHED,
        exit_code=124,
        finished_at=end,
        n_published=2,
        n_blocked=1,
        n_failed=3,
        cost=cost,
        error=error,
    )
    ledger.finish_run(ended)
    assert ledger.run("last") == ended


def test_the_last_success_is_the_newest_run_that_published_or_had_nothing_to_do(ledger: Ledger) -> None:
    def end(run_id: str, *, exit_code: int, n_published: int, minutes: int) -> dt.datetime:
        finished_at = NOW + dt.timedelta(minutes=minutes)
        ledger.finish_run(
            make_run(run_id, exit_code=exit_code, finished_at=finished_at, n_published=n_published)
        )
        return finished_at

    for run_id in ("01JQ8ZB", "01JQ8ZC", "01JQ8ZD"):
        ledger.start_run(make_run(run_id))
    ledger.start_run(make_run("01JQ8ZE", job="other"))
    assert ledger.last_success("tips") is None
    nothing_due = end("01JQ8ZAAAA", exit_code=0, n_published=0, minutes=1)
    assert ledger.last_success("tips") == nothing_due
    partial = end("01JQ8ZB", exit_code=3, n_published=1, minutes=2)
    end("01JQ8ZC", exit_code=1, n_published=0, minutes=3)
    end("01JQ8ZE", exit_code=0, n_published=1, minutes=4)
    assert ledger.last_success("tips") == partial


def test_finishing_a_run_nobody_started_is_damage(ledger: Ledger) -> None:
    with pytest.raises(DamageFound, match="01UNKNOWN is not in the ledger"):
        ledger.mark_died("01UNKNOWN")


def test_times_of_any_zone_come_back_as_the_same_moment_in_utc(empty_ledger: Ledger) -> None:
    chicago = dt.timezone(dt.timedelta(hours=-5))
    empty_ledger.start_run(make_run(started_at=NOW.astimezone(chicago)))
    started = empty_ledger.run("last").started_at
    assert (started, started.utcoffset()) == (NOW, dt.timedelta(0))


def test_a_time_without_a_zone_is_refused(empty_ledger: Ledger) -> None:
    with pytest.raises(StatementError, match="no time zone"):
        empty_ledger.start_run(make_run(started_at=NOW.replace(tzinfo=None)))
    assert empty_ledger.runs() == ()


def test_runs_are_newest_first_in_the_order_they_started_whatever_the_clock(empty_ledger: Ledger) -> None:
    for n, job in enumerate(("tips", "fares", "tips")):
        empty_ledger.start_run(make_run(f"01{n}", job=job, started_at=NOW - dt.timedelta(hours=n)))
    assert [run.run_id for run in empty_ledger.runs()] == ["012", "011", "010"]
    assert [run.run_id for run in empty_ledger.runs("tips")] == ["012", "010"]
    assert [run.run_id for run in empty_ledger.runs(limit=1)] == ["012"]
    assert empty_ledger.run("last").run_id == "012"
    assert empty_ledger.jobs() == ("fares", "tips")


@pytest.mark.parametrize("asked", ["01JQ8ZB", "01jq8zb", "01JQ8ZBBBB"])
def test_a_run_is_found_by_the_start_of_its_id(ledger: Ledger, asked: str) -> None:
    ledger.start_run(make_run("01JQ8ZBBBB"))
    assert ledger.run(asked).run_id == "01JQ8ZBBBB"


def test_a_whole_id_wins_over_longer_ones(ledger: Ledger) -> None:
    ledger.start_run(make_run("01JQ8ZAAAAA"))
    assert ledger.run("01JQ8ZAAAA").run_id == "01JQ8ZAAAA"


def test_an_ambiguous_start_of_an_id_lists_the_runs(ledger: Ledger) -> None:
    ledger.start_run(make_run("01JQ8ZBBBB"))
    with pytest.raises(UsageError, match="several runs") as caught:
        ledger.run("01JQ8Z")
    assert caught.value.fix == "one of 01JQ8ZBBBB, 01JQ8ZAAAA"


@pytest.mark.parametrize("asked", ["01ZZ", "%", "_1JQ8ZAAAA", ""])
def test_an_unknown_run_is_a_usage_error_that_names_the_newest(ledger: Ledger, asked: str) -> None:
    ledger.start_run(make_run("01JQ8ZBBBB"))
    with pytest.raises(UsageError) as caught:
        ledger.run(asked)
    assert "01JQ8ZBBBB" in str(caught.value.fix)


def test_last_of_an_empty_ledger_says_that_nothing_ran(empty_ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="nothing has run yet"):
        empty_ledger.run("last")


def test_a_run_that_never_ended_is_unfinished_until_marked_died(ledger: Ledger) -> None:
    assert [run.run_id for run in ledger.unfinished_runs()] == ["01JQ8ZAAAA"]
    ledger.mark_died("01JQ8ZAAAA")
    assert ledger.unfinished_runs() == ()
    assert ledger.run("last").state is RunState.DIED


def test_attempts_come_back_as_recorded_in_their_order(ledger: Ledger) -> None:
    first = make_attempt()
    second = make_attempt(
        AttemptState.PUBLISHED, rows=NO_ROWS, generation=3, error=None, verdicts=(), warnings=()
    )
    refused = make_attempt(
        partition=None, ingredients=None, partition_path="ds=soon", partition_label="ds=soon"
    )
    for attempt in (first, second, refused):
        ledger.record_attempt(attempt)
    assert ledger.attempts("01JQ8ZAAAA") == (first, second, refused)
    assert ledger.attempts("01OTHER") == ()


def test_an_attempt_that_hides_its_partition_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="must tell its partition"):
        ledger.record_attempt(make_attempt(partition=None))


def test_a_published_generation_comes_back_with_its_inputs(ledger: Ledger) -> None:
    generation = publish(ledger)
    assert ledger.generation("tips", DAY, None) == generation
    assert ledger.generation("tips", DAY, 1) == generation
    assert ledger.generations("tips", DAY) == (generation,)


def test_what_is_being_published_is_unfinished_and_not_current(ledger: Ledger) -> None:
    generation = make_generation()
    begin(ledger, generation)
    assert ledger.unfinished_publishes("tips") == (generation,)
    assert ledger.unfinished_publishes("fares") == ()
    assert ledger.generation("tips", DAY, None) is None
    assert ledger.generation("tips", DAY, 1) == generation
    assert ledger.partition_records("tips") == {}


def test_an_abandoned_generation_leaves_the_one_before_current(ledger: Ledger) -> None:
    first = publish(ledger, 1)
    begin(ledger, make_generation(2))
    ledger.abandon_publish("tips", DAY, 2)
    assert ledger.generation("tips", DAY, None) == first
    assert ledger.partition_records("tips")[DAY].current == first
    assert [g.state for g in ledger.generations("tips", DAY)] == [
        GenerationState.ABANDONED,
        GenerationState.PUBLISHED,
    ]
    assert ledger.unfinished_publishes("tips") == ()


def test_a_number_is_given_once_even_when_it_was_abandoned(ledger: Ledger) -> None:
    begin(ledger, make_generation(1))
    ledger.abandon_publish("tips", DAY, 1)
    with pytest.raises(DamageFound, match="generation 1 of ds=2024-04-09 exists already"):
        begin(ledger, make_generation(1))
    begin(ledger, make_generation(1, job="fares"))


def test_only_an_unfinished_publish_can_end(ledger: Ledger) -> None:
    publish(ledger)
    with pytest.raises(DamageFound, match="does not know as unfinished"):
        ledger.finish_publish("tips", DAY, 1, NOW)
    with pytest.raises(DamageFound, match="does not know as unfinished"):
        ledger.abandon_publish("tips", DAY, 1)
    with pytest.raises(DamageFound, match="does not know as unfinished"):
        ledger.finish_publish("tips", DAY, 2, NOW)


def test_a_publish_begins_as_publishing(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="begins as publishing"):
        begin(ledger, make_generation(state=GenerationState.PUBLISHED))


def test_a_generation_of_a_run_that_never_started_is_damage(ledger: Ledger) -> None:
    with pytest.raises(DamageFound):
        begin(ledger, make_generation(run_id="01UNKNOWN"))
    assert ledger.generations("tips", DAY) == ()


def test_partition_values_come_back_typed(ledger: Ledger) -> None:
    several = Partition(names=("region", "ds", "n"), values=("a=b %", dt.date(2024, 4, 9), -7))
    for partition in (DAY, TWIN, several):
        publish(ledger, partition=partition)
    assert set(ledger.partition_records("tips")) == {DAY, TWIN, several}


def test_partition_records_hold_the_newest_published_generation_of_each(ledger: Ledger) -> None:
    publish(ledger, 1)
    newest, other = publish(ledger, 2), publish(ledger, 1, partition=TWIN)
    publish(ledger, 9, job="fares")
    begin(ledger, make_generation(3))
    records = ledger.partition_records("tips")
    assert {partition: record.current for partition, record in records.items()} == {
        DAY: newest,
        TWIN: other,
    }


def test_a_plan_is_told_the_same_without_input_files(ledger: Ledger) -> None:
    """Pins, failures, waivers and partitions that were never published included."""
    publish(ledger, 1)
    publish(ledger, 2, pin=Pin(by="ana", at=NOW, why="good"))
    publish(ledger, 1, partition=TWIN)
    publish(ledger, 9, job="fares")
    begin(ledger, make_generation(3))
    never = Partition(names=("ds",), values=(7,))
    ledger.record_attempt(make_attempt())
    ledger.record_attempt(make_attempt(partition=never, partition_path=never.path))
    ledger.record_waiver(make_waiver(after_generation=2), TOKEN)
    full = {partition: past_of(record) for partition, record in ledger.partition_records("tips").items()}
    pasts = ledger.pasts("tips")
    assert set(pasts) == {DAY, TWIN, never}
    assert pasts == {partition: _without_inputs(past) for partition, past in full.items()}


def _without_inputs(past: PartitionPast) -> PartitionPast:
    return past if past.current is None else replace(past, current=replace(past.current, inputs=None))


def test_the_next_generation_follows_the_current_one_under_a_number_that_nobody_ever_had(
    ledger: Ledger,
) -> None:
    assert ledger.footing("tips", DAY).end == ChainEnd(last_number=0, manifest_sha256=None)
    begin(ledger, make_generation(1))
    ledger.abandon_publish("tips", DAY, 1)
    assert ledger.footing("tips", DAY).end == ChainEnd(last_number=1, manifest_sha256=None)
    publish(ledger, 2, manifest_sha256="aa" * 32)
    publish(ledger, 3, manifest_sha256="bb" * 32)
    publish(ledger, 7, partition=TWIN)
    publish(ledger, 9, job="fares")
    assert ledger.footing("tips", DAY).end == ChainEnd(last_number=3, manifest_sha256="bb" * 32)
    begin(ledger, make_generation(4))
    ledger.abandon_publish("tips", DAY, 4)
    assert ledger.footing("tips", DAY).end == ChainEnd(last_number=4, manifest_sha256="bb" * 32)


def test_attempts_count_since_the_current_generation_newest_first(ledger: Ledger) -> None:
    ledger.record_attempt(make_attempt(headline="before"))
    publish(ledger)
    ledger.record_attempt(make_attempt(AttemptState.PUBLISHED, generation=1))
    first, second = make_attempt(headline="first"), make_attempt(AttemptState.BLOCKED, headline="second")
    ledger.record_attempt(first)
    ledger.record_attempt(second)
    assert ledger.partition_records("tips")[DAY].attempts == (second, first)


def test_attempts_on_a_partition_never_published_are_found(ledger: Ledger) -> None:
    attempt = make_attempt(partition=TWIN, partition_path=TWIN.path)
    ledger.record_attempt(attempt)
    ledger.record_attempt(make_attempt(partition=None, ingredients=None, partition_path="ds=soon"))
    record = ledger.partition_records("tips")[TWIN]
    assert (record.current, record.attempts) == (None, (attempt,))
    assert list(ledger.partition_records("tips")) == [TWIN]


def test_an_abandoned_publish_does_not_forget_the_tries_before_it(ledger: Ledger) -> None:
    ledger.record_attempt(make_attempt())
    begin(ledger, make_generation(1))
    ledger.abandon_publish("tips", DAY, 1)
    assert len(ledger.partition_records("tips")[DAY].attempts) == 1


def test_refreshed_inputs_replace_the_stamps_of_the_current_generation_only(ledger: Ledger) -> None:
    first = publish(ledger, 1)
    publish(ledger, 2)
    touched = tuple(replace(file, stamp=replace(file.stamp, mtime_ns=9)) for file in FILES)
    ledger.refresh_inputs("tips", DAY, touched)
    current = ledger.generation("tips", DAY, None)
    assert current is not None
    assert current.inputs == touched
    assert current.ingredients.stamps == stamps_of(touched)
    assert ledger.generation("tips", DAY, 1) == first


def test_inputs_of_what_was_never_published_cannot_be_refreshed(ledger: Ledger) -> None:
    with pytest.raises(DamageFound, match="no published generation"):
        ledger.refresh_inputs("tips", DAY, FILES)


def test_the_end_of_a_publish_tells_the_columns_of_the_output_with_it(ledger: Ledger) -> None:
    assert ledger.output_columns("tips") is None
    columns = (("ride_id", "int64"), ("a_score", "float64"))  # in this order
    begin(ledger, make_generation(1))
    ledger.finish_publish("tips", DAY, 1, NOW, columns)
    assert ledger.output_columns("tips") == columns
    begin(ledger, make_generation(2))
    ledger.finish_publish("tips", DAY, 2, NOW)
    assert ledger.output_columns("tips") == columns
    begin(ledger, make_generation(3))
    ledger.finish_publish("tips", DAY, 3, NOW, columns[::-1])
    assert ledger.output_columns("tips") == columns[::-1]
    assert ledger.output_columns("fares") is None


def test_what_is_known_of_a_partition_when_work_begins_is_what_its_parts_say(ledger: Ledger) -> None:
    nothing = Footing(
        partition=DAY,
        current=None,
        end=ChainEnd(last_number=0, manifest_sha256=None),
        half_published=False,
        opening=None,
        waivers=(),
        columns=None,
    )
    assert ledger.footing("tips", DAY) == nothing
    first = publish(ledger, 1, manifest_sha256="aa" * 32, columns=(("ride_id", "int64"),))
    waiver = make_waiver()
    ledger.record_waiver(waiver, TOKEN)
    ledger.open_generation(make_opening(2), TOKEN)
    begin(ledger, make_generation(2))
    publish(ledger, 5, partition=TWIN)
    known = ledger.footing("tips", DAY)
    assert known == replace(
        nothing,
        current=VisibleGeneration(
            number=1,
            run_id=first.run_id,
            output_names=first.output_names,
            n_quarantined=first.rows.n_quarantined,
        ),
        end=ChainEnd(last_number=2, manifest_sha256="aa" * 32),
        half_published=True,
        opening=make_opening(2),
        waivers=(waiver,),
        columns=(("ride_id", "int64"),),
    )
    ledger.finish_publish("tips", DAY, 2, NOW)
    after = ledger.footing("tips", DAY)
    assert (after.half_published, after.opening, after.current and after.current.number) == (False, None, 2)


def test_what_readers_saw_of_a_partition_is_told_newest_first(ledger: Ledger) -> None:
    published = [publish(ledger, number) for number in (1, 2)]
    begin(ledger, make_generation(3))
    ledger.abandon_publish("tips", DAY, 3)
    publish(ledger, 4, partition=TWIN)
    begin(ledger, make_generation(5))
    assert tuple(ledger.published("tips", DAY)) == tuple(
        VisibleGeneration(
            number=each.number,
            run_id=each.run_id,
            output_names=each.output_names,
            n_quarantined=each.rows.n_quarantined,
        )
        for each in reversed(published)
    )


def test_the_newest_generations_are_told_without_the_whole_history(ledger: Ledger) -> None:
    published = [publish(ledger, number) for number in (1, 2, 3, 4)]
    assert ledger.generations("tips", DAY, limit=2) == (published[3], published[2])
    assert ledger.generations("tips", DAY, below=3, limit=5) == (published[1], published[0])
    assert ledger.count_generations("tips", DAY, below=4) == 3
    assert ledger.count_generations("tips", TWIN, below=4) == 0


def test_long_histories_are_told_some_rows_at_a_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ledger, "_FEW", 1)
    monkeypatch.setattr(sql_ledger, "_AT_ONCE", 2)
    asked: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.extend(["it"] * statement.startswith("SELECT"))

    days = [Partition(names=("ds",), values=(dt.date(2024, 5, day),)) for day in range(1, 6)]
    for day in days:
        publish(ledger, partition=day)
    for number in range(2, 7):
        publish(ledger, number, partition=days[0])
    event.listen(Engine, "before_cursor_execute", keep)
    try:
        history = ledger.published("tips", days[0])
        assert (next(history).number, len(asked)) == (6, 1)
        assert ([each.number for each in history], len(asked)) == ([5, 4, 3, 2, 1], 4)
        asked.clear()
        partitions = ledger.partitions("tips")
        assert (next(partitions) in days, len(asked)) == (True, 1)
        partitions.close()  # type: ignore[attr-defined]
    finally:
        event.remove(Engine, "before_cursor_execute", keep)
    assert sorted(ledger.partitions("tips"), key=str) == days


def test_a_row_that_names_another_partition_than_its_values_do_does_not_turn_a_listing_in_circles(
    ledger: Ledger, ledger_place: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_ledger, "_AT_ONCE", 1)
    first, second = (Partition(names=("ds",), values=(dt.date(2024, 5, day),)) for day in (1, 2))
    for day in (first, second):
        publish(ledger, partition=day)
    database = connect(ledger_place)
    with closing(database), database.writing() as connection:
        wrong = update(generations).where(generations.c.partition_path == second.path)
        connection.execute(wrong.values(partition_values=partition_to_json(first)))
    assert list(islice(ledger.partitions("tips"), 3)) == [first, first]


def test_waivers_come_back_as_they_were_given_oldest_first(ledger: Ledger) -> None:
    publish(ledger, 1)
    first, second = make_waiver(), make_waiver(after_generation=2, input_fingerprint="other")
    for waiver in (first, second):
        ledger.record_waiver(waiver, TOKEN)
    assert ledger.footing("tips", DAY).waivers == (first, second)
    assert ledger.partition_records("tips")[DAY].waivers == (first, second)
    assert ledger.footing("tips", TWIN).waivers == ()
    assert ledger.footing("fares", DAY).waivers == ()


def test_a_waiver_of_a_partition_that_was_only_blocked_comes_with_its_record(ledger: Ledger) -> None:
    ledger.record_attempt(make_attempt(AttemptState.BLOCKED))
    begin(ledger, make_generation(1))
    ledger.reopen_publish("tips", DAY, 1)
    ledger.record_waiver(make_waiver(after_generation=0), TOKEN)
    record = ledger.partition_records("tips")[DAY]
    assert (record.current, record.waivers) == (None, (make_waiver(after_generation=0),))


def test_a_waiver_needs_the_partitions_lease(ledger: Ledger) -> None:
    with pytest.raises(LeaseLost):
        ledger.record_waiver(make_waiver(), TOKEN)
    assert ledger.footing("tips", DAY).waivers == ()


def finish(ledger: Ledger, run_id: str, **ended: Any) -> None:
    end = {"exit_code": 0, "finished_at": NOW, "n_published": 1}
    ledger.finish_run(make_run(run_id, **{**end, **ended}))


def test_what_succeeded_is_what_runs_with_exit_0_have_published(ledger: Ledger) -> None:
    partial = Partition(names=("ds",), values=(dt.date(2024, 4, 10),))
    for run_id, code, partition in (("GOOD", 0, DAY), ("PARTIAL", 3, partial), ("AGAIN", 0, DAY)):
        ledger.start_run(make_run(run_id))
        of = {"run_id": run_id, "partition": partition, "partition_path": partition.path}
        ledger.record_attempt(make_attempt(AttemptState.PUBLISHED, **of))
        ledger.record_attempt(make_attempt(AttemptState.BLOCKED, **{**of, "partition": TWIN}))
        finish(ledger, run_id, exit_code=code)
    ledger.record_attempt(make_attempt(AttemptState.PUBLISHED, partition=TWIN))  # of a run that goes on
    assert ledger.succeeded("tips") == (DAY,)
    assert ledger.succeeded("other") == ()


def test_paces_are_those_of_the_newest_runs_that_published_something(ledger: Ledger) -> None:
    for n in (1, 2, 3, 4):
        ledger.start_run(make_run(f"RUN{n}"))
        rows = Accounting(n_read=100 * n, n_scored=100 * n)
        ledger.record_attempt(make_attempt(AttemptState.PUBLISHED, run_id=f"RUN{n}", rows=rows))
        ledger.record_attempt(make_attempt(AttemptState.BLOCKED, run_id=f"RUN{n}", rows=rows))
        ledger.record_attempt(make_attempt(run_id=f"RUN{n}", rows=None))
        end = NOW + dt.timedelta(seconds=n)
        finish(ledger, f"RUN{n}", finished_at=end, n_published=int(n != 4), exit_code=3)
    assert ledger.paces("tips", 2) == (Pace(n_rows=600, seconds=3.0), Pace(n_rows=400, seconds=2.0))
    assert ledger.paces("other", 2) == ()
