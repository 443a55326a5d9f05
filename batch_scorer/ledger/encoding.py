"""Records to rows of the ledger and back. Pure; every record comes back equal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from operator import attrgetter
from sys import intern
from typing import Any

from sqlalchemy import RowMapping

from batch_scorer.core.batches import SmallerBatches
from batch_scorer.core.chunks import Accounting, ChunkCost
from batch_scorer.core.lakefiles import FileStamp, LakeFile
from batch_scorer.core.partitions import KeyType, Partition, PartitionValue
from batch_scorer.core.plans import ModelChoice
from batch_scorer.core.records import (
    AttemptRecord,
    AttemptState,
    GenerationRecord,
    GenerationState,
    Ingredients,
    Pin,
    RunRecord,
    RunState,
)
from batch_scorer.core.waivers import Waived, Waiver

Values = dict[str, Any]

_BY_PATH = attrgetter("path")
_INGREDIENTS = tuple(field.name for field in fields(Ingredients))
_ROWS = tuple(field.name for field in fields(Accounting))
_RUN = tuple(field.name for field in fields(RunRecord))


def run_to_row(run: RunRecord) -> Values:
    plain = {name: getattr(run, name) for name in _RUN}
    return plain | {
        "state": run.state.value,
        "command": list(run.command),
        "cost": asdict(run.cost),
        "planned": None if run.planned is None else dict(run.planned),
        "choice": asdict(run.choice) if run.choice.is_explicit else None,
    }


def run_from_row(row: RowMapping) -> RunRecord:
    typed = {
        "state": RunState(row["state"]),
        "command": tuple(row["command"]),
        "cost": _cost(row["cost"]),
        "choice": ModelChoice(**(row["choice"] or {})),
    }
    return RunRecord(**({name: row[name] for name in _RUN} | typed))


def _cost(document: Mapping[str, Any]) -> ChunkCost:
    smaller = document.get("smaller")
    return ChunkCost(**{**document, "smaller": None if smaller is None else SmallerBatches(**smaller)})


def attempt_to_row(attempt: AttemptRecord) -> Values:
    """Without after_generation, which only the ledger knows."""
    return {
        **_flat(attempt.ingredients, _INGREDIENTS),
        **_flat(attempt.rows, _ROWS),
        "run_id": attempt.run_id,
        "job": attempt.job,
        "partition_path": attempt.partition_path,
        "partition_label": attempt.partition_label,
        "partition_values": attempt.partition and partition_to_json(attempt.partition),
        "state": attempt.state.value,
        "reasons": list(attempt.reasons),
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "generation": attempt.generation,
        "headline": attempt.headline,
        "error": attempt.error,
        "verdicts": list(attempt.verdicts),
        "warnings": list(attempt.warnings),
        "cost": asdict(attempt.cost),
    }


def attempt_from_row(row: RowMapping) -> AttemptRecord:
    values = row["partition_values"]
    return AttemptRecord(
        run_id=row["run_id"],
        job=row["job"],
        partition_label=row["partition_label"],
        partition_path=row["partition_path"],
        state=AttemptState(row["state"]),
        ingredients=None if row["stamps"] is None else _ingredients(row),
        reasons=tuple(row["reasons"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        rows=None if row["n_read"] is None else _rows(row),
        generation=row["generation"],
        headline=row["headline"],
        error=row["error"],
        verdicts=tuple(row["verdicts"]),
        warnings=tuple(row["warnings"]),
        cost=_cost(row["cost"]),
        partition=None if values is None else partition_from_json(values),
    )


def generation_to_row(generation: GenerationRecord) -> Values:
    """Without its inputs, which have rows of their own."""
    return {
        **_flat(generation.ingredients, _INGREDIENTS),
        **_flat(generation.rows, _ROWS),
        "job": generation.job,
        "partition_path": generation.partition.path,
        "partition_values": partition_to_json(generation.partition),
        "number": generation.number,
        "run_id": generation.run_id,
        "state": generation.state.value,
        "input_fingerprint": generation.input_fingerprint,
        "output_names": list(generation.output_names),
        "manifest_sha256": generation.manifest_sha256,
        "created_at": generation.created_at,
        "published_at": generation.published_at,
        "restores": generation.restores,
        "pin": generation.pin and pin_to_json(generation.pin),
    }


def generation_from_row(row: RowMapping, inputs: Iterable[LakeFile]) -> GenerationRecord:
    return GenerationRecord(
        job=row["job"],
        partition=partition_from_json(row["partition_values"]),
        number=row["number"],
        run_id=row["run_id"],
        state=GenerationState(row["state"]),
        ingredients=_ingredients(row),
        inputs=tuple(sorted(inputs, key=_BY_PATH)),
        output_names=tuple(row["output_names"]),
        rows=_rows(row),
        manifest_sha256=row["manifest_sha256"],
        created_at=row["created_at"],
        published_at=row["published_at"],
        restores=row["restores"],
        pin=row["pin"] and pin_from_json(row["pin"]),
    )


def pin_to_json(pin: Pin) -> dict[str, str | None]:
    return {name: v.isoformat() if isinstance(v, dt.datetime) else v for name, v in asdict(pin).items()}


def pin_from_json(found: Mapping[str, Any]) -> Pin:
    lifted = found.get("lifted_at")
    return Pin(
        by=found["by"],
        at=dt.datetime.fromisoformat(found["at"]),
        why=found["why"],
        lifted_by=found.get("lifted_by"),
        lifted_at=lifted and dt.datetime.fromisoformat(lifted),
    )


def waived_to_json(waived: Waived) -> dict[str, Any]:
    return {**asdict(waived), "rules": list(waived.rules), "at": waived.at.isoformat()}


def waived_from_json(found: Mapping[str, Any]) -> Waived:
    at = dt.datetime.fromisoformat(found["at"])
    return Waived(rules=tuple(found["rules"]), by=found["by"], at=at, why=found["why"])


def waiver_to_row(waiver: Waiver) -> Values:
    return {
        "job": waiver.job,
        "partition_path": waiver.partition.path,
        "partition_values": partition_to_json(waiver.partition),
        "input_fingerprint": waiver.input_fingerprint,
        "stamps": waiver.stamps,
        "after_generation": waiver.after_generation,
        "rules": list(waiver.waived.rules),
        "by": waiver.waived.by,
        "at": waiver.waived.at,
        "why": waiver.waived.why,
    }


def waiver_from_row(row: RowMapping) -> Waiver:
    return Waiver(
        job=row["job"],
        partition=partition_from_json(row["partition_values"]),
        input_fingerprint=row["input_fingerprint"],
        stamps=row["stamps"],
        after_generation=row["after_generation"],
        waived=Waived(rules=tuple(row["rules"]), by=row["by"], at=row["at"], why=row["why"]),
    )


def input_to_row(generation_id: int, file: LakeFile) -> Values:
    stamp = asdict(file.stamp) | {"inode": str(file.stamp.inode)}
    return {"generation_id": generation_id, "path": file.path, "sha256": file.sha256, **stamp}


def input_from_row(row: RowMapping) -> LakeFile:
    stamp = FileStamp(
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        ctime_ns=row["ctime_ns"],
        inode=int(row["inode"]),
        etag=row["etag"],
    )
    return LakeFile(path=row["path"], stamp=stamp, sha256=row["sha256"])


_TYPED: dict[str, Callable[[str], PartitionValue]] = {
    KeyType.DATE: dt.date.fromisoformat,
    KeyType.INT: int,
    KeyType.STRING: str,
}


def partition_to_json(partition: Partition) -> list[dict[str, str]]:
    """`[{"key": "ride_date", "type": "date", "value": "2024-01-01"}]`, as a manifest writes it."""
    return [
        {"key": name, "type": _type_of(value).value, "value": str(value)}
        for name, value in zip(partition.names, partition.values, strict=True)
    ]


def partition_from_json(parts: Iterable[Mapping[str, str]]) -> Partition:
    parts = tuple(parts)
    return Partition(
        names=tuple([intern(part["key"]) for part in parts]),
        values=tuple([_TYPED[part["type"]](part["value"]) for part in parts]),
    )


def _type_of(value: PartitionValue) -> KeyType:
    if isinstance(value, dt.date):
        return KeyType.DATE
    return KeyType.INT if isinstance(value, int) else KeyType.STRING


def _flat(value: Ingredients | Accounting | None, names: Iterable[str]) -> Values:
    return {name: getattr(value, name, None) for name in names}


def _ingredients(row: RowMapping) -> Ingredients:
    return Ingredients(**{name: row[name] for name in _INGREDIENTS})


def _rows(row: RowMapping) -> Accounting:
    return Accounting(**{name: row[name] for name in _ROWS})
