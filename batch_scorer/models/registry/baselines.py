"""Reading the feature baseline of a version: the bytes that its manifest names, or none."""

from __future__ import annotations

import hashlib

from batch_scorer.core.baseline_json import decode_baseline
from batch_scorer.core.baselines import Baseline
from batch_scorer.core.errors import ModelRefused, StoreUnavailable
from batch_scorer.core.models import ModelManifest
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import BASELINE_FILE


def stored_baseline(registry: FileRegistry, manifest: ModelManifest) -> Baseline | None:
    """None: the version was registered without a reference, or before there were baselines.

    manifest: as the registry gave it. Raises: ModelRefused, StoreUnavailable.
    """
    if BASELINE_FILE not in manifest.files:
        return None
    path = registry.root / manifest.name / str(manifest.version) / BASELINE_FILE
    try:
        data = b"" if path.is_symlink() else path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise StoreUnavailable(
            f"the model registry cannot be read: {error.strerror}",
            where=str(path),
            fix="check that its file system is mounted and readable",
        ) from error
    if hashlib.sha256(data).hexdigest() != manifest.files[BASELINE_FILE]:
        raise ModelRefused(
            f"{BASELINE_FILE} of {manifest.name}@{manifest.version} is not the file that was registered",
            where=str(path),
            fix="restore it from a backup, or register the model again as a new version",
            next_command="batch-scorer models list",
        )
    return decode_baseline(data, str(path))
