"""From a training table to the time it is of, into the manifest and back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from batch_scorer.core.models import TimeSpan
from batch_scorer.models.registering.register import register, register_file
from batch_scorer.models.registering.time_spans import spans_of, spans_of_frame
from batch_scorer.models.registry.files import FileRegistry
from batch_scorer.models.registry.manifests import decode_manifest, encode_manifest
from tests.models.drafts import on_disk

NEW_YEAR = dt.datetime.fromisoformat("2024-01-01T12:30")
TIMES = [NEW_YEAR, None, NEW_YEAR + dt.timedelta(days=9)]


def test_each_column_of_dates_and_times_has_its_first_and_last_value() -> None:
    table = pa.table(
        {
            "day": pa.array([dt.date(2024, 2, 1), dt.date(2024, 1, 1), None]),
            "nanos": pa.array(TIMES, pa.timestamp("ns")),
            "zoned": pa.array(TIMES, pa.timestamp("s", "America/Chicago")),
            "fare": [1.0, 2.0, 3.0],
            "never": pa.nulls(3, pa.timestamp("us")),
            "beyond": pa.array([2**62, 0, 0], pa.timestamp("s")),
        }
    )
    day, nanos, zoned = spans_of(table)
    assert day == TimeSpan(column="day", first=dt.date(2024, 1, 1), last=dt.date(2024, 2, 1))
    assert (nanos.first, nanos.last) == (NEW_YEAR, NEW_YEAR + dt.timedelta(days=9))
    assert isinstance(zoned.first, dt.datetime)
    assert zoned.first.astimezone(dt.UTC) == NEW_YEAR.replace(tzinfo=dt.UTC)
    assert [span.column for span in (day, nanos, zoned)] == ["day", "nanos", "zoned"]


def test_a_frame_in_memory_tells_the_same_python_dates_included() -> None:
    frame = pd.DataFrame(
        {"at": pd.Series(TIMES, dtype="datetime64[us]"), "day": [dt.date(2024, 1, 1)] * 3, "text": ["a"] * 3}
    )
    assert [span.column for span in spans_of_frame(frame)] == ["at", "day"]
    frame["both"] = pd.Series([NEW_YEAR, dt.date(2024, 1, 1), None], dtype=object)  # which stops nobody
    assert [span.column for span in spans_of_frame(frame)] == ["at", "day"]


def test_registration_keeps_them_and_a_manifest_from_before_still_reads(
    rides: pd.DataFrame, pipelines: dict[str, Any], registry: FileRegistry, tmp_path: Path
) -> None:
    timed = rides.assign(at=pd.Timestamp("2024-01-05 08:00"), day=dt.date(2024, 1, 5))
    in_memory = register(pipelines["linear"], registry=registry, name="m", reference=timed, who="ada")
    timed.to_parquet(tmp_path / "timed.parquet")
    from_file = register_file(
        Path(on_disk(registry.root) / "m/1/model.skops"), registry=registry, name="m",
        reference_path=tmp_path / "timed.parquet", who="ada", allow_pickle=False,
    )  # fmt: skip
    eight = dt.datetime.fromisoformat("2024-01-05T08:00")
    at = TimeSpan(column="at", first=eight, last=eight)
    day = TimeSpan(column="day", first=dt.date(2024, 1, 5), last=dt.date(2024, 1, 5))
    for manifest in (in_memory, from_file):
        assert manifest.reference is not None
        assert manifest.reference.spans == (at, day)
        assert registry.resolve(f"m@{manifest.version}").trained_on == (at, day)
    assert decode_manifest(encode_manifest(from_file), "m") == from_file

    old = json.loads(encode_manifest(from_file))
    del old["reference"]["spans"]
    reference = decode_manifest(json.dumps(old).encode(), "m").reference
    assert reference is not None
    assert reference.spans is None
