"""A webhook: JSON by POST, with a text that Slack, Mattermost and their like show as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from batch_scorer.core.notices import Notice, Problem
from batch_scorer.ops.notifying import words
from batch_scorer.ops.notifying.http import post
from batch_scorer.ops.secrets import secret_url

SCHEMA_VERSION = 1
_MAX_PROBLEMS = 100
# Slack's own: everything else of a text it takes as it is. Without it, data could call a whole channel.
_FOR_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """variable: of the environment, which holds the URL."""

    variable: str

    @property
    def name(self) -> str:
        return f"webhook {self.variable}"

    def send(self, notice: Notice) -> None:
        body = json.dumps(document(notice), ensure_ascii=False).encode()
        post(secret_url(self.variable), body=body, content_type="application/json")


def document(notice: Notice) -> dict[str, Any]:
    """The body; docs/notifications.md describes it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "text": words.text(notice).translate(_FOR_SLACK),
        "event": notice.event.value,
        "is_repeat": notice.is_repeat,
        "since": notice.since.isoformat() if notice.since else None,
        "at": notice.at.isoformat(),
        "job": notice.job,
        "target": notice.target,
        "run_id": notice.run_id,
        "model": notice.model,
        "host": notice.host,
        "exit_code": notice.exit_code,
        "n_due": notice.n_due,
        "n_published": notice.n_published,
        "n_blocked": notice.n_blocked,
        "n_failed": notice.n_failed,
        "n_problems": len(notice.problems),
        "problems": [_problem(problem) for problem in notice.problems[:_MAX_PROBLEMS]],
        "warnings": list(notice.warnings[:_MAX_PROBLEMS]),
        "next": notice.next_command,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "partition": problem.partition or None,
        "state": problem.state,
        "kind": problem.kind,
        "what": problem.what,
        "fix": problem.fix,
    }
