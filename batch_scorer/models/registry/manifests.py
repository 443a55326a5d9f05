"""`manifest.json`: the immutable record of one model version, as bytes."""

from __future__ import annotations

import datetime as dt
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
    ModelOrigin,
    Signature,
    Takes,
    TimeSpan,
    Tolerance,
    TrainingReference,
)
from batch_scorer.models.registry.conforming import require_declared_types

MANIFEST_FILE = "manifest.json"
GOLDEN_INPUT_FILE = "golden_input.parquet"
GOLDEN_OUTPUT_FILE = "golden_output.parquet"
BASELINE_FILE = "baseline.json"
_LAYOUT = 2
_READ_LAYOUTS = (1, 2)


def encode_manifest(manifest: ModelManifest) -> bytes:
    """JSON for people: indented, in the order of the fields. layout: the version of the document's form."""
    document = {"layout": _LAYOUT, **asdict(manifest)}
    if manifest.reference is not None and manifest.reference.spans is not None:
        document["reference"]["spans"] = [_span_to_json(span) for span in manifest.reference.spans]
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def decode_manifest(data: bytes, where: str) -> ModelManifest:
    """Raises: ModelRefused."""
    try:
        document = json.loads(data)
        layout = document.pop("layout")
        if layout not in _READ_LAYOUTS:
            raise ValueError(f"its layout is {layout}, this batch-scorer reads {_LAYOUT} and older ones")
        return _manifest(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as reason:
        raise ModelRefused(
            f"the model's manifest cannot be read: {reason}",
            where=where,
            fix="use the batch-scorer that registered it, or restore the file from a backup",
        ) from None


def _manifest(document: dict[str, Any]) -> ModelManifest:
    reference = document.pop("reference")
    if reference is not None:
        reference = _reference(reference)
    origin = document.get("origin")
    document.pop("extra", None)  # of layout 1, and always empty
    manifest = ModelManifest(
        **{
            **document,
            "format": ModelFormat(document["format"]),
            "signature": _signature(document["signature"]),
            "reference": reference,
            "tolerance": Tolerance(**document.get("tolerance", {})),
            "origin": ModelOrigin(**origin) if origin is not None else None,
        }
    )
    if manifest.artefact not in manifest.files:
        raise ValueError("its artefact has no hash")
    require_declared_types(manifest)
    for name in manifest.files:
        if PurePosixPath(name).name != name or name in ("", "..") or "\\" in name or "\0" in name:
            raise ValueError(f"{name!r} is not the name of a file")
    return manifest


def _reference(document: dict[str, Any]) -> TrainingReference:
    spans = document.get("spans")  # not in manifests that are older than they are
    return TrainingReference(
        **{
            **document,
            "columns": tuple(document["columns"]),
            "spans": None if spans is None else tuple(_span(span) for span in spans),
        }
    )


def _span_to_json(span: TimeSpan) -> dict[str, str]:
    """ISO 8601; a date without a time stays one."""
    return {"column": span.column, "first": span.first.isoformat(), "last": span.last.isoformat()}


def _span(document: dict[str, Any]) -> TimeSpan:
    return TimeSpan(
        column=document["column"], first=_moment(document["first"]), last=_moment(document["last"])
    )


def _moment(text: str) -> dt.date | dt.datetime:
    return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)


def _signature(document: dict[str, Any]) -> Signature:
    """What layout 1 did not have yet is absent."""
    groups = document.get("output_classes")
    return Signature(
        columns=tuple(_column(column) for column in document["columns"]),
        outputs={Method(name): tuple(shape) for name, shape in document["outputs"].items()},
        classes=_texts(document["classes"]),
        positive_class=document.get("positive_class"),
        output_classes=None if groups is None else tuple(map(tuple, groups)),
        labels={Method(name): tuple(labels) for name, labels in document.get("labels", {}).items()},
        takes=Takes(document.get("takes", Takes.FRAME)),
    )


def _texts(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _column(document: dict[str, Any]) -> ColumnSpec:
    categories = document["categories"]
    return ColumnSpec(**{**document, "categories": None if categories is None else tuple(categories)})
