"""What a registry promises wherever it stands: in a directory, and in an object store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from batch_scorer.core.errors import (
    BatchScorerError,
    LockHeld,
    ModelNotFound,
    ModelRefused,
    StoreUnavailable,
)
from batch_scorer.models.registry.checking import check_version, leftovers
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.opening import shelf_at
from tests.models.drafts import FILES, draft
from tests.objectstore.fixtures import Bucket
from tests.objectstore.proxy import Fault, Kind


@dataclass(frozen=True)
class Standing:
    """A registry, what reads it anew, and how to write and remove a file behind its back."""

    registry: FileRegistry
    again: Callable[[], FileRegistry]
    write: Callable[[str, bytes], object]
    remove: Callable[[str], None]


@pytest.fixture(params=["local", "objects"])
def standing(request: pytest.FixtureRequest, tmp_path: Path) -> Standing:
    return _local(tmp_path / "models") if request.param == "local" else _objects(request)


def _local(root: Path) -> Standing:
    def write(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return Standing(
        FileRegistry(root), lambda: FileRegistry(root), write, lambda path: (root / path).unlink()
    )


def _objects(request: pytest.FixtureRequest) -> Standing:
    bucket: Bucket = request.getfixturevalue("bucket")
    return Standing(
        in_bucket(bucket),
        lambda: in_bucket(bucket),
        lambda path, data: bucket.direct.put(f"some/models/{path}", data),
        lambda path: bucket.direct.delete(f"some/models/{path}"),
    )


def in_bucket(bucket: Bucket) -> FileRegistry:
    return FileRegistry(shelf_at(f"{bucket.url}/some/models", bucket.store.options))


def fill(registry: FileRegistry) -> None:
    for why in ("first", "second"):
        registry.add_version(draft(), FILES, why=why)
    registry.promote("taxi_tips", 1, "champion", reason="first one", who="ada")


def test_an_empty_place_is_an_empty_registry(standing: Standing) -> None:
    assert standing.registry.names() == ()
    with pytest.raises(ModelNotFound):
        standing.registry.history("taxi_tips")


def test_what_one_writes_another_reads(standing: Standing) -> None:
    fill(standing.registry)
    again = standing.again()
    assert (again.names(), again.versions("taxi_tips")) == (("taxi_tips",), (1, 2))
    assert again.aliases("taxi_tips") == {"champion": 1}
    pin = again.resolve("taxi_tips@champion")
    assert (pin.version, pin.sha256) == (1, draft().files["model.skops"])
    assert pin.directory.endswith("models/taxi_tips/1")
    assert again.manifest("taxi_tips", 2).version == 2
    assert check_version(again, "taxi_tips", 1) == ()
    assert leftovers(again, "taxi_tips") == ()
    assert standing.registry.history("taxi_tips") == again.history("taxi_tips")


def test_an_alias_goes_back_and_the_history_only_grows(standing: Standing) -> None:
    fill(standing.registry)
    standing.registry.promote("taxi_tips", 2, "champion", reason="better", who="bob")
    way = standing.registry.way_back("taxi_tips", "champion")
    standing.registry.roll_back(way, reason="worse", who="bob")
    assert standing.again().aliases("taxi_tips") == {"champion": 1}
    assert len(standing.again().history("taxi_tips")) == 5
    standing.registry.promote("taxi_tips", 2, "champion", reason="better", who="bob")
    way = standing.registry.way_back("taxi_tips", "champion")
    standing.registry.add_version(draft(), FILES)
    standing.registry.promote("taxi_tips", 3, "champion", reason="best", who="cy")
    with pytest.raises(LockHeld, match="moved taxi_tips@champion in the meantime"):
        standing.registry.roll_back(way, reason="late", who="cy")


def test_writers_at_the_same_time_never_lose_an_entry_nor_share_a_number(standing: Standing) -> None:
    fill(standing.registry)
    registered: list[int] = []
    failed: list[BatchScorerError] = []

    def work(who: str) -> None:
        registry = standing.again()
        try:
            for _ in range(2):
                registered.append(registry.add_version(draft(), FILES, why=who).version)
                registry.promote("taxi_tips", 1, f"of_{who}", reason="mine", who=who)
        except BatchScorerError as error:
            failed.append(error)

    workers = [threading.Thread(target=work, args=(who,)) for who in ("ada", "bob", "cy")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert sorted(registered) == sorted(set(registered))
    assert sorted([1, 2, *registered]) == list(standing.again().versions("taxi_tips"))
    history = standing.again().history("taxi_tips")
    assert len(history) == 3 + 3 * 2 * 2
    assert all(check_version(standing.again(), "taxi_tips", number) == () for number in registered)


def test_what_was_changed_behind_its_back_is_refused(standing: Standing) -> None:
    fill(standing.registry)
    standing.write("taxi_tips/1/model.skops", b"another model")
    standing.write("taxi_tips/2/stray", b"x")
    (changed,) = check_version(standing.registry, "taxi_tips", 1)
    (stray,) = check_version(standing.registry, "taxi_tips", 2)
    assert "its sha256 differs" in changed.what
    assert "stray does not belong to" in stray.what
    standing.remove("taxi_tips/2/manifest.json")
    with pytest.raises(ModelRefused, match="is gone"):
        standing.registry.resolve("taxi_tips@2")
    standing.write("taxi_tips/history.jsonl", b"{}\n")
    with pytest.raises(ModelRefused, match="line 1"):
        standing.registry.add_version(draft(), FILES)


def test_a_registration_cut_off_before_its_line_uses_up_its_number_and_is_nobodys_version(
    standing: Standing,
) -> None:
    fill(standing.registry)
    standing.write("taxi_tips/3/manifest.json", b"half")
    assert standing.registry.versions("taxi_tips") == (1, 2)
    assert [str(each).rpartition("/")[2] for each in leftovers(standing.registry, "taxi_tips")] == ["3"]
    assert standing.registry.add_version(draft(), FILES).version == 4


@pytest.mark.parametrize("kind", [Kind.FAILED_AFTER, Kind.DROPPED_AFTER, Kind.THROTTLED])
def test_in_a_bucket_faults_that_pass_lose_nothing_and_double_nothing(bucket: Bucket, kind: Kind) -> None:
    registry = in_bucket(bucket)
    bucket.proxy.inject(Fault(kind=kind, rate=0.3))
    fill(registry)
    for number in range(3):
        registry.promote("taxi_tips", 2, "champion", reason=str(number), who="ada")
    bucket.proxy.forget()
    history = registry.history("taxi_tips")
    assert [entry.why for entry in history] == ["first", "second", "first one", "0", "1", "2"]
    assert (registry.versions("taxi_tips"), leftovers(registry, "taxi_tips")) == ((1, 2), ())
    assert all(check_version(registry, "taxi_tips", number) == () for number in (1, 2))


def test_in_a_bucket_that_does_not_answer_nothing_is_said_to_be_there(bucket: Bucket) -> None:
    fill(in_bucket(bucket))
    registry = FileRegistry(shelf_at(f"{bucket.url}/some/models", bucket.hasty.options))
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED))
    for ask in (
        registry.names,
        lambda: registry.resolve("taxi_tips@1"),
        lambda: registry.versions("taxi_tips"),
    ):
        with pytest.raises(StoreUnavailable):
            ask()
    bucket.proxy.forget()
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED, method="PUT", key="*history.jsonl"))
    with pytest.raises(StoreUnavailable):
        registry.add_version(draft(), FILES)
    bucket.proxy.forget()
    assert registry.versions("taxi_tips") == (1, 2)
    assert registry.add_version(draft(), FILES).version == 4


def test_in_a_bucket_that_refuses_our_credentials_it_is_said_so(bucket: Bucket) -> None:
    fill(in_bucket(bucket))
    bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN))
    for ask in (in_bucket(bucket).names, lambda: in_bucket(bucket).resolve("taxi_tips@1")):
        with pytest.raises(StoreUnavailable, match="refuses this to our credentials"):
            ask()


def test_in_a_bucket_a_late_answer_to_a_write_that_others_built_on_still_counts(bucket: Bucket) -> None:
    """Our request is carried out, its answer lost; before we ask again, somebody else goes on from there."""
    registry = in_bucket(bucket)
    fill(registry)
    real = type(bucket.store).put_over

    def interrupted(store: object, key: str, data: bytes, *, etag: str) -> None:
        monkey.undo()
        real(bucket.direct, key, data, etag=etag)
        in_bucket(bucket).promote("taxi_tips", 2, "theirs", reason="in between", who="bob")
        real(bucket.direct, key, data, etag=etag)

    with pytest.MonkeyPatch.context() as monkey:
        monkey.setattr(type(bucket.store), "put_over", interrupted)
        registry.promote("taxi_tips", 2, "ours", reason="once", who="ada")
    told = [entry.alias for entry in registry.history("taxi_tips") if entry.alias]
    assert told == ["champion", "ours", "theirs"]


def test_in_a_bucket_that_is_not_there_nothing_is_and_nothing_can_be_registered(bucket: Bucket) -> None:
    registry = FileRegistry(shelf_at("s3://no-such-bucket/models", bucket.store.options))
    assert registry.names() == ()
    with pytest.raises(StoreUnavailable, match="there is no such bucket"):
        registry.add_version(draft(), FILES)
