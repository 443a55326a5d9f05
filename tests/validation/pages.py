"""Records and GX results to make result pages of, without a run and without GX."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

from batch_scorer.core.chunks import Accounting
from batch_scorer.core.errors import DamageFound
from batch_scorer.core.partitions import Partition
from batch_scorer.core.records import AttemptRecord, AttemptState, RunRecord, RunState
from batch_scorer.core.validation import OnFail, SuiteVerdict
from batch_scorer.validation.pages.render import run_page
from batch_scorer.validation.verdicts import failures_in
from tests.page_checks import HOSTILE

NOW = dt.datetime(2024, 4, 1, 4, 30, 12, tzinfo=dt.UTC)
DAY = dt.date(2024, 3, 1)


def run_record(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "run_id": "01JQ8Z0000000000000000RUN1", "job": "taxi_tips", "state": RunState.FINISHED,
        "started_at": NOW, "finished_at": NOW, "exit_code": 4, "model": "taxi_tips@7",
        "model_sha256": "a91c" * 16, "command": ("batch-scorer", "run", "taxi_tips"), "host": "night-1",
        "pid": 7, "user": "cron", "code_version": "0.1.0", "n_published": 2, "n_blocked": 1, "n_failed": 0,
    }  # fmt: skip
    return RunRecord(**(values | changes))


def attempt(number: int, *files: str, **changes: Any) -> AttemptRecord:
    """Of day `number` of March 2024 and later. files: of its suites' results; names as SuiteVerdict's."""
    day = DAY + dt.timedelta(days=number)
    partition = Partition(names=("ride_date",), values=(day,))
    values: dict[str, Any] = {
        "run_id": "01JQ8Z0000000000000000RUN1", "job": "taxi_tips", "partition": partition,
        "partition_label": partition.label, "partition_path": partition.path,
        "state": AttemptState.PUBLISHED, "ingredients": None, "reasons": ("missing",), "started_at": NOW,
        "finished_at": NOW, "rows": Accounting(n_read=1000, n_scored=950, n_quarantined=40, n_dropped=10),
        "generation": 3, "headline": "950 scored", "verdicts": tuple(entry(file) for file in files),
    }  # fmt: skip
    return AttemptRecord(**(values | changes))


def entry(file: str, **changes: Any) -> dict[str, Any]:
    """A suite as the ledger keeps it."""
    return {
        "suite": "rides", "stage": "input", "on_fail": "block", "fingerprint": "5f2e" * 16, "success": True,
        "not_evaluated": None, "failed": [], "file": file, "seconds": 0.1,
    } | changes  # fmt: skip


def verdict(*results: Mapping[str, Any], **changes: Any) -> SuiteVerdict:
    result = {"success": True, "results": list(results), "meta": {}}
    failed = failures_in(result)
    whole = all(one["success"] for one in results) and not changes.get("not_evaluated")
    values: dict[str, Any] = {
        "suite": "rides", "stage": "input", "on_fail": OnFail.BLOCK, "fingerprint": "5f2e" * 16,
        "success": whole, "failed": failed, "result": result,
    }  # fmt: skip
    return SuiteVerdict(**(values | changes))


def between(column: str, *bad: Any, mostly: float = 1.0, severity: str = "critical") -> dict[str, Any]:
    """GX's answer to `column between 0 and 500` over 1,000 rows, of which `bad` are not."""
    return {
        "success": not bad,
        "expectation_config": {
            "type": "expect_column_values_to_be_between",
            "kwargs": {
                "batch_id": "partition-rows", "column": column, "min_value": 0, "max_value": 500,
                "mostly": mostly,
            },
            "severity": severity,
        },
        "result": {
            "element_count": 1000,
            "missing_count": 20,
            "unexpected_count": len(bad),
            "unexpected_percent": len(bad) / 9.8,
            "partial_unexpected_list": list(bad),
            "unexpected_index_column_names": ["ride_id"],
            "partial_unexpected_index_list": [
                {column: value, "ride_id": 88_000 + place} for place, value in enumerate(bad)
            ],
        },
        "meta": {},
        "exception_info": {"raised_exception": False},
    }  # fmt: skip


def raised(column: str, message: str) -> dict[str, Any]:
    """GX's answer to an expectation that it could not evaluate."""
    info = {"raised_exception": True, "exception_message": message, "exception_traceback": ""}
    return between(column) | {"success": False, "result": {}, "exception_info": {"metric": info}}


def html_of(run: RunRecord, attempts: Sequence[AttemptRecord], results: Mapping[str, SuiteVerdict]) -> str:
    """results: by file; a file that is not in it is missing."""

    def read(file: str) -> SuiteVerdict:
        if file not in results:
            raise DamageFound("the result file is missing", where=file)
        return results[file]

    return b"".join(run_page(run, attempts, read)).decode()


class Page(HTMLParser):
    """What a parser sees. text: of each element with an id, its own and that of those inside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.text: dict[str, str] = {}
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        name = attributes.get("id") or ""
        if name:
            self.ids.append(name)
        if tag not in ("meta", "br", "img"):
            self._inside.append(name)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("bdi", "code"):
            self.handle_data(" ")  # cells and blocks stand apart
        self._inside.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._inside):
            self.text[name] = re.sub(r"\s+", " ", self.text.get(name, "") + data)

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]


def hostile_page() -> str:
    """Every place that data can reach holds something that wants out of it."""
    run = run_record(
        job=HOSTILE[0], model=HOSTILE[1], user=HOSTILE[3], host=HOSTILE[6], reason=HOSTILE[2],
        command=HOSTILE, error={"what": HOSTILE[4]},
    )  # fmt: skip
    attempts, results = [], {}
    for number, text in enumerate(HOSTILE):
        answers = [between(text, *HOSTILE), raised(text, text), between(f"{text} too")]
        answers[0]["expectation_config"]["notes"] = [text]
        answers[0]["meta"] = {"batch_scorer": {"path": text}}
        # A text column breaks no bounds in life, but its values get into results all the same.
        results[text] = verdict(*answers, suite=text, stage=text, fingerprint=text, not_evaluated=text)
        gone = entry(f"gone {text}", suite=text, stage=text, on_fail=text, fingerprint=text, success=False,
                     failed=[text], not_evaluated=text)  # fmt: skip
        attempts.append(
            attempt(
                number, text, partition=Partition(names=("region",), values=(text,)), partition_label=text,
                partition_path=text, headline=text, warnings=(text,), state=AttemptState.FAILED,
                error={"what": text, "where": text, "fix": text, "next": text},
                verdicts=(entry(text), gone),
            )
        )  # fmt: skip
    return html_of(run, attempts, results)
