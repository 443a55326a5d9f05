"""Reading the feature baseline of a version: the bytes that its manifest names, or none."""

from __future__ import annotations

import hashlib

from batch_scorer.core.baselines.documents import decode_baseline
from batch_scorer.core.baselines.values import Baseline
from batch_scorer.core.models import ModelManifest
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import BASELINE_FILE
from batch_scorer.models.registry.reading import refused


def stored_baseline(registry: FileRegistry, manifest: ModelManifest) -> Baseline | None:
    """None: the version was registered without a reference, or before there were baselines.

    manifest: as the registry gave it. Raises: ModelRefused, StoreUnavailable.
    """
    if BASELINE_FILE not in manifest.files:
        return None
    path = registry.directory(manifest.name, manifest.version) / BASELINE_FILE
    label = f"{BASELINE_FILE} of {manifest.name}@{manifest.version}"
    try:
        data = registry.read(manifest.name, manifest.version, BASELINE_FILE)
    except FileNotFoundError:
        raise refused(f"{label} is gone", path) from None
    if hashlib.sha256(data).hexdigest() != manifest.files[BASELINE_FILE]:
        raise refused(f"{label} is not the file that was registered", path)
    return decode_baseline(data, str(path))
