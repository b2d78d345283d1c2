"""The kinds there are, and what their entries in alerts.yml may hold."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import SecretStr, ValidationError

from work_data_hub.alerting.catalog import built_in, kinds
from work_data_hub.alerting.sinks.slack import SlackConfig

HOOK = SecretStr("https://hooks.slack.com/services/T0/B0/secret-of-a-hook")
TOKEN = SecretStr("xoxb-secret-of-a-bot")


def test_a_kind_is_found_by_its_name() -> None:
    assert list(built_in()) == ["email", "log", "prometheus", "slack", "webhook"]
    assert all(name == kind.name for name, kind in kinds().items())
    assert built_in().items() <= kinds().items()


def test_knowing_the_kinds_loads_neither_http_nor_a_template_engine() -> None:
    code = (
        "import sys; from work_data_hub.alerting import catalog, redact, render; catalog.kinds();"
        "print([m for m in ('ssl', 'jinja2', 'sqlalchemy', 'smtplib')"
        " if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_kind_can_leave_out_resolutions() -> None:
    assert all(
        kind.model.model_fields["send_resolved"].default is True for kind in kinds().values()
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "either api_url"),
        ({"api_url": HOOK, "app_token": TOKEN, "channel": "#a"}, "either api_url"),
        ({"app_token": TOKEN}, "needs channel"),
        ({"app_token": TOKEN, "channel": ""}, "needs channel"),
        ({"api_url": SecretStr("hooks.slack.com/services/x")}, "no web address"),
        ({"app_token": TOKEN, "channel": "#a", "app_url": "https://slack.com/api"}, "postMessage"),
        ({"api_url": HOOK, "colour": "red"}, "Extra inputs"),
    ],
)
def test_a_slack_entry_that_cannot_work_is_refused(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SlackConfig.model_validate(given)
    assert problem in str(caught.value)
    assert "secret-of" not in str(caught.value)


def test_no_secret_shows_in_a_slack_entry() -> None:
    by_token = SlackConfig(app_token=TOKEN, channel="#alerts")
    assert "secret-of" not in f"{by_token!r} {SlackConfig(api_url=HOOK)}"
