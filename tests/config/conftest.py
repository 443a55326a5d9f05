"""A project with one complete job, and a way to break it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from batch_scorer.config.load import LoadedJob, load_job
from batch_scorer.config.mistakes import JobInvalid
from batch_scorer.config.project import Project

# Every key that works today, once.
COMPLETE = """\
# yaml-language-server: $schema=.schema/job.schema.json
version: 1
name: taxi_tips
description: Which rides end with a big tip, for the driver earnings mart
owner: {team: earnings, email: earnings@example.com}
extends: _defaults.yml            # deep merge
registry: data/models
code: [src]                       # put on sys.path of driver and workers

schedule:
  timezone: America/Chicago       # decides what "a day" is
  cron: "30 4 * * *"
  expect: daily
  include_today: false
  lookback: 3d
  catchup: {max_partitions: 7, order: newest_first, give_up_after: 3}

input:
  path: ${LAKE:-data/lake}/rides
  partition_by: {ride_date: date}
  key: [ride_id]
  columns: auto
  where: "fare > 0"
  ready: {marker: _SUCCESS, min_age: 30m}

validate:
  input:
    - {suite: rides_schema, on_fail: block}
    - {suite: rides_input, on_fail: warn}
  output:
    - {suite: predictions, on_fail: block}
  volume: {min_rows: 1000, against: 28d, tolerance: 40%}

model:
  uri: taxi_tips@champion
  method: predict_proba
  output: {big_tip_score: "float64 = proba[1]", big_tip: "bool = proba[1] > 0.5"}
  max_error_rows: 0
  trust: pinned

output:
  path: ${LAKE:-data}/predictions/taxi_tips
  state: ${LAKE:-data}/state
  state_db: sqlite
  format: parquet
  keep_columns: [ride_id, started_at]
  file_size: 128MB
  keep_generations: 3
  success_marker: false

compute: {cluster: auto, workers: auto, memory_per_worker: 2GB, chunk: 64MB, timeout: 2h, retries: 3,
          max_failed_partitions: 2, compiled: auto}
notify: []
targets:
  dev: {input: {limit_rows: 10000}, output: {path: dev/predictions, state: dev/state}, notify: []}
emit:
  prometheus_textfile: /var/lib/node_exporter/taxi_tips.prom
  openlineage: {url: "https://marquez:5000", api_key: {secret: env:LINEAGE_KEY}, namespace: earnings}
"""

# Only what is required.
SMALLEST = """\
version: 1
name: small
schedule: {timezone: Etc/UTC}
input: {path: data/lake/rides, partition_by: {day: date}, key: [id]}
model: {uri: m@1, output: {score: "float64 = prediction"}}
output: {path: data/predictions/small}
"""


class Jobs:
    """The project's files, and the job that `load` makes of them."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root)
        self.project.suites.mkdir(parents=True)
        for suite in ("rides_schema", "rides_input", "predictions"):
            (self.project.suites / f"{suite}.json").write_text("{}")
        self.write("_defaults", "compute: {retries: 5, chunk: 32MB}\n")
        self.write("taxi_tips", COMPLETE)
        self.write("small", SMALLEST)

    def write(self, name: str, text: str) -> None:
        (self.project.jobs / f"{name}.yml").write_text(text, encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        """In taxi_tips.yml. The old text must be there, or the test proves nothing."""
        path = self.project.jobs / "taxi_tips.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def load(
        self,
        name: str = "taxi_tips",
        *,
        target: str | None = None,
        env: Mapping[str, str] | None = None,
        **overrides: Any,
    ) -> LoadedJob:
        """overrides: with `__` for the dots."""
        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        return load_job(self.project, name, target=target, env=env or {}, overrides=dotted)

    def mistakes(self, name: str = "taxi_tips", env: Mapping[str, str] | None = None) -> list[str]:
        """`line:column: message` of every mistake; they are all in that job's own file."""
        with pytest.raises(JobInvalid) as caught:
            self.load(name, env=env)
        assert {mistake.file for mistake in caught.value.mistakes} == {f"jobs/{name}.yml"}
        return [f"{each.line}:{each.column}: {each.message}" for each in caught.value.mistakes]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)
