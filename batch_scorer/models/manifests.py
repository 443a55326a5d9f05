"""`manifest.json`: the immutable record of one model version, as bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from batch_scorer.core.errors import ModelRefused
from batch_scorer.core.models import (
    ColumnSpec,
    Method,
    ModelFormat,
    ModelManifest,
    Signature,
    TrainingReference,
)

MANIFEST_FILE = "manifest.json"
GOLDEN_INPUT_FILE = "golden_input.parquet"
GOLDEN_OUTPUT_FILE = "golden_output.parquet"
_LAYOUT = 1


def encode_manifest(manifest: ModelManifest) -> bytes:
    """JSON for people: indented, in the order of the fields. layout: the version of the document's form."""
    document = {"layout": _LAYOUT, **asdict(manifest)}
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def decode_manifest(data: bytes, where: str) -> ModelManifest:
    """Raises: ModelRefused."""
    try:
        document = json.loads(data)
        layout = document.pop("layout")
        if layout != _LAYOUT:
            raise ValueError(f"its layout is {layout}, this batch-scorer reads {_LAYOUT}")
        return _manifest(document)
    except (ValueError, TypeError, KeyError, AttributeError) as reason:
        raise ModelRefused(
            f"the model's manifest cannot be read: {reason}",
            where=where,
            fix="use the batch-scorer that registered it, or restore the file from a backup",
        ) from None


def _manifest(document: dict[str, Any]) -> ModelManifest:
    reference = document.pop("reference")
    if reference is not None:
        reference = TrainingReference(**{**reference, "columns": tuple(reference["columns"])})
    manifest = ModelManifest(
        **{
            **document,
            "format": ModelFormat(document["format"]),
            "signature": _signature(document["signature"]),
            "reference": reference,
        }
    )
    if manifest.artefact not in manifest.files:
        raise ValueError("its artefact has no hash")
    for name in manifest.files:
        if PurePosixPath(name).name != name or "\\" in name:
            raise ValueError(f"{name!r} is not the name of a file")
    return manifest


def _signature(document: dict[str, Any]) -> Signature:
    classes = document["classes"]
    return Signature(
        columns=tuple(_column(column) for column in document["columns"]),
        outputs={Method(name): tuple(shape) for name, shape in document["outputs"].items()},
        classes=None if classes is None else tuple(classes),
    )


def _column(document: dict[str, Any]) -> ColumnSpec:
    categories = document["categories"]
    return ColumnSpec(**{**document, "categories": None if categories is None else tuple(categories)})
