"""What only a server does: it goes away, refuses people, loses connections, and serves many at once."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from batch_scorer.core.errors import (
    BatchScorerError,
    ConfigInvalid,
    DamageFound,
    DiskFull,
    OutputUnwritable,
    StoreUnavailable,
)
from batch_scorer.ledger import postgresql
from batch_scorer.ledger.database import Database, connect
from batch_scorer.ledger.engines import begun
from batch_scorer.ledger.ledger import Ledger
from batch_scorer.ledger.opening import open_ledger, open_ledger_for_reading
from tests.ledger.conftest import DAY, NOW, TOKEN, enter, make_attempt, make_generation, make_run
from tests.patience import WAIT_S, wait_for
from tests.postgresql import PASSWORD, USER, Server


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """With the run that make_generation() and make_attempt() name."""
    ledger = open_ledger(database_url)
    ledger.start_run(make_run())
    yield ledger
    ledger.close()


@pytest.fixture
def database(database_url: str, ledger: Ledger) -> Iterator[Database]:
    """The same, one floor below."""
    database = connect(database_url)
    yield database
    database.close()


def cut_connections(server: Server) -> None:
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'batch-scorer' AND pid != pg_backend_pid()"
    )


def refused(url: str) -> BatchScorerError:
    with pytest.raises(BatchScorerError) as caught:
        open_ledger(url)
    assert PASSWORD not in f"{caught.value.render()} {caught.value.as_dict()}"
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_the_scheme_is_the_same_ledger(
    database_url: str, ledger: Ledger, scheme: str
) -> None:
    other = open_ledger(database_url.replace("postgresql+psycopg", scheme))
    assert other.run("last") == make_run()
    other.close()


def test_a_server_that_is_away_is_unavailable_and_soon_told(
    postgresql_server: Server, closed_port: int
) -> None:
    began = time.monotonic()
    error = refused(postgresql_server.url("tips", port=closed_port))
    assert isinstance(error, StoreUnavailable)
    assert error.exit_code == 69
    assert "Connection refused" in error.what
    assert error.where is not None
    assert error.where.startswith(f"postgresql+psycopg://{USER}:***@127.0.0.1:")
    assert time.monotonic() - began < WAIT_S  # not as long as a night waits for a store


def test_a_wrong_password_is_told_at_once_and_not_tried_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def counted(engine: Engine) -> Connection:
        tries.append(engine)
        return begun(engine)

    monkeypatch.setattr(postgresql, "begun", counted)
    error = refused(database_url.replace(PASSWORD, "hunter3"))
    assert isinstance(error, ConfigInvalid)
    assert "password authentication failed" in error.what
    assert "hunter3" not in error.render()
    assert len(tries) == 1


def test_a_database_that_does_not_exist_is_a_mistake_of_the_job(postgresql_server: Server) -> None:
    error = refused(postgresql_server.url("nowhere"))
    assert isinstance(error, ConfigInvalid)
    assert 'database "nowhere" does not exist' in error.what


@pytest.mark.parametrize(
    ("old", "new"), [("?", "?sslmode=never"), ("?", "?colour=red"), ("127.0.0.1:", "127.0.0.1:x")]
)
def test_a_url_that_makes_no_sense_is_a_mistake_of_the_job(database_url: str, old: str, new: str) -> None:
    error = refused(f"{database_url}?".replace(old, new))
    assert isinstance(error, ConfigInvalid), error.render()


def test_without_the_driver_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refused(f"postgresql://{USER}:{PASSWORD}@db/tips")
    assert isinstance(error, ConfigInvalid)
    assert error.fix == 'pip install "batch-scorer[postgres]"'


def test_a_reader_makes_no_table(database_url: str) -> None:
    reader = open_ledger_for_reading(database_url)
    assert (reader.runs(), reader.partition_records("tips")) == ((), {})
    reader.close()
    database = connect(database_url)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()


def test_a_reader_sees_what_is_there(database_url: str, ledger: Ledger) -> None:
    reader = open_ledger_for_reading(database_url)
    assert reader.run("last") == make_run()
    reader.close()


def test_a_reading_transaction_writes_nothing(database: Database) -> None:
    with pytest.raises(OutputUnwritable, match="read-only"), database.reading() as connection:
        connection.execute(text("DELETE FROM runs"))


def test_a_reading_transaction_sees_one_moment(database: Database, ledger: Ledger) -> None:
    count = text("SELECT count(*) FROM runs")
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 1
        ledger.start_run(make_run("01JQ8ZBBBB"))
        assert connection.execute(count).scalar_one() == 1
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == 2


def test_a_writer_waits_for_the_one_before_and_then_sees_what_it_wrote(
    database: Database, database_url: str
) -> None:
    other = connect(database_url)
    seen: list[int] = []

    def count() -> None:
        with other.writing() as connection:
            seen.append(connection.execute(text("SELECT count(*) FROM runs")).scalar_one())

    with database.writing() as connection:
        connection.execute(text("DELETE FROM runs"))
        waiting = threading.Thread(target=count)
        waiting.start()
        time.sleep(0.2)
        assert seen == []
    waiting.join()
    assert seen == [0]
    other.close()


def test_of_two_that_begin_one_generation_at_once_one_is_told_that_it_exists(database_url: str) -> None:
    ledgers = [open_ledger(database_url) for _ in range(4)]
    ledgers[0].start_run(make_run())
    enter(ledgers[0])
    assert ledgers[0].take_lease("tips", DAY, TOKEN, NOW, instead_of=None)

    def begin(ledger: Ledger) -> str:
        try:
            ledger.begin_publishes([make_generation()], TOKEN)
        except DamageFound as error:
            return error.what
        return "begun"

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(begin, ledgers))
    for each in ledgers:
        each.close()
    assert told == ["begun", *["generation 1 of ds=2024-04-09 exists already in the ledger"] * 3]


def test_of_many_that_want_a_lease_at_once_one_gets_it(database_url: str) -> None:
    ledgers = [open_ledger(database_url) for _ in range(4)]
    for n in range(4):
        enter(ledgers[0], f"token {n}")

    def take(n: int) -> bool:
        return ledgers[n].take_lease("tips", DAY, f"token {n}", NOW, instead_of=None)

    with ThreadPoolExecutor(4) as pool:
        got = sorted(pool.map(take, range(4)))
    for each in ledgers:
        each.close()
    assert got == [False, False, False, True]


def test_many_that_open_an_empty_database_at_once_make_one_ledger(database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        ledgers = list(pool.map(lambda _: open_ledger(database_url), range(6)))
    for each in ledgers:
        each.close()
    database = connect(database_url)
    with database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM ledger_info")).scalar_one() == 1
    database.close()


def test_a_connection_that_was_cut_between_two_transactions_is_made_anew(
    ledger: Ledger, postgresql_server: Server
) -> None:
    cut_connections(postgresql_server)
    ledger.start_run(make_run("01JQ8ZBBBB"))
    assert len(ledger.runs()) == 2


def test_a_transaction_that_lost_its_connection_wrote_nothing_and_is_not_tried_again(
    database: Database, ledger: Ledger, postgresql_server: Server
) -> None:
    with pytest.raises(StoreUnavailable):
        delete_and_lose_the_connection(database, postgresql_server)
    assert len(ledger.runs()) == 1


def delete_and_lose_the_connection(database: Database, server: Server) -> None:
    with database.writing() as connection:
        connection.execute(text("DELETE FROM runs"))
        cut_connections(server)


def test_a_connection_lost_before_anything_was_done_is_tried_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = OperationalError("SELECT 1", {}, psycopg.errors.AdminShutdown("terminating connection"))
    failures = [lost, lost]

    def fails_twice(engine: Engine) -> Connection:
        if failures:
            raise failures.pop()
        return begun(engine)

    monkeypatch.setattr(postgresql, "begun", fails_twice)
    assert ledger.runs() == (make_run(),)


def test_a_ledger_that_stays_locked_is_unavailable(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_LIMITS", "SET LOCAL lock_timeout = '50ms'")
    with database.writing(), pytest.raises(StoreUnavailable, match="another process has been writing"):
        ledger.start_run(make_run("01JQ8ZBBBB"))


def test_who_may_only_read_is_told_so(postgresql_server: Server, database_url: str, ledger: Ledger) -> None:
    name = database_url.rpartition("/")[2]
    for statement in (
        f"CREATE ROLE guest_{name} LOGIN PASSWORD 'p'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest_{name}",
    ):
        postgresql_server.sql(statement, name)
    guest = database_url.replace(f"{USER}:{PASSWORD}", f"guest_{name}:p")
    reader = open_ledger_for_reading(guest)
    assert reader.run("last") == make_run()
    with pytest.raises(OutputUnwritable, match="permission denied") as caught:
        reader.start_run(make_run("01JQ8ZBBBB"))
    assert "guest" in str(caught.value.where)
    reader.close()
    postgresql_server.sql(f"DROP OWNED BY guest_{name}; DROP ROLE guest_{name}", name)


def test_a_standby_is_unwritable(database_url: str, ledger: Ledger) -> None:
    standby = open_ledger(f"{database_url}?options=-c%20default_transaction_read_only%3Don")
    assert standby.run("last") == make_run()
    with pytest.raises(OutputUnwritable, match="read-only") as caught:
        standby.start_run(make_run("01JQ8ZBBBB"))
    assert "primary" in str(caught.value.fix)
    standby.close()


def test_a_table_that_is_gone_is_damage(database: Database, ledger: Ledger) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE attempts"))
    with pytest.raises(DamageFound, match="the ledger is damaged"):
        ledger.attempts("01JQ8ZAAAA")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (psycopg.errors.DiskFull("no space left on device"), DiskFull),
        (psycopg.errors.InsufficientPrivilege("permission denied"), OutputUnwritable),
        (psycopg.errors.ReadOnlySqlTransaction("read-only transaction"), OutputUnwritable),
        (psycopg.errors.DataCorrupted("invalid page in block 7"), DamageFound),
        (psycopg.errors.QueryCanceled("statement timeout"), StoreUnavailable),
        (psycopg.errors.TooManyConnections("too many clients already"), StoreUnavailable),
        (psycopg.OperationalError("server closed the connection unexpectedly\n\tThis"), StoreUnavailable),
    ],
)
def test_the_drivers_errors_are_told_in_our_words(raised: Exception, told: type[Exception]) -> None:
    error = postgresql.in_words(ProgrammingError("SELECT 1", {}, raised), "postgresql://db/tips")
    assert type(error) is told
    assert str(raised).splitlines()[0] in error.what
    assert error.where == "postgresql://db/tips"


def test_what_a_server_cannot_hold_is_replaced_and_loses_nothing_else(ledger: Ledger) -> None:
    ledger.record_attempt(
        make_attempt(
            headline="company is 'Flash\0Cab'",
            error={"what": "a\0b"},
            verdicts=({"observed": [math.nan, -math.inf, 1.5]},),
        )
    )
    (attempt,) = ledger.attempts("01JQ8ZAAAA")
    assert attempt.headline == "company is 'Flash\N{SYMBOL FOR NULL}Cab'"
    assert attempt.error == {"what": "a\0b"}
    assert attempt.verdicts == ({"observed": ["nan", "-inf", 1.5]},)


def test_a_ledger_that_nobody_closed_leaves_no_connection(
    database_url: str, postgresql_server: Server
) -> None:
    ledger = open_ledger(database_url)
    ledger.start_run(make_run())
    del ledger
    name = database_url.rpartition("/")[2]
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    at_once = postgresql_server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(at_once, autocommit=True) as connection:
        wait_for(lambda: connection.execute(query, (name,)).fetchone() == (0,))
