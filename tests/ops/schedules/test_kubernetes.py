"""A CronJob that Kubernetes' own schema takes, with pods that are tried again when it may help."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import kubernetes_validate
import pytest
import yaml

from batch_scorer.config.sections import Compute
from batch_scorer.ops.schedules.call import Call
from batch_scorer.ops.schedules.kubernetes import render_kubernetes

GB = 10**9


def _cron_job(compute: Compute | None = None, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "job": "taxi_tips",
        "executable": "/opt/batch-scorer",
        "project": "/srv/scoring",
    }
    fields |= {"cron": "30 4 * * *", "timezone": "America/Chicago"}
    call = Call(**(fields | changes))
    (text,) = render_kubernetes(call, compute or Compute()).values()
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def _pod(document: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize("version", ["1.31", "1.37"])
@pytest.mark.parametrize(
    "changes", [{}, {"target": "prod", "timeout": timedelta(hours=2)}, {"job": "A_Very-long_name" * 4}]
)
def test_kubernetes_schema_takes_it(version: str, changes: dict[str, Any]) -> None:
    document = _cron_job(**changes)
    kubernetes_validate.validate(document, version, strict=True)
    name = document["metadata"]["name"]
    assert len(name) <= 52
    assert name.strip("-") == name == name.lower()
    assert "_" not in name


def test_a_wrong_key_would_be_seen() -> None:
    document = _cron_job()
    document["spec"]["jobTemplate"]["spec"]["backOffLimit"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_it_runs_what_cron_would_run() -> None:
    document = _cron_job(target="prod")
    assert (document["spec"]["schedule"], document["spec"]["timeZone"]) == ("30 4 * * *", "America/Chicago")
    assert document["spec"]["concurrencyPolicy"] == "Forbid"
    (container,) = _pod(document)["containers"]
    assert container["args"][:7] == ["--project", "/project", "--target", "prod", "-v", "run", "taxi_tips"]
    assert container["volumeMounts"][0]["mountPath"] == "/project"


def test_only_what_another_try_may_mend_is_tried_again() -> None:
    job = _cron_job()["spec"]["jobTemplate"]["spec"]
    rules = {rule["action"]: rule for rule in job["podFailurePolicy"]["rules"]}
    assert rules["FailJob"]["onExitCodes"]["values"] == [1, 2, 4, 5, 6, 78]
    assert rules["Ignore"]["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert job["backoffLimit"] == 3
    assert _pod(_cron_job())["restartPolicy"] == "Never"


def test_our_own_time_limit_comes_first_and_all_tries_fit_into_the_jobs() -> None:
    document = _cron_job(timeout=timedelta(hours=2))
    one_try = _pod(document)["activeDeadlineSeconds"]
    assert one_try == 2 * 3600 + 300
    assert document["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 4 * one_try
    assert "activeDeadlineSeconds" not in _pod(_cron_job())


@pytest.mark.parametrize(
    ("compute", "cpu", "memory", "workers"),
    [
        (Compute(), "2", "4839Mi", ["--workers", "2"]),
        (Compute(workers=4, memory_per_worker=GB), "4", "4839Mi", ["--workers", "4"]),
        (Compute(cluster="tcp://scheduler:8786"), "1", "1024Mi", []),
    ],
)
def test_it_asks_for_what_its_workers_need(
    compute: Compute, cpu: str, memory: str, workers: list[str]
) -> None:
    (container,) = _pod(_cron_job(compute))["containers"]
    assert container["resources"] == {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"memory": memory},
    }
    assert container["args"][5:] == workers
