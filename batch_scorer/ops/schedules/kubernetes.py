"""A job as a CronJob of Kubernetes (batch/v1, 1.31 and later)."""

from __future__ import annotations

import re
from typing import Any

import yaml

from batch_scorer import __version__
from batch_scorer.config.sections import Compute
from batch_scorer.ops.schedules.call import DO_NOT_TRY_AGAIN, GRACE, STOP_S, TRY_AGAIN, Call, in_lines

_PROJECT = "/project"
_DRIVER_BYTES = 1 << 30
_WORKERS = 2  # where the job leaves it to the machine: a pod has none of its own
_N_RETRIES = 3
_BACK_OFF_S = 360  # Kubernetes' longest pause between two tries
_LATEST_S = 4 * 3600
_LONGEST_NAME = 52  # a CronJob's: the name of each Job is made from it

_HEAD = """\
# {name}, by batch-scorer. Fill in what says CHANGE-ME, then: kubectl apply -f {file}
#   image: holds batch-scorer, and what the job's `code` needs
#   claimName: a volume with the project (jobs/, data/). Predictions and state must be on one file system
# Secrets, such as those of notify: kubectl create secret generic {name} --from-literal=NAME=value
# Tried again, at most {n} times: {again}, and a container that was killed. Not: {never},
# which only a person can mend. A pod that its node had to let go does not count.
# No lock is needed: of two runs each leaves alone what the other works on (exit 75).
"""


def render_kubernetes(call: Call, compute: Compute) -> dict[str, str]:
    """Returns: the text of a manifest, by file name."""
    name, file = _name(call), f"{call.unit}.cronjob.yaml"
    head = _HEAD.format(
        name=name, file=file, n=_N_RETRIES, again=in_lines(TRY_AGAIN), never=in_lines(DO_NOT_TRY_AGAIN)
    )
    body = yaml.safe_dump(_cron_job(name, call, compute), sort_keys=False, allow_unicode=True, width=110)
    return {file: head + body}


def _cron_job(name: str, call: Call, compute: Compute) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "batch-scorer"}},
        "spec": {
            "schedule": call.cron,
            "timeZone": call.timezone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _LATEST_S,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": _job(name, call, compute)},
        },
    }


def _job(name: str, call: Call, compute: Compute) -> dict[str, Any]:
    return {
        "backoffLimit": _N_RETRIES,
        **_deadline(call, (_N_RETRIES + 1), _BACK_OFF_S),
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": "batch-scorer",
                        "operator": "In",
                        "values": list(DO_NOT_TRY_AGAIN),
                    },
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
        "template": {"spec": _pod(name, call, compute)},
    }


def _pod(name: str, call: Call, compute: Compute) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",  # podFailurePolicy needs it
        **_deadline(call, 1, 0),
        "terminationGracePeriodSeconds": STOP_S,
        "containers": [
            {
                "name": "batch-scorer",
                "image": f"CHANGE-ME/batch-scorer:{__version__}",
                "command": ["batch-scorer"],
                "args": [*call.arguments(_PROJECT), *_workers(compute)],
                "envFrom": [{"secretRef": {"name": name, "optional": True}}],
                "resources": _resources(compute),
                "volumeMounts": [{"name": "project", "mountPath": _PROJECT}],
            }
        ],
        "volumes": [{"name": "project", "persistentVolumeClaim": {"claimName": "CHANGE-ME"}}],
    }


def _deadline(call: Call, n_tries: int, pause_s: int) -> dict[str, int]:
    """Our own limit comes first (exit 124); this one is for a run that hangs."""
    if call.timeout is None:
        return {}
    return {"activeDeadlineSeconds": n_tries * (int((call.timeout + GRACE).total_seconds()) + pause_s)}


def _workers(compute: Compute) -> tuple[str, ...]:
    """As many as the pod asks for: cores of the node are no measure."""
    return ("--workers", str(compute.workers or _WORKERS)) if _works_here(compute) else ()


def _resources(compute: Compute) -> dict[str, Any]:
    n_workers = (compute.workers or _WORKERS) if _works_here(compute) else 0
    n_bytes = _DRIVER_BYTES + n_workers * compute.memory_per_worker
    memory = f"{-(-n_bytes // (1 << 20))}Mi"
    return {"requests": {"cpu": str(max(1, n_workers)), "memory": memory}, "limits": {"memory": memory}}


def _works_here(compute: Compute) -> bool:
    return compute.cluster in ("auto", "local")


def _name(call: Call) -> str:
    """As DNS allows it: `batch-scorer-taxi-tips`."""
    return re.sub(r"[^a-z0-9]+", "-", call.unit.lower())[:_LONGEST_NAME].strip("-")
