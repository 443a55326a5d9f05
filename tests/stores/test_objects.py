"""The client of object stores, against a real server and through a proxy that breaks things."""

from __future__ import annotations

import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from batch_scorer.core.errors import ConfigInvalid, StoreUnavailable
from batch_scorer.core.stores import ObjectChanged, StoreOptions
from batch_scorer.stores.objects import ObjectStore, store_at
from tests.objectstore.fixtures import SECRET, Bucket
from tests.objectstore.proxy import Fault, Kind

NASTY = "t/day=2024-01-01 00%3A00/ä + &=?.parquet"


def test_what_is_written_is_read_back_whole_in_ranges_and_from_its_end(bucket: Bucket) -> None:
    bucket.store.put(NASTY, b"0123456789")
    got = bucket.store.get(NASTY)
    assert (got.data, got.stamp.size) == (b"0123456789", 10)
    assert bucket.store.head(NASTY) == got.stamp
    assert bucket.store.get_range(NASTY, 2, 5, etag=got.stamp.etag) == b"234"
    assert bucket.store.tail(NASTY, 4).data == b"6789"
    assert bucket.store.tail(NASTY, 4).stamp == got.stamp
    assert bucket.store.tail(NASTY, 400).data == b"0123456789"


def test_a_listing_names_keys_and_stamps_as_a_look_at_each_does(bucket: Bucket) -> None:
    for key in ("t/b/2", "t/a", "t/b/1", "tt/no"):
        bucket.store.put(key, key.encode())
    (page,) = bucket.store.pages("t")
    assert [entry.key for entry in page] == ["t/a", "t/b/1", "t/b/2"]
    assert all(entry.stamp == bucket.store.head(entry.key) for entry in page)
    level = bucket.store.level("t")
    assert ([entry.key for entry in level.objects], level.prefixes) == (["t/a"], ("t/b",))
    assert [entry.key for page in bucket.store.pages("t", after="t/b/1") for entry in page] == ["t/b/2"]


def test_a_long_listing_costs_a_request_a_page_and_goes_on_where_it_broke_off(bucket: Bucket) -> None:
    names = [f"many/{number:02d}" for number in range(25)]
    for name in names:
        bucket.direct.put(name, b"")
    bucket.proxy.page_size = 10
    assert [entry.key for page in bucket.store.pages("many") for entry in page] == names
    assert bucket.proxy.count() == {"LIST": 3}
    bucket.proxy.inject(Fault(kind=Kind.DROPPED_IN_BODY, method="LIST", skip=1, times=2))
    assert [entry.key for page in bucket.store.pages("many") for entry in page] == names
    bucket.proxy.inject(Fault(kind=Kind.DROPPED_IN_BODY, method="LIST", skip=1, times=2))
    assert len(bucket.store.level("many").objects) == 25


def test_an_empty_object_has_no_last_bytes_and_is_no_failure(bucket: Bucket) -> None:
    bucket.store.put("empty", b"")
    assert bucket.store.tail("empty", 8).data == b""


def test_what_is_not_there_is_file_not_found(bucket: Bucket) -> None:
    with pytest.raises(FileNotFoundError):
        bucket.store.head("no")
    with pytest.raises(FileNotFoundError):
        bucket.store.get("no")
    with pytest.raises(FileNotFoundError):
        bucket.store.tail("no", 8)
    bucket.store.delete("no", "neither")
    assert bucket.store.level("no").objects == ()


def test_a_range_of_a_version_that_is_gone_is_never_taken_from_the_new_one(bucket: Bucket) -> None:
    bucket.store.put("a", b"old bytes")
    etag = bucket.store.head("a").etag
    bucket.store.put("a", b"new bytes")
    with pytest.raises(ObjectChanged):
        bucket.store.get_range("a", 0, 3, etag=etag)


