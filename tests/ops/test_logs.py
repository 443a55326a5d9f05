"""Log lines can be parsed, name their run, and stay quiet about libraries."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_scorer.core.errors import UsageError
from batch_scorer.ops.logs import TOLD, configure_logging, logging_run, logging_task
from batch_scorer.ops.run_logs import keeping_log, log_lines

OURS = logging.getLogger("batch_scorer.execution")


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    handlers = logging.getLogger().handlers[:]
    loggers = [logging.getLogger(name) for name in ("batch_scorer", "distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    yield
    logging.captureWarnings(False)
    for handler in set(logging.getLogger().handlers) - set(handlers):
        logging.getLogger().removeHandler(handler)
        handler.close()
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_a_json_line_holds_time_level_logger_message_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(format="json")
    before = dt.datetime.now(dt.UTC)
    with logging_run("01JQ8Z"):
        OURS.warning("fares of %s\nlook odd: „%s“", "2024-03-27", 12)
    line, end = capsys.readouterr().err.split("\n", maxsplit=1)
    assert end == ""
    record = json.loads(line)
    time = dt.datetime.fromisoformat(record.pop("time"))
    assert abs(time - before) < dt.timedelta(seconds=5)
    assert record == {
        "level": "warning",
        "logger": "batch_scorer.execution",
        "message": "fares of 2024-03-27\nlook odd: „12“",
        "run_id": "01JQ8Z",
    }


def test_a_json_line_of_an_exception_holds_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(format="json")
    try:
        raise RuntimeError("disk on fire")
    except RuntimeError:
        OURS.exception("stopped")
    record = json.loads(capsys.readouterr().err)
    assert record["message"] == "stopped"
    assert record["exception"].endswith("RuntimeError: disk on fire")


def test_a_text_line_names_its_run_only_within_one(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    with logging_run("01JQ8Z"):
        OURS.warning("inside")
    OURS.warning("outside")
    inside, outside = capsys.readouterr().err.splitlines()
    assert inside.endswith("WARNING batch_scorer.execution: inside [run 01JQ8Z]")
    assert outside.endswith("WARNING batch_scorer.execution: outside")


@pytest.mark.parametrize(
    ("verbosity", "levels"),
    [(-1, ["WARNING"]), (0, ["WARNING"]), (1, ["INFO", "WARNING"]), (2, ["DEBUG", "INFO", "WARNING"])],
)
def test_verbosity_decides_what_is_said(
    capsys: pytest.CaptureFixture[str], verbosity: int, levels: list[str]
) -> None:
    configure_logging(verbosity)
    OURS.debug("-")
    OURS.info("-")
    OURS.warning("-")
    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == levels


def test_a_second_call_replaces_the_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    configure_logging(file=tmp_path / "first.log")
    configure_logging(file=tmp_path / "second.log")
    OURS.warning("once")
    assert capsys.readouterr().err.count("once") == 1
    assert (tmp_path / "first.log").read_text() == ""
    assert (tmp_path / "second.log").read_text().count("once") == 1


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "nightly.log"
    for night in ("monday", "tuesday"):
        configure_logging(file=file)
        OURS.warning(night)
    assert [line.split()[-1] for line in file.read_text().splitlines()] == ["monday", "tuesday"]


def test_a_log_file_that_cannot_be_written_is_a_usage_error_and_the_old_log_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configure_logging()
    with pytest.raises(UsageError, match="No such file or directory"):
        configure_logging(file=tmp_path / "nowhere" / "x.log")
    OURS.warning("still here")
    assert "still here" in capsys.readouterr().err


def test_libraries_are_heard_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    library = logging.getLogger("distributed.nanny")
    configure_logging(1)
    library.error("Restarting worker")
    assert capsys.readouterr().err == ""
    configure_logging(2)
    library.error("Restarting worker")
    assert "Restarting worker" in capsys.readouterr().err


def test_importing_distributed_later_does_not_bring_its_own_handlers_back() -> None:
    program = (
        "import logging; from batch_scorer.ops.logs import configure_logging; configure_logging()\n"
        "import distributed\n"
        "for name in ('distributed.nanny', 'distributed.client', 'tornado.application'):\n"
        "    logging.getLogger(name).error('noise')\n"
        "logging.getLogger('batch_scorer').warning('signal')\n"
    )
    seen = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert [line.split()[-1] for line in seen.stderr.splitlines()] == ["signal"]


def test_warnings_of_python_are_log_lines_and_heard_only_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for verbosity, n_lines in ((1, 0), (2, 1)):
        configure_logging(verbosity, format="json")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)  # catch_warnings has put its own in place
            warnings.warn("fares look odd", RuntimeWarning, stacklevel=1)
            logging.captureWarnings(False)
        lines = capsys.readouterr().err.splitlines()
        assert [json.loads(line)["logger"] for line in lines] == ["py.warnings"] * n_lines


def test_a_thread_of_a_run_names_it_and_a_task_names_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(format="json")

    def task() -> None:
        with logging_task("01TASK"):
            OURS.warning("task")

    with logging_run("01RUN"):
        for work in (lambda: OURS.warning("thread"), task):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    named = {record["message"]: record["run_id"] for record in records}
    assert named == {
        "thread": "01RUN",
        "task": "01TASK",
    }


def test_a_run_keeps_what_it_told_though_nobody_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configure_logging()
    file = tmp_path / "logs" / "01RUN.jsonl"
    with logging_run("01RUN"), keeping_log(file):
        assert not file.exists()
        logging.getLogger(TOLD).info("2 partitions to score")
        OURS.debug("not kept")
    OURS.info("after it")
    assert capsys.readouterr().err == ""
    (record,) = log_lines(file.read_bytes())
    assert (record["message"], record["run_id"]) == ("2 partitions to score", "01RUN")


def test_a_log_that_cannot_be_kept_costs_one_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    configure_logging()
    (tmp_path / "logs").write_text("in the way")
    with keeping_log(tmp_path / "logs" / "01RUN.jsonl"):
        OURS.info("one")
        OURS.info("two")
    assert capsys.readouterr().err.count("the log of this run ends here") == 1


def test_a_full_disk_ends_the_log_and_not_the_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """/dev/full takes nothing, as a full disk does."""
    configure_logging()
    (tmp_path / "01RUN.jsonl").symlink_to("/dev/full")
    with keeping_log(tmp_path / "01RUN.jsonl"):
        OURS.info("one")
        OURS.info("two")
    assert capsys.readouterr().err.count("No space left on device") == 1
