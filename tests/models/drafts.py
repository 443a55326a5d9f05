"""Manifests for tests of the registry, which never looks into a model."""

from __future__ import annotations

import hashlib
from pathlib import Path

from batch_scorer.core.models import ColumnSpec, Method, ModelFormat, ModelManifest, Signature
from batch_scorer.core.stores import ObjectUrl

FILES = {"model.skops": b"not a model, and the registry does not care"}


def draft(name: str = "taxi_tips", files: dict[str, bytes] = FILES) -> ModelManifest:
    return ModelManifest(
        name=name,
        version=0,
        format=ModelFormat.SKOPS,
        artefact="model.skops",
        files={file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
        signature=Signature(
            columns=(ColumnSpec(name="fare", type="float64", nullable=True, pandas_dtype="float64"),),
            outputs={Method.PREDICT: (), Method.PREDICT_PROBA: (2,)},
            classes=("0", "1"),
        ),
        environment={"python": "3.11.0", "scikit-learn": "1.7.2"},
        registered_at="",
        registered_by="ada",
    )


def on_disk(place: Path | ObjectUrl) -> Path:
    """Of a registry that lies in a directory."""
    assert isinstance(place, Path)
    return place
