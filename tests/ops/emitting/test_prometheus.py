"""Metrics: Prometheus' own reader understands them, they tell what happened, and the page names each."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from batch_scorer.core.errors import LockHeld, OutputUnwritable, StoreUnavailable
from batch_scorer.core.partitions import Partition
from batch_scorer.core.plans import Action
from batch_scorer.core.records import AttemptState, PartitionPast, PartitionRecord, past_of
from batch_scorer.core.runs import RunReport
from batch_scorer.core.validation import OnFail
from batch_scorer.ops.emitting.facts import History, JobFacts
from batch_scorer.ops.emitting.prometheus import METRICS, PrometheusTextfile, render
from tests.ledger.conftest import make_attempt, make_generation
from tests.ops.emitting import told
from tests.ops.emitting.told import FARE, NOT_NULL

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")

# | `metric` | `label`: `value`, `value`, `label` | meaning |
ROWS = dict(re.findall(r"^\| `(batch_scorer_\w+)` \|([^|]*)\|", PAGE, re.MULTILINE))


def past(number: int, *, current: bool = True, newest: AttemptState | None = None) -> PartitionPast:
    record = PartitionRecord(
        partition=told.day(number),
        current=make_generation(partition=told.day(number)) if current else None,
        attempts=(make_attempt(newest),) if newest else (),
    )
    return past_of(record)


PASTS = {
    each.partition: each
    for each in (
        past(8),
        past(9, newest=AttemptState.BLOCKED),
        past(10, current=False, newest=AttemptState.FAILED),
    )
}


class Ledger:
    """What an emitter asks one for."""

    def __init__(self) -> None:
        self.closed = False

    def pasts(self, _job: str) -> dict[Any, PartitionPast]:
        return PASTS

    def last_success(self, _job: str) -> dt.datetime | None:
        return told.START

    def output_columns(self, _job: str) -> None:
        return None

    def close(self) -> None:
        self.closed = True


def facts(**changes: Any) -> JobFacts:
    known = JobFacts(
        timezone="America/New_York",
        suites=(("rides", "input"), ("scores", "output")),
        ended_at=told.END,
        exit_code=3,
        run=told.run(exit_code=3),
        plan=told.plan(8, 9, 10, later=Action.WAIT),
        outcomes=told.outcomes(),
        history=History(partitions=PASTS, last_success=told.START),
    )
    return replace(known, **changes)


def read(text: bytes) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """By metric, then by labels without batch_job, as Prometheus' own Python client reads it."""
    return {
        family.name: {
            tuple(sorted((k, v) for k, v in sample.labels.items() if k != "batch_job")): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(text.decode())
    }


def value(found: Mapping[str, Any], name: str, **labels: str) -> float:
    number: float = found[f"batch_scorer_{name}"][tuple(sorted(labels.items()))]
    return number


def test_the_numbers_of_a_run_are_those_that_are_told() -> None:
    found = read(render("tips", facts()))
    assert value(found, "last_success_timestamp_seconds") == told.START.timestamp()
    assert value(found, "last_run_timestamp_seconds") == told.END.timestamp()
    assert value(found, "last_run_duration_seconds") == 90
    assert value(found, "last_run_exit_code") == 3
    assert value(found, "last_run_read_rows") == 10
    rows = {key: value(found, "last_run_rows", outcome=key) for key in ("scored", "quarantined", "dropped")}
    assert rows == {"scored": 7, "quarantined": 2, "dropped": 1}
    assert value(found, "last_run_partitions", outcome="published") == 1
    assert value(found, "last_run_partitions", outcome="held") == 0
    assert value(found, "planned_partitions", action="score") == 3
    assert value(found, "planned_partitions", action="wait") == 1
    (labels,) = found["batch_scorer_last_run_info"]
    assert dict(labels) == {
        "run_id": told.run().run_id,
        "model": "tips",
        "model_version": "7",
        "code_version": "0.1.0",
        "target": "",
    }


def test_a_partition_counts_once_by_the_newest_thing_that_happened_to_it() -> None:
    found = read(render("tips", facts()))
    states = {state.value: value(found, "partitions", state=state.value) for state in AttemptState}
    assert states == {"published": 1, "blocked": 1, "failed": 1}


def test_a_suite_has_a_series_for_each_result_even_when_it_checked_nothing() -> None:
    found = read(render("tips", facts()))
    asked = [
        value(found, "last_run_suite_results", suite="rides", stage="input", result=result)
        for result in ("passed", "warned", "quarantined", "failed")
    ]
    assert asked == [1, 0, 0, 1]
    assert value(found, "last_run_suite_results", suite="scores", stage="output", result="passed") == 0


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"on_fail": OnFail.WARN}, "warned"),
        ({"on_fail": OnFail.QUARANTINE}, "quarantined"),
        ({"on_fail": OnFail.BLOCK}, "failed"),
        ({"on_fail": OnFail.BLOCK, "not_evaluated": "out of memory"}, "failed"),
    ],
)
def test_what_a_failing_suite_does_is_its_result(changes: dict[str, Any], result: str) -> None:
    verdict = told.verdict((NOT_NULL, True), (FARE, False), **changes)
    found = read(render("tips", facts(outcomes=(told.published(8, verdicts=(verdict,)),))))
    assert value(found, "last_run_suite_results", suite="rides", stage="input", result=result) == 1


def test_the_lag_counts_from_the_end_of_the_newest_published_day_in_the_jobs_time_zone() -> None:
    found = read(render("tips", facts()))
    # 9 March ends in New York at 05:00 UTC of the 10th, the day whose 2 o'clock does not exist.
    ended = dt.datetime(2024, 3, 10, 5, tzinfo=dt.UTC)
    assert value(found, "newest_day_end_timestamp_seconds") == ended.timestamp()
    assert value(found, "lag_seconds") == (told.END - ended).total_seconds()