def test_copies_are_made_by_the_store_and_deletions_are_gone(bucket: Bucket) -> None:
    bucket.store.put("a/one", b"x" * 100_000)
    bucket.proxy.forget()
    bucket.store.copy("a/one", "b/one")
    assert bucket.proxy.n_sent("a/*") == 0
    assert bucket.keys() == ["a/one", "b/one"]
    bucket.store.delete("a/one", "b/one")
    assert bucket.keys() == []


def test_a_long_local_file_goes_up_in_parts(bucket: Bucket, tmp_path: Path) -> None:
    data = bytes(range(256)) * 25_000
    (tmp_path / "long").write_bytes(data)
    bucket.store.put("long", tmp_path / "long")
    assert bucket.proxy.count()["POST"] == 2  # begun and completed
    assert bucket.direct.get("long").data == data


def test_of_writers_that_want_one_new_name_just_one_gets_it(bucket: Bucket) -> None:
    won: list[int] = []

    def claim(number: int) -> None:
        try:
            bucket.store.put_new("claim", f"writer {number}".encode())
        except FileExistsError:
            return
        won.append(number)

    writers = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (winner,) = won
    assert bucket.direct.get("claim").data == f"writer {winner}".encode()


def test_a_version_is_replaced_only_by_who_has_seen_it(bucket: Bucket) -> None:
    bucket.store.put("a", b"one")
    etag = bucket.store.head("a").etag
    bucket.store.put_over("a", b"two", etag=etag)
    with pytest.raises(ObjectChanged):
        bucket.store.put_over("a", b"three", etag=etag)
    assert bucket.direct.get("a").data == b"two"
    bucket.store.delete("a")
    with pytest.raises(ObjectChanged):
        bucket.store.put_over("a", b"three", etag=etag)
    assert bucket.keys() == []


@pytest.mark.parametrize(
    ("kind", "times"), [(Kind.FAILED_AFTER, 1), (Kind.FAILED_AFTER, None), (Kind.DROPPED_AFTER, 1)]
)
def test_a_write_that_was_carried_out_but_seemed_to_fail_counts_as_written(
    bucket: Bucket, kind: Kind, times: int | None
) -> None:
    store = bucket.hasty
    bucket.proxy.inject(Fault(kind=kind, method="PUT", times=times))
    store.put_new("new", b"mine")
    etag = store.head("new").etag
    store.put_over("new", b"mine again", etag=etag)
    assert bucket.direct.get("new").data == b"mine again"


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.FAILED, Kind.DROPPED, Kind.DROPPED_IN_BODY])
def test_what_passes_is_repeated_and_nobody_notices(bucket: Bucket, kind: Kind) -> None:
    data = bytes(range(256)) * 4_000
    bucket.store.put("a", data)
    etag = bucket.store.head("a").etag
    bucket.proxy.inject(Fault(kind=kind, method="GET", times=2))
    assert bucket.store.get_range("a", 7, 900_000, etag=etag) == data[7:900_000]
    bucket.proxy.inject(Fault(kind=kind, method="LIST", times=2))
    assert [entry.key for page in bucket.store.pages("") for entry in page] == ["a"]


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.FAILED, Kind.DROPPED, Kind.DROPPED_IN_BODY, Kind.SLOW])
def test_what_does_not_pass_is_a_store_that_does_not_answer(bucket: Bucket, kind: Kind) -> None:
    bucket.store.put("a", b"0123456789" * 100)
    bucket.proxy.inject(Fault(kind=kind, delay_s=0.3))
    with pytest.raises(StoreUnavailable) as told:
        bucket.impatient.get("a")
    assert told.value.exit_code == 69
    assert told.value.where == f"{bucket.url}/a"
    assert SECRET not in told.value.render()
    with pytest.raises(StoreUnavailable):
        list(bucket.impatient.pages("a"))


def test_credentials_that_may_not_are_told_apart_from_a_store_that_is_down(bucket: Bucket) -> None:
    bucket.store.put("a", b"x")
    bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN))
    for ask in (
        lambda: bucket.store.get("a"),
        lambda: bucket.store.level(""),
        lambda: bucket.store.head("a"),
    ):
        with pytest.raises(PermissionError, match="refuses this to our credentials"):
            ask()
    with pytest.raises(PermissionError):
        bucket.store.put("a", b"y")


