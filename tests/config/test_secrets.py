"""A secret that somebody wrote into a job file, and not its name, is told without being shown."""

from __future__ import annotations

import json

import pytest

from batch_scorer.config import load
from batch_scorer.config.mistakes import JobInvalid
from tests.config.conftest import Jobs

HOOK = "https://hooks.example/T0/SESAME"


@pytest.fixture(autouse=True)
def _notify_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "not_yet", lambda _root: ())


@pytest.mark.parametrize(
    "to",
    [
        f"{{webhook: {{secret: '{HOOK}'}}}}",
        f"{{webhook: '{HOOK}'}}",
        f"{{webhook: {{secert: '{HOOK}'}}}}",
        f"{{webhook: {{url: '{HOOK}'}}}}",
        f"{{webhook: ['{HOOK}']}}",
        "{webhook: {secret: '${HOOK}'}}",
        "{webhook: '${HOOK}'}",
        f"{{healthcheck: {{secret: '{HOOK}'}}}}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(jobs: Jobs, to: str) -> None:
    jobs.change("notify: []\ntargets", f"notify: [{{on: [faild], to: {to}}}]\ntargets")
    with pytest.raises(JobInvalid) as caught:
        jobs.load(env={"HOOK": HOOK})
    shown = f"{caught.value.render()}{json.dumps(caught.value.as_dict())}"
    assert "SESAME" not in shown
    assert "names an environment variable" in shown or "unknown key" in shown


def test_a_secret_in_a_target_is_not_repeated_either(jobs: Jobs) -> None:
    jobs.change("notify: []}", f"notify: [{{on: [failed], to: {{webhook: '{HOOK}'}}}}], complete: 1}}")
    with pytest.raises(JobInvalid) as caught:
        jobs.load()
    assert 'unknown key "complete"' in caught.value.render()
    assert "SESAME" not in caught.value.render()


def test_the_name_of_a_secret_is_no_secret(jobs: Jobs) -> None:
    jobs.change("notify: []\ntargets", "notify: [{on: [faild], to: {webhook: {secret: env:HOOK}}}]\ntargets")
    with pytest.raises(JobInvalid) as caught:
        jobs.load(env={"HOOK": HOOK})
    assert "env:HOOK" in caught.value.render()
    assert [each.message for each in caught.value.mistakes] == [
        'notify.0.on.0: "faild" is not start, success, failed, blocked or recovered; did you mean "failed"?'
    ]


def test_resolved_values_show_the_name_and_where_it_came_from(jobs: Jobs) -> None:
    jobs.change("notify: []\ntargets", "notify: [{on: [failed], to: {webhook: {secret: env:HOOK}}}]\ntargets")
    loaded = jobs.load(env={"HOOK": HOOK})
    assert "SESAME" not in repr(loaded.values)
    found = {key: (value, source) for key, value, source in loaded.values}
    value, source = found["notify.0.to.webhook.secret"]
    assert value == "env:HOOK"
    assert source.startswith("jobs/taxi_tips.yml:")
