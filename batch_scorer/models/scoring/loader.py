"""From a pin to an estimator that is ready to score, once per process.

Nothing is loaded before its hash is checked, from the very bytes that were hashed; nothing is scored before
the golden rows came out as they were.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import ThreadpoolController

from batch_scorer.core.errors import ModelRefused, SignatureInvalid
from batch_scorer.core.models import EXACT, Method, ModelManifest, ModelPin, Tolerance
from batch_scorer.models.estimators import use_one_thread
from batch_scorer.models.registry.manifests import (
    GOLDEN_INPUT_FILE,
    GOLDEN_OUTPUT_FILE,
    MANIFEST_FILE,
    decode_manifest,
)
from batch_scorer.models.registry.opening import shelf_at
from batch_scorer.models.scoring.calling import predict
from batch_scorer.models.scoring.compatibility import environment_differences
from batch_scorer.models.scoring.golden import table_from_bytes
from batch_scorer.models.scoring.replaying import require_same_outputs
from batch_scorer.models.scoring.together import one_thread
from batch_scorer.models.signature.frames import model_frame
from batch_scorer.models.trust.artefacts import load_artefact

# This run's model, and one more: for a worker that two runs share, or where versions change with the day.
_MAX_CACHED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """An estimator whose hash and golden rows were right.

    warnings: for people, one sentence each. golden_inputs: None, where it has none. ways: by method how
    chunks are scored, once that was found out (see scorer.py).
    """

    manifest: ModelManifest
    estimator: Any
    warnings: tuple[str, ...]
    threads: ThreadpoolController
    golden_inputs: pa.Table | None = None
    ways: dict[Method, Any] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """`taxi_tips@7`."""
        return label_of(self.manifest)

    def predict(self, features: pa.Table, method: Method) -> np.ndarray:
        """(n_rows, *shape) as the signature says for the method; floats are finite.

        features: the signature's columns with the signature's types (see frames.model_frame).
        Raises: SignatureInvalid (no such method), ScoringError, ColumnMissing.
        """
        signature = self.manifest.signature
        if method not in signature.outputs:
            raise SignatureInvalid(f"{self.label} has no {method}")
        frame = model_frame(features, signature)
        with one_thread(self.threads):
            return predict(self.estimator, frame, method, signature.outputs[method], signature.takes)


def load_model(pin: ModelPin) -> LoadedModel:
    """The model of a pin; a second call in the same process returns the same object.

    Raises: ModelRefused (hash, trust), ModelUnloadable, GoldenRowsDiffer, StoreUnavailable.
    """
    key = (pin.sha256, pin.manifest_sha256)
    with _cache_lock:  # held while loading: two threads would load it twice
        loaded = _cache.pop(key, None) or _load(pin)
        while len(_cache) >= _MAX_CACHED:
            del _cache[next(iter(_cache))]
        _cache[key] = loaded  # last: the one that nobody asked for the longest is the first to go
        return loaded


def open_version(manifest: ModelManifest, read: Callable[[str], bytes]) -> LoadedModel:
    """Check, load and replay a version whose manifest is trusted. read: a file of the version by its name.

    Raises: as load_model.
    """
    label = label_of(manifest)
    files = {name: _checked(name, read(name), sha256, label) for name, sha256 in manifest.files.items()}
    artefact = load_artefact(
        files[manifest.artefact], manifest.format, allow_pickle=manifest.allow_pickle, label=label
    )
    use_one_thread(artefact.estimator)
    threads = ThreadpoolController()
    differing = environment_differences(manifest)
    golden_inputs = None
    if manifest.n_golden_rows:
        golden_inputs = table_from_bytes(files[GOLDEN_INPUT_FILE])
        with one_thread(threads):
            require_same_outputs(
                artefact.estimator,
                golden_inputs,
                table_from_bytes(files[GOLDEN_OUTPUT_FILE]),
                manifest.signature,
                label=label,
                packages=differing,
                tolerance=manifest.tolerance,
            )
    return LoadedModel(
        manifest=manifest,
        estimator=artefact.estimator,
        warnings=_warnings(manifest, artefact.fitted_with, differing, label),
        threads=threads,
        golden_inputs=golden_inputs,
    )


def label_of(manifest: ModelManifest) -> str:
    """Without a version, before it has one."""
    return f"{manifest.name}@{manifest.version}" if manifest.version else manifest.name


_cache: dict[tuple[str, str], LoadedModel] = {}
_cache_lock = threading.Lock()


def _load(pin: ModelPin) -> LoadedModel:
    label = f"{pin.name}@{pin.version}"
    data = _checked(MANIFEST_FILE, _read(pin, MANIFEST_FILE), pin.manifest_sha256, label)
    manifest = decode_manifest(data, f"{pin.directory}/{MANIFEST_FILE}")
    if manifest.files[manifest.artefact] != pin.sha256:
        raise ModelRefused(
            f"the manifest of {label} names other bytes than the run was planned with", where=pin.directory
        )
    return open_version(manifest, lambda name: _read(pin, name))


def _read(pin: ModelPin, name: str) -> bytes:
    above, _, version = pin.directory.rpartition("/")  # so that a version that became a link is refused
    try:
        return shelf_at(above, pin.stores).read(f"{version}/{name}")
    except FileNotFoundError:
        raise ModelRefused(
            f"{name} of a registered model is gone",
            where=f"{pin.directory}/{name}",
            fix="restore the registry from a backup; every worker must see it under the same path",
        ) from None


def _checked(name: str, data: bytes, sha256: str, label: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelRefused(
            f"{name} of {label} is not the file that was registered: its sha256 differs",
            fix="restore it from a backup, or register the model again as a new version",
            next_command="batch-scorer models list",
        )
    return data


def _warnings(
    manifest: ModelManifest, fitted_with: str | None, differing: tuple[str, ...], label: str
) -> tuple[str, ...]:
    """differing: packages, as environment_differences says them."""
    found = []
    versions = [text for text in differing if text.startswith("scikit-learn ")]
    if fitted_with is not None:
        versions = [f"fitted with scikit-learn {fitted_with}", *versions]
    if versions:
        proof = (
            f"its {manifest.n_golden_rows} golden rows came out the same {_how_near(manifest.tolerance)}"
            if manifest.n_golden_rows
            else "it has no golden rows to tell whether that matters"
        )
        found.append(f"{label}: {'; '.join(versions)}; {proof}")
    if not manifest.n_golden_rows:
        found.append(f"{label} was registered without golden rows: nothing shows that it predicts as it did")
    return tuple(found)


def _how_near(tolerance: Tolerance) -> str:
    if tolerance == EXACT:
        return "to the last bit"
    return f"within its tolerance (rtol {tolerance.rtol:g}, atol {tolerance.atol:g})"
