"""What a worker is asked before it scores, without a cluster: files, a meeting place, the job's own code."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from batch_scorer.core.errors import ClusterUnfit, ConfigInvalid, WorkerDied
from batch_scorer.execution.clusters.bundles import members, together
from batch_scorer.execution.clusters.remote import delivery
from batch_scorer.execution.clusters.remote.delivery import pack, receive, with_delivered_code
from batch_scorer.execution.clusters.remote.sights import KnownFile, MeetingPlace
from batch_scorer.execution.clusters.remote.versions import differing, installed_here
from tests.execution.test_window import make_task


def test_the_same_file_is_one_of_the_same_size_and_end(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(b"x" * 200_000 + b"footer")
    known = KnownFile.at("a file of the input", str(path))
    assert known.differs() is None
    path.write_bytes(b"x" * 200_000 + b"Footer")
    assert "has other bytes than here" in str(known.differs())
    path.unlink()
    assert "cannot be read" in str(known.differs())


def test_driver_and_worker_meet_where_each_reads_what_the_other_wrote(tmp_path: Path) -> None:
    meeting = MeetingPlace.below(tmp_path / "meetings")
    problem, name = meeting.sign()
    assert problem is None
    assert meeting.misses(name) is None
    assert "not seen here" in str(meeting.misses("worker-of-another-disk"))
    meeting.close()
    assert not (tmp_path / "meetings").exists()
    assert "so it is another disk" in str(meeting.sign()[0])


def test_a_meeting_place_of_a_killed_run_is_swept_away_and_one_of_a_living_run_is_not(tmp_path: Path) -> None:
    dead, living = MeetingPlace.below(tmp_path), MeetingPlace.below(tmp_path)
    long_ago = time.time() - 200_000
    os.utime(dead.directory, (long_ago, long_ago))
    third = MeetingPlace.below(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {living.nonce, third.nonce}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "src"
    (directory / "helpers_of_ours" / "__pycache__").mkdir(parents=True)
    (directory / "helpers_of_ours" / "__init__.py").write_text("VERSION = 1")
    (directory / "helpers_of_ours" / "__pycache__" / "junk.pyc").write_text("")
    (directory / ".secret").write_text("")
    (directory / "odd_model.py").write_text("VERSION = 1")
    return directory


def test_code_is_the_same_wherever_and_whenever_it_lies_and_another_when_a_byte_is(source: Path) -> None:
    first = pack([str(source)])
    assert first.modules == ("helpers_of_ours", "odd_model")
    copied = source.with_name("elsewhere")
    shutil.copytree(source, copied)
    os.utime(copied / "odd_model.py", (1, 1))
    assert pack([str(copied)]).sha256 == first.sha256
    (copied / "odd_model.py").write_text("VERSION = 2")
    assert pack([str(copied)]).sha256 != first.sha256


def test_a_directory_that_holds_more_than_code_is_not_brought_anywhere(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_BYTES", 10)
    with pytest.raises(ConfigInvalid, match="too much to bring"):
        pack([str(source)])


def test_a_task_gets_the_code_that_was_received_unless_another_one_is_imported(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_received", {})
    monkeypatch.setattr(delivery, "_used", {})
    archive, task = pack([str(source)]), together([make_task(1, 0), make_task(2, 0)])
    with pytest.raises(WorkerDied):
        with_delivered_code(task, archive.sha256)
    assert receive(archive, tmp_path / "scratch") is None
    assert receive(archive, tmp_path / "scratch") is None  # again, for another run
    both = members(with_delivered_code(task, archive.sha256))
    assert len(both) == 2
    ((place,),) = {each.code for each in both}
    assert (Path(place) / "odd_model.py").read_text() == "VERSION = 1"
    assert not list(Path(place).rglob("*.pyc"))
    monkeypatch.syspath_prepend(str(source))
    monkeypatch.delitem(sys.modules, "odd_model", raising=False)
    __import__("odd_model")
    with pytest.raises(ClusterUnfit, match='has imported another "odd_model"'):
        with_delivered_code(task, archive.sha256)
    monkeypatch.delitem(sys.modules, "odd_model")


def _received_from(directory: Path, scratch: Path, **files: str) -> str:
    """The sha256 of code with these modules, received."""
    for name, text in files.items():
        path = directory / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive = pack([str(directory)])
    assert receive(archive, scratch) is None
    return archive.sha256


def test_a_module_of_a_package_without_init_is_known_as_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_received", {})
    monkeypatch.setattr(delivery, "_used", {})
    sha256 = _received_from(tmp_path / "new", tmp_path / "scratch", odd_features__scaling="VERSION = 2")
    old = tmp_path / "old" / "odd_features"
    old.mkdir(parents=True)
    (old / "scaling.py").write_text("VERSION = 1")
    monkeypatch.syspath_prepend(str(tmp_path / "old"))
    __import__("odd_features.scaling")
    with pytest.raises(ClusterUnfit, match=r'has imported another "odd_features.scaling"'):
        with_delivered_code(make_task(1, 0), sha256)
    for name in ("odd_features.scaling", "odd_features"):
        monkeypatch.delitem(sys.modules, name)


def test_one_process_never_scores_with_two_versions_of_a_module_even_if_it_is_imported_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would be on the path: which one a late import finds depends on who scored last."""
    monkeypatch.setattr(delivery, "_received", {})
    monkeypatch.setattr(delivery, "_used", {})
    scratch = tmp_path / "scratch"
    old = _received_from(tmp_path / "old", scratch, late_helpers="VERSION = 1")
    new = _received_from(tmp_path / "new", scratch, late_helpers="VERSION = 2")
    other = _received_from(tmp_path / "other", scratch, of_somebody_else="")
    for sha256 in (old, other, old):
        with_delivered_code(make_task(1, 0), sha256)
    with pytest.raises(ClusterUnfit, match='it was given another "late_helpers"'):
        with_delivered_code(make_task(1, 0), new)


def test_what_is_no_module_does_not_clash_with_one(source: Path) -> None:
    (source / "logging.yaml").write_text("version: 1")
    assert pack([str(source)]).modules == ("helpers_of_ours", "odd_model")


def test_code_behind_a_link_is_brought_along_and_a_link_that_leads_back_ends(
    source: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared" / "common_of_ours"
    shared.mkdir(parents=True)
    (shared / "__init__.py").write_text("")
    (source / "common_of_ours").symlink_to(shared)
    (shared / "back").symlink_to(source)
    assert "common_of_ours" in pack([str(source)]).modules


def test_code_that_cannot_be_read_is_refused_and_not_left_out(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(ConfigInvalid, match="workers need all of it: Permission denied"):
        pack([str(source)])


def test_versions_differ_by_package_and_by_minor_python_and_not_by_patch_release() -> None:
    here = installed_here()
    python = str(here["python"])

    def report(**packages: str | None) -> dict[str, object]:
        return {"host": {"python": f"{python}.99.final.0"}, "packages": {**here, **packages}}

    assert differing(report()) == ()
    assert differing(report(pandas="0.1")) == (f"pandas 0.1, here {here['pandas']}",)
    assert differing(report(pyarrow=None)) == (f"pyarrow is missing, here {here['pyarrow']}",)
    assert "python 2.7, here" in differing({**report(), "host": {"python": "2.7.18.final.0"}})[0]
