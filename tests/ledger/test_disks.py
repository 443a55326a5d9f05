"""SQLite is not put on a network file system, as far as Linux tells what is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_scorer.core.errors import ConfigInvalid
from batch_scorer.ledger import disks
from batch_scorer.ledger.disks import file_system_of
from batch_scorer.ledger.opening import open_ledger, open_ledger_for_reading
from tests.ledger.conftest import make_run

MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
36 27 0:30 / /mnt/lake rw,relatime shared:5 master:1 - nfs4 nas:/lake rw,vers=4.2
37 36 254:1 / /mnt/lake/local rw - xfs /dev/vdb rw
38 27 0:31 / /mnt/team\040share\011\134x rw - cifs //nas/team rw
39 27 0:32 / /over rw - autofs systemd-1 rw
40 39 0:33 / /over rw - fuse.sshfs box:/data rw
41 27 254:2 / /mnt/dash rw - ext4 - rw
a line that nobody understands
"""


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/", "ext4"),
        ("/srv/data", "ext4"),
        ("/proc", "proc"),
        ("/mnt/lake", "nfs4"),
        ("/mnt/lake/state", "nfs4"),
        ("/mnt/lakes", "ext4"),
        ("/mnt/lake/local/state", "xfs"),
        ("/mnt/team share\t\\x/state", "cifs"),
        ("/over/state", "fuse.sshfs"),
        ("/mnt/dash", "ext4"),
    ],
)
def test_the_deepest_and_last_mount_decides(directory: str, kind: str) -> None:
    assert file_system_of(directory, MOUNTS) == kind


@pytest.mark.parametrize("text", ["", "36 27 0:30 / /mnt rw", "36 27 0:30 / /mnt rw - "])
def test_what_is_no_list_of_mounts_tells_nothing(text: str) -> None:
    assert file_system_of("/mnt", text) in (None, "")


@pytest.fixture
def on_nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that Linux says is on NFS."""
    mounts = tmp_path / "mountinfo"
    place = tmp_path.resolve() / "nas"
    place.mkdir()
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / {place} rw - nfs nas:/x rw\n")
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    return place


def test_a_ledger_on_a_network_file_system_is_refused_before_anything_is_made(on_nfs: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"network file system \(nfs\)") as caught:
        open_ledger(on_nfs / "deep" / "state" / "ledger.db")
    assert caught.value.exit_code == 78
    assert "postgresql+psycopg://" in str(caught.value.fix)
    assert list(on_nfs.iterdir()) == []


def test_a_link_to_a_network_file_system_is_seen_through(on_nfs: Path, tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(on_nfs)
    with pytest.raises(ConfigInvalid):
        open_ledger(tmp_path / "state" / "ledger.db")
    open_ledger(tmp_path / "ledger.db").close()


def test_what_lies_on_a_network_file_system_can_still_be_read(
    on_nfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(disks, "_MOUNTS", on_nfs / "no such file")
        ledger = open_ledger(on_nfs / "ledger.db")
        ledger.start_run(make_run())
        ledger.close()
    reader = open_ledger_for_reading(on_nfs / "ledger.db")
    assert reader.run("last") == make_run()
    reader.close()
