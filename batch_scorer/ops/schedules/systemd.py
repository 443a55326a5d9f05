"""A job as a systemd service and the timer that starts it."""

from __future__ import annotations

from batch_scorer.ops.schedules.calendar import on_calendar, parse_cron
from batch_scorer.ops.schedules.call import (
    DO_NOT_TRY_AGAIN,
    GRACE,
    STOP_S,
    TRY_AGAIN,
    Call,
    about_timeout,
    in_lines,
)

_N_STARTS = 4
_PAUSE = "10min"
# Short of a day, so that the next night starts whatever became of this one.
_AFTER = "23h"

_SERVICE = """\
# {unit}.service, by batch-scorer. Both files belong in /etc/systemd/system, then:
#   systemctl daemon-reload && systemctl enable --now {unit}.timer
# To try it now: systemctl start {unit}.service; its log: journalctl -u {unit}.service
[Unit]
Description=batch-scorer: run {job}
Wants=network-online.target
After=network-online.target
RequiresMountsFor={mounts}
{limit}
[Service]
Type=oneshot
#User=scoring
WorkingDirectory={directory}
# NAME=value lines for secrets, such as those of notify; mode 600. It may be missing.
EnvironmentFile=-/etc/batch-scorer/{unit_escaped}.env
ExecStart={command}
# No lock file is needed: of two runs each leaves alone what the other works on (exit 75).
# {about_timeout}
TimeoutStartSec={timeout}
# SIGTERM to the run itself, which ends its workers: what was published stays (exit 143).
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec={stop_s}
{restart}"""

_RESTART = """\
# Tried again: {again}, and a process that was killed. Not: {never}, which only a person can mend.
Restart=on-failure
RestartSec={pause}
RestartPreventExitStatus={never}
"""
_NO_RESTART = """\
# It runs more than once a day: the next time is the next try.
Restart=no
"""
_LIMIT = """\
# After {n} starts the rest is left to the next night.
StartLimitIntervalSec={after}
StartLimitBurst={n}
"""

_TIMER = """\
# {unit}.timer, by batch-scorer
[Unit]
Description=batch-scorer: when {job} runs

[Timer]
# cron: {cron}
{calendar}
# A night that the machine slept through is made up for when it wakes.
Persistent=true
AccuracySec=1min

[Install]
WantedBy=timers.target
"""


def render_systemd(call: Call) -> dict[str, str]:
    """Returns: the texts of a .service and a .timer, by file name."""
    is_often = parse_cron(call.cron).is_often
    never = in_lines(DO_NOT_TRY_AGAIN)
    restart = _RESTART.format(again=in_lines(TRY_AGAIN), never=never, pause=_PAUSE)
    service = _SERVICE.format(
        unit=call.unit,
        unit_escaped=call.unit.removeprefix("batch-scorer-"),
        job=call.job,
        mounts=_word(call.project),
        limit="" if is_often else _LIMIT.format(n=_N_STARTS, after=_AFTER),
        directory=_specifiers(call.project),
        command=" ".join(_argument(part) for part in call.command),
        about_timeout="\n# ".join(about_timeout(call)),
        timeout="infinity" if call.timeout is None else int((call.timeout + GRACE).total_seconds()),
        stop_s=STOP_S,
        restart=_NO_RESTART if is_often else restart,
    )
    calendar = "\n".join(f"OnCalendar={event}" for event in on_calendar(call.cron, call.timezone))
    timer = _TIMER.format(unit=call.unit, job=call.job, cron=call.cron, calendar=calendar)
    return {f"{call.unit}.service": service, f"{call.unit}.timer": timer}


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """One word, whatever is in it."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return _specifiers(f'"{quoted}"' if quoted != text or not _is_plain(text) else text)


def _argument(text: str) -> str:
    """One word of a command, in which a $ would be a variable."""
    return _word(text).replace("$", "$$")


def _is_plain(text: str) -> bool:
    return all(character.isalnum() or character in "/._-@:=+,%$" for character in text)
