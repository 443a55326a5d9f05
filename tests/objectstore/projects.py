"""A taxi project whose lake lies in a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import TaxiProject
from tests.objectstore.fixtures import Bucket
from tests.taxi import job_document, write_job

STORAGE = {"timeout": "1m", "retry_for": "1s"}


def upload(bucket: Bucket, directory: Path, prefix: str) -> None:
    """Every file below a directory, without the proxy."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            bucket.direct.put(f"{prefix}/{path.relative_to(directory)}", path.read_bytes())


def move_lake(project: TaxiProject, bucket: Bucket, **changes: Any) -> None:
    """The project's lake goes up, and its job reads it there; nothing of it stays on the disk."""
    upload(bucket, project.lake, "lake/rides")
    project.lake.rename(project.root / "elsewhere")
    changes["input"] = {"path": f"{bucket.url}/lake/rides", **changes.get("input", {})}
    write_job(project.root, job_document(**{"storage": STORAGE, **changes}))


def local_lake(project: TaxiProject) -> Path:
    """Where the files are that went up."""
    return project.root / "elsewhere"
