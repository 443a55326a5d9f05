"""What SQLite does not say about the disk it is on.

On a network file system its locks and its log may not do what they promise; on a full one its log's index
fails with an error of its own, which does not name the reason.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from batch_scorer.core.errors import ConfigInvalid

_MOUNTS = Path("/proc/self/mountinfo")  # Linux only: elsewhere nothing can be told
_NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fuse.beegfs", "fuse.blobfuse", "fuse.blobfuse2",
        "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs",
        "fuse.mountpoint-s3", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre",
        "ncpfs", "nfs", "nfs4", "orangefs", "pvfs2", "smb3", "smbfs", "wekafs",
    }
)  # fmt: skip
_LEAST_ROOM = 1 << 16  # bytes: what the index of the log grows by
_ESCAPED = re.compile(r"\\([0-7]{3})")


def refuse_network_disk(path: Path) -> None:
    """path: of a SQLite file, which need not exist. Raises: ConfigInvalid."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system_of(_nearest_existing(path), mounts)
    if kind in _NETWORK:
        raise ConfigInvalid(
            f"the ledger would be a SQLite file on a network file system ({kind}), which may damage it",
            where=str(path),
            fix="set output.state_db to postgresql+psycopg://user:password@host/database, or output.state to "
            "a local disk",
        )


def is_full(path: Path) -> bool:
    """Whether there is no room to speak of where a SQLite file is, or would be."""
    try:
        return shutil.disk_usage(_nearest_existing(path)).free < _LEAST_ROOM
    except OSError:
        return False


def file_system_of(directory: str, mountinfo: str) -> str | None:
    """The type of the file system that holds an absolute directory without links; None: it cannot be told.

    mountinfo: the text of /proc/self/mountinfo. Source: proc_pid_mountinfo(5).
    """
    found, depth = None, -1
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:-1]:
            continue
        mount_point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4]).rstrip("/")
        holds = directory == mount_point or directory.startswith(f"{mount_point}/")
        # Of two mounts on one point the later one lies on top.
        if holds and len(mount_point) >= depth:
            found, depth = fields[fields.index("-", 6) + 1], len(mount_point)
    return found


def _nearest_existing(path: Path) -> str:
    real = Path(os.path.realpath(path))
    return str(next((each for each in real.parents if each.exists()), real))