def test_a_bucket_that_is_not_there_is_said_to_be(bucket: Bucket) -> None:
    lost = ObjectStore(bucket="s3://no-such-bucket", options=bucket.store.options)
    for ask in (lambda: lost.level("x"), lambda: list(lost.pages("x")), lambda: lost.get("x")):
        with pytest.raises(FileNotFoundError, match="no such bucket"):
            ask()


def test_what_travels_to_workers_holds_no_credentials_and_connects_there(bucket: Bucket) -> None:
    bucket.store.put("a", b"x")
    travelling = pickle.dumps(bucket.store)
    assert SECRET.encode() not in travelling
    assert pickle.loads(travelling).get("a").data == b"x"
    assert SECRET not in repr(bucket.store)


def test_plain_http_is_for_this_machine_alone_unless_somebody_says_so() -> None:
    StoreOptions(endpoint="http://127.0.0.1:9000")
    StoreOptions(endpoint="http://localhost:9000")
    StoreOptions(endpoint="https://minio.example")
    StoreOptions(endpoint="http://minio.example", allow_http=True)
    StoreOptions(endpoint="https://[::1]:9000/below/a/path")
    with pytest.raises(ConfigInvalid, match="plain http"):
        StoreOptions().completed({"AWS_ENDPOINT_URL": "http://minio.example"})


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://me:pw@minio.example",
        "127.0.0.1:9000",
        "ftp://minio.example/pw",
        "https://minio.example?pw",
        "http://[::1",
        "https://",
        "https://minio.example:port",
    ],
)
def test_an_endpoint_that_is_no_plain_url_of_a_server_is_refused_and_not_shown(endpoint: str) -> None:
    """Passed on, a password would be in deltalake's messages, and the client would panic without a scheme."""
    with pytest.raises(ConfigInvalid, match="not the URL of a server without user and password") as told:
        StoreOptions().completed({"AWS_ENDPOINT_URL": endpoint})
    assert "pw" not in told.value.render()


def test_the_environment_fills_in_what_the_job_does_not_say() -> None:
    env = {"AWS_ENDPOINT_URL": "https://a.example", "AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}
    assert StoreOptions().completed(env) == StoreOptions(endpoint="https://a.example", region="eu-west-1")
    said = StoreOptions(endpoint="https://b.example", region="x")
    assert said.completed(env) == said


@pytest.mark.parametrize("url", ["s3://bucket/a/b/", "S3://bucket/a/b", "gs://bucket/a/b", "az://bucket/a/b"])
def test_an_address_is_a_bucket_and_a_key(url: str) -> None:
    store, key = store_at(url, StoreOptions())
    assert (store.bucket, key) == (f"{url[:2].lower()}://bucket", "a/b")


@pytest.mark.parametrize(
    "url", ["s3:///a", "s3://", "ftp://bucket/a", "s3://b/a/../c", "s3://b/a//c", "s3://key:secret@b/a"]
)
def test_an_address_that_is_none_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigInvalid) as told:
        store_at(url, StoreOptions())
    assert "secret" not in told.value.render()


def test_what_the_client_says_is_told_in_one_line_without_its_own_structures(bucket: Bucket) -> None:
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED))
    with pytest.raises(
        StoreUnavailable, match=r"answer: GET: 503 Service Unavailable \(SlowDown\), after \d+"
    ) as one:
        bucket.hasty.get("a")
    assert (one.value.where, "\n" in one.value.what) == (f"{bucket.url}/a", False)
    away = ObjectStore(
        bucket=bucket.url, options=replace(bucket.hasty.options, endpoint="http://127.0.0.1:9")
    )
    with pytest.raises(StoreUnavailable, match="answer: HEAD: HTTP error: error sending request, after"):
        away.head("a")
