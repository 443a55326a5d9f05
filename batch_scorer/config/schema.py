"""JSON Schema of a job file as a user writes it, for editors (`# yaml-language-server: $schema=…`).

A file that extends another may leave anything out, and so may a target; `${VAR}` may stand for any value.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from batch_scorer.config.job import Job

SCHEMA_FILE = ".schema/job.schema.json"  # beside the job files, whose first line names it

_DEFS = "#/$defs/"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_NARROW = frozenset({"integer", "number", "boolean"})


def schema_text() -> str:
    """What a file for editors holds."""
    return json.dumps(job_schema(), indent=2) + "\n"


def job_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. What only `validate-config` can tell is not in it."""
    generated = Job.model_json_schema(by_alias=True, mode="validation")
    definitions = generated.pop("$defs")
    definitions["Job"] = generated
    for definition in definitions.values():
        _tidy(definition)
        _allow_variables(definition)
    partial = {f"Partial{name}": _partial(definition) for name, definition in definitions.items()}
    for job in (definitions["Job"], partial["PartialJob"]):
        job["properties"]["targets"]["additionalProperties"] = {"$ref": f"{_DEFS}PartialJob"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A batch-scorer job",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"{_DEFS}PartialJob"},
        "else": {"$ref": f"{_DEFS}Job"},
        "$defs": {**definitions, **partial},
    }


def _tidy(node: Any) -> None:
    """Without pydantic's titles, which only repeat the keys."""
    for child in _children(node):
        _tidy(child)
    if isinstance(node, dict) and isinstance(node.get("title"), str):
        del node["title"]


def _allow_variables(node: Any) -> None:
    """Numbers, flags and choices may be `${VAR}` as well; most texts already may be anything."""
    for child in _children(node):
        _allow_variables(child)
    if isinstance(node, dict) and (node.get("type") in _NARROW or "enum" in node or "const" in node):
        kept = {key: node.pop(key) for key in ("default", "description") if key in node}
        narrow = dict(node)
        node.clear()
        node.update(kept)
        node["anyOf"] = [narrow, dict(_VARIABLE)]


def _partial(definition: dict[str, Any]) -> dict[str, Any]:
    """A copy that requires nothing, down to the sections it refers to."""
    relaxed = copy.deepcopy(definition)
    relaxed.pop("required", None)
    _refer_to_partials(relaxed)
    return relaxed


def _refer_to_partials(node: Any) -> None:
    for child in _children(node):
        _refer_to_partials(child)
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        node["$ref"] = node["$ref"].replace(_DEFS, f"{_DEFS}Partial")


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return list(node) if isinstance(node, list) else []