def test_a_day_to_come_is_not_the_newest_and_one_that_goes_on_has_no_lag() -> None:
    end_of_time = Partition(names=("ride_date",), values=(dt.date.max,))
    far = {end_of_time: replace(past(8), partition=end_of_time)}
    known = facts(history=History(partitions=PASTS | far, last_success=None))
    assert known.newest_day_end == dt.datetime(2024, 3, 10, 5, tzinfo=dt.UTC)
    today = facts(ended_at=dt.datetime(2024, 3, 9, 12, tzinfo=dt.UTC))
    assert today.lag == dt.timedelta(0)


def test_a_job_that_never_succeeded_is_late_since_1970_and_has_no_lag() -> None:
    found = read(render("tips", facts(history=History(partitions={}, last_success=None))))
    assert value(found, "last_success_timestamp_seconds") == 0
    assert "batch_scorer_lag_seconds" not in found


def observer(path: Path, ledger: Any = None) -> PrometheusTextfile:
    return PrometheusTextfile(path=path, job=told.job(), open_ledger=lambda: ledger or Ledger())


def test_a_run_that_could_not_begin_tells_its_exit_code_and_what_the_ledger_knows(tmp_path: Path) -> None:
    path, ledger = tmp_path / "tips.prom", Ledger()
    observer(path, ledger).refused(LockHeld("another run"))
    found = read(path.read_bytes())
    assert value(found, "last_run_exit_code") == 75
    assert value(found, "last_success_timestamp_seconds") == told.START.timestamp()
    assert value(found, "partitions", state="blocked") == 1
    assert not {"batch_scorer_last_run_info", "batch_scorer_planned_partitions"} & set(found)
    assert ledger.closed


def test_without_a_ledger_the_exit_code_is_written_all_the_same(tmp_path: Path) -> None:
    def away() -> Any:
        raise StoreUnavailable("the ledger does not answer")

    path = tmp_path / "tips.prom"
    PrometheusTextfile(path=path, job=told.job(), open_ledger=away).refused(StoreUnavailable("away"))
    found = read(path.read_bytes())
    assert value(found, "last_run_exit_code") == 69
    assert "batch_scorer_last_success_timestamp_seconds" not in found


def test_others_may_read_the_file_whatever_our_umask(tmp_path: Path) -> None:
    path = tmp_path / "tips.prom"
    before = os.umask(0o077)
    try:
        observer(path).ended(RunReport(run=told.run(), outcomes=(), exit_code=0), told.plan())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_missing_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="No such file or directory"):
        observer(tmp_path / "none" / "tips.prom").refused(LockHeld("another run"))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_is_killed_leaves_the_old_file_whole_and_nothing_a_collector_reads(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tips.prom"
    path.write_text("old 1\n")
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from batch_scorer.core.errors import LockHeld\n"
        "from tests.ops.emitting.test_prometheus import observer\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "observer(Path(sys.argv[1])).refused(LockHeld('another run'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_text() == "old 1\n"
    assert list(tmp_path.glob("*.prom")) == [path]
    assert len(list(tmp_path.iterdir())) == 2  # so it was on its way


# What promtool checks: https://prometheus.io/docs/practices/naming/
_NOT_BASE_UNITS = ("milliseconds", "minutes", "hours", "days", "weeks", "percent", "kilobytes", "megabytes")


def test_names_and_types_follow_prometheus_conventions() -> None:
    text = render("tips", facts()).decode()
    families = list(text_string_to_metric_families(text))
    assert len(families) == len({family.name for family in families}) == len(METRICS)
    for family in families:
        assert family.documentation
        assert family.type == "gauge"
        assert re.fullmatch(r"batch_scorer_[a-z]+(_[a-z]+)*", family.name)
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert not [unit for unit in _NOT_BASE_UNITS if unit in family.name.split("_")]
        for sample in family.samples:
            assert sample.labels["batch_job"] == "tips"
            assert not {"job", "instance", "le", "quantile"} & set(sample.labels)
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(labels) == len(set(labels))
    # Grouped: HELP, TYPE, then all series of the metric.
    names = [re.sub(r"^# (?:HELP|TYPE) ", "", line).split("{")[0].split(" ")[0] for line in text.splitlines()]
    assert [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name] == [
        metric.full_name for metric in METRICS
    ]


def test_promtool_has_nothing_to_complain_about() -> None:
    promtool = _promtool()
    text = render("tips", facts())
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_alerts_on_the_page_are_rules(tmp_path: Path) -> None:
    (alerts,) = re.findall(r"```yaml\n(groups:\n.*?)```", PAGE, re.DOTALL)
    assert set(re.findall(r"batch_scorer_\w+", alerts)) <= {metric.full_name for metric in METRICS}
    rules = tmp_path / "rules.yml"
    rules.write_text(alerts)
    done = subprocess.run([_promtool(), "check", "rules", rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _promtool() -> str:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian, Ubuntu: apt-get install prometheus)")
    return promtool


def test_the_page_names_every_metric_with_its_labels_and_nothing_else() -> None:
    assert list(ROWS) == [metric.full_name for metric in METRICS]
    for metric in METRICS:
        row = ROWS[metric.full_name]
        assert [label for label in metric.labels if f"`{label}`" not in row] == [], metric.name


def test_the_page_names_every_value_of_a_label_with_few_values() -> None:
    found = read(render("tips", facts()))
    for name, series in found.items():
        for labels in series:
            for label, shown in labels:
                if label in ("outcome", "action", "state", "result", "stage"):
                    assert f"`{shown}`" in ROWS[name], (name, label)
