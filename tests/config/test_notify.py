"""`notify`: whom to tell, with defaults that fit together and mistakes at their place."""

from __future__ import annotations

import pytest

from batch_scorer.config.load import load_despite_mistakes
from batch_scorer.config.mistakes import JobInvalid
from batch_scorer.config.stand_ins import is_nowhere
from tests.config.conftest import SMALLEST, Jobs

MAIL = "host: mail.example.com, from: scorer@example.com, to: [data@example.com]"


def _smtp(jobs: Jobs, more: str = "") -> None:
    jobs.change("notify: []", f"notify: [{{on: [failed], to: {{smtp: {{{MAIL}{more}}}}}}}]")


@pytest.mark.parametrize(
    ("more", "port"),
    [("", 587), (", security: tls", 465), (", security: none", 25), (", security: tls, port: 2465", 2465)],
)
def test_the_port_follows_how_the_way_is_guarded(jobs: Jobs, more: str, port: int) -> None:
    _smtp(jobs, more)
    smtp = jobs.load().job.notify[0].to.smtp
    assert smtp is not None
    assert (smtp.host, smtp.port, smtp.sender, smtp.to) == (
        "mail.example.com", port, "scorer@example.com", ("data@example.com",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (", user: {secret: env:U}", "user and password belong together"),
        (", security: none, user: {secret: env:U}, password: {secret: env:P}", "for everybody to read"),
        (", port: 70000", "notify.0.to.smtp.port: must be at most 65535"),
        (", password: hunter2", "the secret itself does not belong in a file"),
    ],
)
def test_what_cannot_be_sent_with_is_a_mistake(jobs: Jobs, more: str, message: str) -> None:
    _smtp(jobs, more)
    (mistake,) = jobs.mistakes()
    assert message in mistake


@pytest.mark.parametrize(
    "to", ["{}", "{webhook: {secret: env:A}, healthcheck: {secret: env:B}}"], ids=["none", "two"]
)
def test_an_entry_has_exactly_one_target(jobs: Jobs, to: str) -> None:
    jobs.change("notify: []", f"notify: [{{on: [failed], to: {to}}}]")
    assert [mistake.split(": ", 1)[1] for mistake in jobs.mistakes()] == [
        "notify.0.to: needs exactly one of webhook, smtp and healthcheck; others are entries of their own"
    ]


def test_an_address_cannot_bring_a_header_of_its_own(jobs: Jobs) -> None:
    jobs.change("notify: []", f"notify: [{{on: [failed], to: {{smtp: {{{MAIL}}}}}}}]")
    jobs.change("data@example.com]}", '"data@example.com\\nBcc: all@example.com"]}')
    assert "is no mail address" in jobs.mistakes()[-1]


@pytest.mark.parametrize("odd", ["a,b@example.com", '"a@example.com', "a:b@example.com", "a@example..com"])
def test_an_address_is_one_that_mail_does_not_read_as_another(jobs: Jobs, odd: str) -> None:
    jobs.change("notify: []", f"notify: [{{on: [failed], to: {{smtp: {{{MAIL}}}}}}}]")
    jobs.change("data@example.com]}", f"{odd!r}]}}")
    assert "is no mail address" in jobs.mistakes()[-1]


def test_a_broken_job_still_says_whom_to_tell(jobs: Jobs) -> None:
    text = SMALLEST + "notify: [{on: [failed], to: {webhook: {secret: env:ALERT_WEBHOOK}}}]\n"
    jobs.write("small", text.replace("output: {path:", "output: {pth:"))
    with pytest.raises(JobInvalid):
        jobs.load("small")
    job = load_despite_mistakes(jobs.project, "small", env={})
    assert job is not None
    assert [entry.to.webhook and entry.to.webhook.variable for entry in job.notify] == ["ALERT_WEBHOOK"]
    assert not is_nowhere(job.output.state)
    jobs.write("small", text.replace("data/predictions/small", '""'))
    job = load_despite_mistakes(jobs.project, "small", env={})
    assert job is not None
    assert is_nowhere(job.output.state)
