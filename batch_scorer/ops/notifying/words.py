"""A notice as a person reads it: one line, or all of it. Pure."""

from __future__ import annotations

import datetime as dt

from batch_scorer.core.notices import Event, Notice, Problem

_MAX_PROBLEMS = 10
_MAX_WARNINGS = 5
_LONGEST = 500  # of a line: some tell a whole list of columns


def headline(notice: Notice) -> str:
    """`taxi_tips blocked: 2 published, 1 blocked (exit 4)`."""
    return f"{notice.job}{_in_target(notice)} {_happened(notice)}"


def text(notice: Notice) -> str:
    """Headline, problems, warnings, the next command: a few lines, however many partitions there are."""
    lines = [headline(notice), *map(_problem, notice.problems[:_MAX_PROBLEMS])]
    lines += _more(len(notice.problems), _MAX_PROBLEMS, "problems")
    lines += [f" warning: {_one_line(warning)}" for warning in notice.warnings[:_MAX_WARNINGS]]
    lines += _more(len(notice.warnings), _MAX_WARNINGS, "warnings")
    lines = [_shortened(line) for line in lines]
    if notice.next_command:
        lines.append(f"next: {notice.next_command}")
    lines.append(f"run {notice.run_id or '(none: it never began)'} on {notice.host}, {_moment(notice.at)}")
    return "\n".join(lines)


def _happened(notice: Notice) -> str:
    match notice.event:
        case Event.START:
            return f"started: {_n(notice.n_due, 'partition')} due, {notice.model}"
        case Event.SUCCESS:
            return f"is good: {_counts(notice)}"
        case Event.RECOVERED:
            return f"is good again: {_counts(notice)}{_since(notice, 'it was not since')}"
        case Event.FAILED | Event.BLOCKED:
            still = "is still " if notice.is_repeat else ""
            counts = f": {counted}" if (counted := _counted(notice)) else ""
            since = _since(notice, "since") if notice.is_repeat else ""
            return f"{still}{notice.event}{counts} (exit {notice.exit_code}){since}"


def _problem(problem: Problem) -> str:
    where = f"{problem.label} " if problem.label else ""
    fix = f"; fix: {_one_line(problem.fix)}" if problem.fix else ""
    return f" {where}{problem.state.upper()} {_one_line(problem.what)}{fix}"


def _counts(notice: Notice) -> str:
    return _counted(notice) or "nothing was due"


def _counted(notice: Notice) -> str:
    counts = {"published": notice.n_published, "blocked": notice.n_blocked, "failed": notice.n_failed}
    return ", ".join(f"{n:,} {word}" for word, n in counts.items() if n)


def _since(notice: Notice, word: str) -> str:
    return f", {word} {_moment(notice.since)}" if notice.since else ""


def _in_target(notice: Notice) -> str:
    return f" (target {notice.target})" if notice.target else ""


def _more(n: int, n_shown: int, noun: str) -> list[str]:
    return [f" … and {n - n_shown:,} more {noun}"] if n > n_shown else []


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _moment(when: dt.datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M:%SZ}"
