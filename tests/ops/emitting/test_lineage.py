"""Lineage events are what OpenLineage's own client knows, and say what the run did."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openlineage.client import facet_v2
from openlineage.client.serde import Serde
from ulid import ULID

from batch_scorer.core.errors import Interrupted, LockHeld, RunTimedOut, StoreUnavailable, Terminated
from batch_scorer.core.outcomes import Held, PartitionOutcome
from batch_scorer.ops.emitting.ended import EndedRun, Subject
from batch_scorer.ops.emitting.facets import PRODUCER
from batch_scorer.ops.emitting.lineage import end_event, start_event
from tests.ops.emitting import told

SUBJECT = Subject(
    job=told.job(),
    namespace="earnings",
    input_root="/data/lake/rides",
    predictions="/data/predictions/tips",
)
COLUMNS = (("ride_id", "int64"), ("score", "double"), ("_run_id", "string"))


def ended(
    *outcomes: PartitionOutcome, exit_code: int = 0, error: Any = None, subject: Subject = SUBJECT
) -> dict[str, Any]:
    """The event as it is sent."""
    run = told.run(exit_code=exit_code, error=error.as_dict() if error else None)
    event = end_event(
        subject,
        EndedRun(
            run=run,
            plan=told.plan(8, 9, 10),
            outcomes=outcomes,
            ended_at=told.END,
            exit_code=exit_code,
            output_columns=COLUMNS,
        ),
    )
    return sent(event)


def sent(event: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Serde.to_json(event))
    return document


# From the client: the class that each schema URL stands for.
KNOWN = {
    kind._get_schema(): kind
    for module in vars(facet_v2).values()
    if hasattr(module, "__file__")
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, facet_v2.BaseFacet)
}


def facets(event: Mapping[str, Any]) -> Iterator[tuple[type, str, Mapping[str, Any]]]:
    """(what it may be attached to, name, facet) of each."""
    places = [(facet_v2.RunFacet, event["run"]["facets"]), (facet_v2.JobFacet, event["job"]["facets"])]
    places += [(facet_v2.DatasetFacet, one["facets"]) for one in (*event["inputs"], *event["outputs"])]
    places += [(facet_v2.InputDatasetFacet, one["inputFacets"]) for one in event["inputs"]]
    places += [(facet_v2.OutputDatasetFacet, one["outputFacets"]) for one in event["outputs"]]
    for base, found in places:
        for name, facet in found.items():
            yield base, name, facet


def test_every_facet_is_one_the_client_knows_where_the_spec_puts_it() -> None:
    delta = told.job(output={"path": "data/predictions/tips", "format": "delta"})
    subject = Subject(job=delta, namespace="n", input_root="/in", predictions="/out")
    event = ended(*told.outcomes(), exit_code=3, subject=subject)
    names = set()
    for base, name, facet in facets(event):
        kind = KNOWN[facet["_schemaURL"]]
        assert issubclass(kind, base), name
        assert facet["_producer"] == PRODUCER
        # `DataQualityAssertionsDatasetFacet` is attached as `dataQualityAssertions`.
        assert kind.__name__.lower().startswith(name.replace("_", "").lower()) or name == "version"
        names.add(name)
    assert names == {
        *("processing_engine", "tags", "errorMessage", "test"),
        *("documentation", "ownership", "jobType"),
        *("schema", "inputStatistics", "dataQualityAssertions"),
        *("version", "storage", "columnLineage", "outputStatistics"),
    }
    assert event["producer"] == PRODUCER


def test_a_run_has_the_same_128_bits_as_an_id_in_all_its_events() -> None:
    start = sent(start_event(SUBJECT, told.run()))
    end = ended(told.published(8))
    assert start["run"]["runId"] == end["run"]["runId"]
    assert str(ULID.from_bytes(uuid.UUID(end["run"]["runId"]).bytes)) == told.run().run_id
    assert (start["eventType"], start["eventTime"]) == ("START", "2024-03-11T04:30:00+00:00")
    assert (end["eventType"], end["eventTime"]) == ("COMPLETE", "2024-03-11T04:31:30+00:00")


def test_there_is_one_dataset_for_each_table_whatever_the_partitions() -> None:
    for event in (sent(start_event(SUBJECT, told.run())), ended(told.published(8), told.published(9))):
        assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [("file", "/data/lake/rides")]
        assert [(one["namespace"], one["name"]) for one in event["outputs"]] == [
            ("file", "/data/predictions/tips")
        ]


@pytest.mark.parametrize(
    ("outcomes", "exit_code", "error", "kind"),
    [
        ((told.published(8),), 0, None, "COMPLETE"),
        ((), 0, None, "COMPLETE"),
        ((), 9, None, "COMPLETE"),  # --empty-exit-code 9
        ((), 75, None, "COMPLETE"),
        ((Held(partition=told.day(8), label="8", error=LockHeld("held")),), 75, None, "COMPLETE"),
        ((told.published(8),), 1, None, "FAIL"),  # --error-on
        ((told.published(8), told.failed(9)), 3, None, "FAIL"),
        ((told.blocked(9),), 4, None, "FAIL"),
        ((), 69, StoreUnavailable("away"), "FAIL"),
        ((told.published(8),), 130, Interrupted("stopped by Ctrl-C"), "ABORT"),
        ((), 143, Terminated("cancelled by ana"), "ABORT"),
        ((told.failed(9),), 124, RunTimedOut("took too long"), "ABORT"),
    ],
)
def test_how_it_ended_is_the_type_of_its_event(
    outcomes: tuple[PartitionOutcome, ...], exit_code: int, error: Any, kind: str
) -> None:
    event = ended(*outcomes, exit_code=exit_code, error=error)
    assert event["eventType"] == kind
    assert ("errorMessage" in event["run"]["facets"]) == (kind != "COMPLETE")


def test_a_failure_says_why_in_the_words_of_the_run_a_few_lines_of_them() -> None:
    event = ended(*told.outcomes(), exit_code=3)
    assert event["run"]["facets"]["errorMessage"]["message"].splitlines() == [
        "2024-03-09: rides: fare between 0 and 500 fails for 8.1 %",
        "2024-03-10: part-0.parquet is truncated",
    ]
    many = ended(*(told.failed(number) for number in range(1, 10)), exit_code=1)
    lines = many["run"]["facets"]["errorMessage"]["message"].splitlines()
    assert (len(lines), lines[-1]) == (6, "and 4 more")
    stopped = ended(told.failed(9), exit_code=143, error=Terminated("cancelled by ana"))
    assert stopped["run"]["facets"]["errorMessage"]["message"].startswith("cancelled by ana\n")


def test_rows_bytes_and_files_are_those_of_what_was_published() -> None:
    event = ended(*told.outcomes(), told.published(10), exit_code=3)
    (read,), (written,) = event["inputs"], event["outputs"]
    numbers = ("rowCount", "size", "fileCount")
    assert [read["inputFacets"]["inputStatistics"][name] for name in numbers] == [20, 600, 6]
    assert [written["outputFacets"]["outputStatistics"][name] for name in numbers] == [14, 1000, 4]
    assert written["facets"]["version"]["datasetVersion"] == told.run().run_id


def test_a_run_that_published_nothing_says_nothing_about_its_output() -> None:
    (written,) = ended(told.blocked(9), exit_code=4)["outputs"]
    assert (written["facets"], written["outputFacets"]) == ({}, {})


def test_schemas_have_the_columns_that_readers_see() -> None:
    event = ended(told.published(8))
    fields = [
        [(field["name"], field["type"]) for field in one["facets"]["schema"]["fields"]]
        for one in (*event["inputs"], *event["outputs"])
    ]
    assert fields == [
        [("ride_id", "int64"), ("fare", "double"), ("ride_date", "date32")],
        [*COLUMNS, ("ride_date", "date32")],
    ]


def test_columns_lead_back_to_those_they_are_made_of() -> None:
    (written,) = ended(told.published(8))["outputs"]
    lineage = written["facets"]["columnLineage"]
    found = {
        name: [(one["field"], one["transformations"][0]["subtype"]) for one in field["inputFields"]]
        for name, field in lineage["fields"].items()
    }
    assert found == {
        "ride_id": [("ride_id", "IDENTITY")],
        "ride_date": [("ride_date", "IDENTITY")],
        "score": [("fare", "TRANSFORMATION"), ("trip_miles", "TRANSFORMATION")],
    }
    (filtered,) = lineage["dataset"]
    assert filtered["field"] == "trip_miles"
    assert filtered["transformations"] == [{"type": "INDIRECT", "subtype": "FILTER"}]
    assert {one["name"] for one in lineage["fields"]["score"]["inputFields"]} == {"/data/lake/rides"}


def test_what_suites_say_of_the_input_is_with_the_input_and_everything_with_the_run() -> None:
    scores = told.verdict((told.FARE, True), suite="scores", stage="output")
    event = ended(told.published(8, verdicts=(*told.published(8).verdicts, scores)), told.blocked(9))
    assertions = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(one["column"], one["success"], one["severity"]) for one in assertions] == [
        ("ride_id", True, "error"),
        ("fare", False, "error"),
    ]
    tests = event["run"]["facets"]["test"]["tests"]
    assert [(one["name"], one["status"]) for one in tests] == [
        ("rides.expect_column_values_to_not_be_null.ride_id", "pass"),
        ("rides.expect_column_values_to_be_between.fare", "fail"),
        ("scores.expect_column_values_to_be_between.fare", "pass"),
    ]


def test_the_job_is_described_as_in_its_file() -> None:
    job = sent(start_event(SUBJECT, told.run()))["job"]
    assert (job["namespace"], job["name"]) == ("earnings", "tips")
    assert job["facets"]["documentation"]["description"] == "Which rides end with a big tip"
    owners = [owner["name"] for owner in job["facets"]["ownership"]["owners"]]
    assert owners == ["team:earnings", "email:earnings@example.com"]


def test_a_time_of_any_zone_is_sent_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    start = sent(start_event(SUBJECT, told.run(started_at=told.START.astimezone(zone))))
    assert start["eventTime"] == "2024-03-11T04:30:00+00:00"
