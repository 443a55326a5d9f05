"""Small files that are written once and stay: the same promises in a directory and in an object store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from batch_scorer.core.durable import NewNames
from batch_scorer.core.errors import DamageFound, OutputUnwritable, StoreUnavailable
from batch_scorer.core.kept_files import KeptFiles, KeptOnDisk
from batch_scorer.core.records import GenerationRecord, Manifest
from batch_scorer.core.validation import OnFail, SuiteVerdict
from batch_scorer.ledger.manifest_files import manifest_files, partitions_with_manifests
from batch_scorer.ledger.manifests import ManifestStore, to_bytes
from batch_scorer.stores.kept_objects import KeptInStore
from batch_scorer.validation.store import ValidationStore
from tests.ledger.conftest import DAY, FILES, INGREDIENTS, NOW, make_generation
from tests.objectstore.fixtures import SECRET, Bucket
from tests.objectstore.proxy import Fault, Kind

JOB = "tips"
ATTEMPT = f"staging/{JOB}/{DAY.path}/01JA"
MANIFEST = Manifest(
    job=JOB,
    partition=DAY,
    generation=1,
    run_id="01JQ8ZAAAA",
    ingredients=INGREDIENTS,
    input_fingerprint="5f2e" * 16,
    inputs=FILES,
    outputs=(),
    columns=(("score", "double"),),
    input_columns=("fare",),
    rows=make_generation().rows,
    model_alias=None,
    model_manifest_sha256="a91c" * 16,
    verdicts=(),
    code_version="0.1.0",
    environment={"python": "3.11"},
    created_at=NOW,
    previous_sha256=None,
    guarantee="exchange",
)
OTHER = replace(MANIFEST, run_id="01JQ8ZBBBB")
VERDICT = SuiteVerdict(
    suite="rides",
    fingerprint="703db6775edb",
    on_fail=OnFail.BLOCK,
    stage="input",
    success=False,
    failed=(),
    result={"success": False, "results": [], "meta": {}},
    not_evaluated="killed",
)


def record_of(manifest: Manifest, sha256: str) -> GenerationRecord:
    return make_generation(manifest.generation, run_id=manifest.run_id, manifest_sha256=sha256)


@dataclass(frozen=True)
class Keeping:
    """A state, and how to write into it behind its back."""

    files: KeptFiles
    write: Callable[[str, bytes], object]

    @property
    def manifests(self) -> ManifestStore:
        return ManifestStore(self.files)

    def publish(self, manifest: Manifest, attempt: str = ATTEMPT) -> str:
        """What a run does with one. Returns its hash."""
        names = NewNames()
        sha256 = self.manifests.stage(manifest, attempt)
        self.manifests.put_in_place(record_of(manifest, sha256), attempt, names)
        names.sync()
        return sha256

    def read(self, sha256: str | None = None) -> Manifest:
        return self.manifests.read(JOB, DAY, 1, expected_sha256=sha256)


@pytest.fixture(params=["directory", "prefix"])
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Keeping:
    if request.param == "directory":
        return on_disk(tmp_path / "state")
    return in_bucket(request.getfixturevalue("bucket"))


def on_disk(root: Path) -> Keeping:
    def write(path: str, data: bytes) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return Keeping(KeptOnDisk(root), write)


def in_bucket(bucket: Bucket) -> Keeping:
    files = KeptInStore(store=bucket.store, prefix="some/state")
    return Keeping(files, lambda path, data: bucket.direct.put(f"some/state/{path}", data))


def test_a_manifest_is_nowhere_before_it_is_put_in_place_and_then_is_what_was_staged(
    keeping: Keeping,
) -> None:
    sha256 = keeping.manifests.stage(MANIFEST, ATTEMPT)
    assert sha256 == hashlib.sha256(to_bytes(MANIFEST)).hexdigest()
    assert list(partitions_with_manifests(keeping.files, JOB)) == []
    with pytest.raises(DamageFound):
        keeping.read()
    keeping.manifests.put_in_place(record_of(MANIFEST, sha256), ATTEMPT, NewNames())
    assert keeping.read(sha256) == MANIFEST
    assert keeping.manifests.at(JOB, DAY, 1).endswith(f"/state/manifests/{JOB}/{DAY.path}/1.json")


def test_a_generation_has_one_manifest_and_the_second_to_claim_its_number_is_refused(
    keeping: Keeping,
) -> None:
    sha256 = keeping.publish(MANIFEST)
    with pytest.raises(DamageFound, match="has a manifest already"):
        keeping.publish(OTHER, ATTEMPT.replace("01JA", "01JB"))
    assert keeping.read(sha256) == MANIFEST


def test_a_manifest_that_is_not_the_one_recorded_or_does_not_parse_is_damage(keeping: Keeping) -> None:
    keeping.publish(OTHER)
    with pytest.raises(DamageFound, match="not the one the ledger recorded"):
        keeping.read(hashlib.sha256(to_bytes(MANIFEST)).hexdigest())
    keeping.write(f"manifests/{JOB}/{DAY.path}/1.json", b"{}")
    with pytest.raises(DamageFound, match="does not parse") as told:
        keeping.read()
    assert told.value.where == keeping.manifests.at(JOB, DAY, 1)


def test_the_manifest_of_a_publish_that_never_happened_goes_and_no_other_does(keeping: Keeping) -> None:
    sha256 = keeping.publish(MANIFEST)
    keeping.manifests.discard(JOB, DAY, 1, sha256="0" * 64)
    assert keeping.read(sha256) == MANIFEST
    keeping.manifests.discard(JOB, DAY, 1, sha256=sha256)
    keeping.manifests.discard(JOB, DAY, 1, sha256=sha256)
    assert list(partitions_with_manifests(keeping.files, JOB)) == []


def test_the_manifest_of_a_publish_that_was_given_up_is_kept_if_it_is_the_one_recorded(
    keeping: Keeping,
) -> None:
    keeping.manifests.keep_staged(JOB, DAY, 1, ATTEMPT, sha256="0" * 64)  # nothing staged
    sha256 = keeping.manifests.stage(MANIFEST, ATTEMPT)
    keeping.manifests.keep_staged(JOB, DAY, 1, ATTEMPT, sha256="0" * 64)  # another one
    assert list(partitions_with_manifests(keeping.files, JOB)) == []
    for _ in range(2):
        keeping.manifests.keep_staged(JOB, DAY, 1, ATTEMPT, sha256=sha256)
    assert keeping.read(sha256) == MANIFEST


def test_every_file_among_the_manifests_is_found_and_what_a_killed_writer_left_is_not(
    keeping: Keeping,
) -> None:
    keeping.publish(MANIFEST)
    directory = f"manifests/{JOB}/{DAY.path}"
    for name in ("10.json", "2.json", "02.json", "notes.txt", ".3.json.0a1b2c", "below/4.json"):
        keeping.write(f"{directory}/{name}", b"[]")
    keeping.write(f"manifests/{JOB}/city=a%2Fb/.1.json.0a1b2c", b"")
    keeping.write(f"manifests/{JOB}2/day=1/1.json", b"")
    found = manifest_files(keeping.files, JOB, DAY.path)
    assert [(file.path.rpartition("/")[2], file.number) for file in found] == [
        ("02.json", None),
        ("notes.txt", None),
        ("1.json", 1),
        ("2.json", 2),
        ("10.json", 10),
    ]
    assert [file.manifest for file in found if file.manifest] == [MANIFEST]
    assert sorted(partitions_with_manifests(keeping.files, JOB)) == [DAY.path, f"{DAY.path}/below"]
    assert manifest_files(keeping.files, JOB, "ds=1999-01-01") == ()


def test_a_suite_result_comes_back_as_it_was_and_the_later_one_of_a_run_counts(keeping: Keeping) -> None:
    store = ValidationStore(keeping.files)
    paths = {
        store.write(JOB, DAY.path, "01JQ8Z", replace(VERDICT, not_evaluated=why), NewNames()) for why in "ab"
    }
    assert paths == {f"validation/{JOB}/{DAY.path}/01JQ8Z-input-rides.json"}
    assert store.read(paths.pop()).not_evaluated == "b"
    with pytest.raises(DamageFound, match="missing") as told:
        store.read("validation/gone.json")
    assert told.value.where == keeping.files.at("validation/gone.json")


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind not in (Kind.FORBIDDEN, Kind.HELD, Kind.SLOW)]
)
@pytest.mark.parametrize("key", ["*/.1.json.*", "*/1.json"])
def test_a_request_that_seems_to_fail_once_loses_no_manifest_and_makes_no_second_one(
    bucket: Bucket, kind: Kind, key: str
) -> None:
    keeping = in_bucket(bucket)
    fault = Fault(kind=kind, key=key, times=1)
    bucket.proxy.inject(fault)
    sha256 = keeping.publish(MANIFEST)
    assert fault.n_hit == 1
    assert keeping.read(sha256) == MANIFEST
    assert len(bucket.keys("some/state/manifests")) == 1


def test_a_manifest_whose_every_answer_is_lost_is_in_place_all_the_same(bucket: Bucket) -> None:
    keeping = in_bucket(replace(bucket, store=bucket.hasty))
    record = record_of(MANIFEST, keeping.manifests.stage(MANIFEST, ATTEMPT))
    bucket.proxy.inject(Fault(kind=Kind.FAILED_AFTER, method="PUT"))
    keeping.manifests.put_in_place(record, ATTEMPT, NewNames())
    assert keeping.read() == MANIFEST


def test_a_store_that_is_down_is_no_state_without_manifests(bucket: Bucket) -> None:
    keeping = in_bucket(replace(bucket, store=bucket.hasty))
    keeping.publish(MANIFEST)
    bucket.proxy.inject(Fault(kind=Kind.THROTTLED))
    for ask in (
        keeping.read,
        lambda: list(partitions_with_manifests(keeping.files, JOB)),
        lambda: manifest_files(keeping.files, JOB, DAY.path),
        lambda: keeping.publish(OTHER),
    ):
        with pytest.raises(StoreUnavailable):
            ask()


def test_a_bucket_that_is_not_there_or_refuses_us_is_no_state_without_manifests(bucket: Bucket) -> None:
    keeping = in_bucket(bucket)
    gone = replace(bucket.store, bucket="s3://nobodys-bucket")
    elsewhere = Keeping(KeptInStore(store=gone, prefix="some/state"), keeping.write)
    with pytest.raises(StoreUnavailable, match="no such bucket"):
        list(partitions_with_manifests(elsewhere.files, JOB))
    with pytest.raises(StoreUnavailable, match="no such bucket"):
        manifest_files(elsewhere.files, JOB, DAY.path)
    bucket.proxy.inject(Fault(kind=Kind.FORBIDDEN))
    with pytest.raises(StoreUnavailable, match="refuses this to our credentials"):
        list(partitions_with_manifests(keeping.files, JOB))
    with pytest.raises(OutputUnwritable, match="refuses this to our credentials") as told:
        keeping.publish(MANIFEST)
    assert SECRET not in told.value.render()
