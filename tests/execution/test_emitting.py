"""Runs tell metrics and lineage how they went, to a file and to a real server, and neither can hurt them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batch_scorer.ops.emitting import openlineage
from tests import taxi
from tests.conftest import TaxiProject

KEY = "hunter2"


class Catalogue:
    """A server that keeps what it is sent. answers: with which status."""

    def __init__(self, answers: int = 201) -> None:
        self.got: list[tuple[str, str | None, dict[str, Any]]] = []
        catalogue = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                catalogue.got.append((self.path, self.headers["Authorization"], body))
                self.send_response(answers)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Tests are quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def types(self) -> list[str]:
        return [event["eventType"] for _, _, event in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    server = Catalogue()
    yield server
    server.close()


def metrics(project: TaxiProject) -> dict[str, float]:
    """`name{outcome}` → value."""
    text = (project.root / "tips.prom").read_text()
    return {
        f"{sample.name.removeprefix('batch_scorer_')}{'/'.join(_short(sample.labels))}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _short(labels: dict[str, str]) -> list[str]:
    return [f".{value}" for name, value in labels.items() if name in ("outcome", "state", "action")]


def change_job(project: TaxiProject, **changes: Any) -> None:
    taxi.write_job(project.root, taxi.job_document(**changes))


def test_the_file_tells_of_each_night_and_what_it_knew_comes_from_the_ledger(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(2, emit={"prometheus_textfile": "tips.prom"})
    assert project.cli("run", "taxi_tips").code == 0
    first = metrics(project)
    assert first["last_run_exit_code"] == 0
    assert first["last_run_partitions.published"] == first["partitions.published"] == 2
    assert first["last_run_rows.scored"] == sum(len(project.published(index)) for index in range(2))
    assert first["last_success_timestamp_seconds"] == first["last_run_timestamp_seconds"]

    (project.root / "tips.prom").unlink()
    (project.day(2)).mkdir()
    (project.day(2) / "part.parquet").write_bytes(b"PAR1 and no more")
    assert project.cli("run", "taxi_tips").code == 1
    second = metrics(project)
    assert second["last_run_exit_code"] == 1
    assert (second["partitions.published"], second["partitions.failed"]) == (2, 1)
    assert (second["planned_partitions.score"], second["planned_partitions.skip"]) == (1, 2)
    assert second["last_run_rows.scored"] == 0
    assert second["last_success_timestamp_seconds"] == first["last_success_timestamp_seconds"]
    assert second["last_run_timestamp_seconds"] > first["last_run_timestamp_seconds"]


def test_a_night_with_nothing_due_and_one_that_cannot_begin_are_written_too(
    make_project: Callable[..., TaxiProject],
) -> None:
    project = make_project(0, emit={"prometheus_textfile": "tips.prom"})
    assert project.cli("run", "taxi_tips").code == 0
    assert metrics(project)["last_run_partitions.published"] == 0
    (project.root / "data" / "models").rename(project.root / "elsewhere")
    refused = project.cli("run", "taxi_tips")
    assert refused.code == metrics(project)["last_run_exit_code"] == 78
    assert metrics(project)["last_success_timestamp_seconds"] > 0
    change_job(project, emit={"prometheus_textfile": "tips.prom"}, input={"key": []})
    assert project.cli("run", "taxi_tips").code == 78
    assert metrics(project)["last_success_timestamp_seconds"] > 0
    change_job(project, emit={"prometheus_textfile": "tips.prom"}, output={"path": 7, "state": []})
    assert project.cli("run", "taxi_tips").code == metrics(project)["last_run_exit_code"] == 78
    assert "last_success_timestamp_seconds" not in metrics(project)


def test_emitters_that_fail_are_one_warning_each_and_the_run_is_what_it_would_have_been(
    project: TaxiProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    lineage = {"url": f"http://127.0.0.1:{port}", "api_key": {"secret": "env:LINEAGE_KEY"}}
    change_job(project, emit={"prometheus_textfile": "none/tips.prom", "openlineage": lineage})
    done = project.cli("run", "taxi_tips")
    assert done.code == 0
    assert len(project.published(0)) == 600
    assert sorted(done.stderr.splitlines()) == [
        f"warning: emit.openlineage http://127.0.0.1:{port}: the server cannot be reached",
        f"warning: emit.prometheus_textfile {project.root}/none/tips.prom: "
        "cannot write: No such file or directory",
    ]


def test_a_server_gets_the_start_and_the_end_of_a_run_with_its_key(
    project: TaxiProject, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_KEY", f" {KEY}\n")
    lineage = {"url": f"{catalogue.url}/base", "api_key": {"secret": "env:LINEAGE_KEY"}, "namespace": "n"}
    change_job(project, emit={"openlineage": lineage})
    done = project.cli("run", "taxi_tips")
    assert (done.code, done.stderr) == (0, "")
    assert catalogue.types == ["START", "COMPLETE"]
    assert {path for path, _, _ in catalogue.got} == {"/base/api/v1/lineage"}
    assert {authorization for _, authorization, _ in catalogue.got} == {f"Bearer {KEY}"}
    (start, end) = [event for _, _, event in catalogue.got]
    assert start["run"]["runId"] == end["run"]["runId"]
    (written,) = end["outputs"]
    assert written["name"] == str(project.predictions)
    files = list(project.predictions.rglob("*.parquet"))
    statistics = written["outputFacets"]["outputStatistics"]
    assert statistics["rowCount"] == 1200
    assert statistics["fileCount"] == len(files)
    assert statistics["size"] == sum(file.stat().st_size for file in files)
    fields = [field["name"] for field in written["facets"]["schema"]["fields"]]
    assert fields == [*project.published(0).columns, "ride_date"]
    (read,) = end["inputs"]
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 1200
    assert [field["name"] for field in read["facets"]["schema"]["fields"]][:-1] == list(taxi.rides(1).columns)
    assert _holds_no_secret(project)


def _holds_no_secret(project: TaxiProject) -> bool:
    files = [path for path in project.root.rglob("*") if path.is_file()]
    return not [path for path in files if KEY.encode() in path.read_bytes()]


def test_events_can_be_appended_to_a_file_and_tell_a_failure(
    make_project: Callable[..., TaxiProject],
) -> None:
    emit = {"openlineage": {"file": "events.jsonl"}}
    project = make_project(1, emit=emit, validate={"volume": {"min_rows": 9_999}})
    assert project.cli("run", "taxi_tips").code == 4
    change_job(project, emit=emit)
    assert project.cli("run", "taxi_tips").code == 0
    events = [json.loads(line) for line in (project.root / "events.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in events] == ["START", "FAIL", "START", "COMPLETE"]
    message = events[1]["run"]["facets"]["errorMessage"]["message"]
    assert message.endswith("rows read, validate.volume.min_rows is 9,999")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (500, "the server answered 500 Internal Server Error"),
        (401, "the server answered 401 Unauthorized"),
        (302, "the server sends us elsewhere; give the URL that takes events"),
    ],
)
def test_a_server_that_refuses_is_told_once_and_not_asked_again(
    make_project: Callable[..., TaxiProject], answers: int, words: str
) -> None:
    server = Catalogue(answers)
    try:
        project = make_project(0, emit={"openlineage": {"url": server.url}})
        done = project.cli("run", "taxi_tips")
    finally:
        server.close()
    assert done.code == 0
    assert done.stderr == f"warning: emit.openlineage {server.url}: {words}\n"
    assert server.types == ["START", "COMPLETE"]


def test_a_server_that_hangs_is_given_up(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openlineage, "_READ_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        project = make_project(0, emit={"openlineage": {"url": url}})
        done = project.cli("run", "taxi_tips")
    assert done.code == 0
    assert done.stderr == f"warning: emit.openlineage {url}: the server does not answer\n"


def test_a_key_that_no_header_can_hold_is_not_repeated(
    make_project: Callable[..., TaxiProject], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_KEY", f"{KEY}\n{KEY}")
    lineage = {"url": catalogue.url, "api_key": {"secret": "env:LINEAGE_KEY"}}
    done = make_project(0, emit={"openlineage": lineage}).cli("run", "taxi_tips")
    assert done.code == 0
    assert "the event could not be sent (InvalidHeader)" in done.stderr
    assert KEY not in done.stderr
    monkeypatch.delenv("LINEAGE_KEY")


def test_without_the_package_a_run_is_refused_with_the_command_that_installs_it(
    make_project: Callable[..., TaxiProject], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(1, emit={"openlineage": {"file": "events.jsonl"}})
    monkeypatch.setattr(openlineage, "find_spec", lambda _name: None)
    done = project.cli("run", "taxi_tips")
    assert done.code == 78
    assert 'pip install "batch-scorer[openlineage]"' in done.stderr
    assert project.cli("plan", "taxi_tips").code == 0
    assert not project.predictions.exists()


def test_a_trial_run_of_the_client_can_be_switched_off_from_outside(
    make_project: Callable[..., TaxiProject], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    done = make_project(0, emit={"openlineage": {"url": catalogue.url}}).cli("run", "taxi_tips")
    assert (done.code, done.stderr, catalogue.got) == (0, "", [])
