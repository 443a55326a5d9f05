"""A PostgreSQL server for the tests: started on a socket and a free port, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import WAIT_S
from tests.ports import free_port

PASSWORD = "hunter2-s3cret"
USER = "scorer"
# Bad defaults on purpose: the ledger must not depend on them.
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=30",
    "synchronous_commit=off",
    "default_transaction_isolation=serializable",
)
_INSTALLED = Path("/usr/lib/postgresql")


class NoServer(Exception):
    """Why no server can be started here."""


@dataclass(frozen=True, kw_only=True)
class Server:
    binaries: Path
    directory: Path
    port: int

    def url(self, database: str, *, password: str = PASSWORD, port: int | None = None) -> str:
        return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """An empty database; its URL."""
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def sql(self, statement: str, database: str = "postgres") -> None:
        """As the user the ledger is written by, who may do everything."""
        import psycopg

        url = self.url(database).replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)

    def start(self) -> None:
        options = [f"-c {setting}" for setting in (*_SETTINGS, "listen_addresses=127.0.0.1")]
        options += [f"-p {self.port}", f"-k {self.directory}"]
        log = str(self.directory / "log")
        self._control("start", "-w", "-t", f"{WAIT_S:.0f}", "-l", log, "-o", " ".join(options))

    @property
    def found_its_port_taken(self) -> bool:
        return "Address already in use" in (self.directory / "log").read_text()

    def stop(self) -> None:
        self._control("stop", "-w", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        _run(str(self.binaries / "pg_ctl"), "-D", str(self.directory / "data"), *arguments)


@contextmanager
def postgresql() -> Iterator[Server]:
    """Raises: NoServer."""
    binaries = _binaries()
    directory = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 bytes at most
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        secret = directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = str(directory / "data")
        _run(
            *(str(binaries / "initdb"), "-D", data, "-U", USER, "--pwfile", str(secret)),
            *("-A", "scram-sha-256", "-E", "UTF8", "--no-sync"),
        )
        server = _started(binaries, directory)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _started(binaries: Path, directory: Path) -> Server:
    """On another port, when somebody was faster to take the one that was free."""
    while True:
        server = Server(binaries=binaries, directory=directory, port=free_port())
        try:
            server.start()
        except RuntimeError:
            if not server.found_its_port_taken:
                raise
            (directory / "log").unlink()
        else:
            return server


def _binaries() -> Path:
    """Where initdb, postgres and pg_ctl are, the newest of what is installed."""
    places = [Path(found).parent for name in ("initdb",) if (found := shutil.which(name))]
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(told.stdout.strip()))
    places += sorted(_INSTALLED.glob("*/bin"), key=lambda place: int(place.parent.name), reverse=True)
    needed = ("initdb", "postgres", "pg_ctl")
    for place in places:
        if all((place / name).exists() for name in needed):
            return place.resolve()
    raise NoServer("no PostgreSQL server is installed here (Debian, Ubuntu: apt-get install postgresql)")


def _run(*command: str) -> None:
    """As the user `postgres` when we are root: the server refuses to run as root."""
    done = subprocess.run(
        [*_as_postgres(), *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"PostgreSQL does not start here: {done.stderr.decode(errors='replace').strip()}")


def _as_postgres() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    if runuser := shutil.which("runuser"):
        return (runuser, "-u", "postgres", "--")
    if setpriv := shutil.which("setpriv"):
        return (setpriv, "--reuid", "postgres", "--regid", "postgres", "--init-groups")
    raise NoServer("root cannot start PostgreSQL without runuser or setpriv")
