"""From a run that fails under `dagster dev` to a message in Slack, through real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from work_data_hub.alerting.testing import SlackServer

from .dagster_dev import dagster_dev, wait_until

PROJECT = """
from pathlib import Path

from dagster import Definitions, ScheduleDefinition, job, op

from work_data_hub.observability import alert_on_failure, alert_on_success, alerting_definitions

BROKEN = Path(__file__).with_name("broken")


@op
def extract() -> int:
    return 7


@op
def load(rows: int) -> None:
    try:
        assert not BROKEN.exists(), f"row {rows} has no plan"
    except AssertionError as err:
        raise RuntimeError("nothing was loaded") from err


@job(hooks={alert_on_failure, alert_on_success})
def nightly() -> None:
    load(extract())


daily = ScheduleDefinition(job=nightly, cron_schedule="0 2 * * *")
defs = Definitions.merge(
    Definitions(jobs=[nightly], schedules=[daily]), alerting_definitions(interval_s=1)
)
"""

ALERTS = """
route:
  receiver: quiet
  group_by: [alertname, location, job]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
  routes:
    - receiver: team
      matchers: ['alertname="RunFailed"']
receivers:
  - name: quiet
    log_configs: [{}]
  - name: team
    slack_configs:
      - app_token: ${SLACK_BOT_TOKEN}
        app_url: ${SLACK_APP_URL}
        channel: alerts
"""


@pytest.mark.processes
def test_a_failed_run_becomes_one_slack_message_that_the_next_success_marks_resolved(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    project = tmp_path / "sales.py"
    project.write_text(PROJECT)
    broken = tmp_path / "broken"
    broken.touch()
    (tmp_path / "alerts.yml").write_text(ALERTS)
    with SlackServer(channels=["alerts"]) as slack:
        slack.answer(503, 429)
        environ = {"SLACK_BOT_TOKEN": slack.token, "SLACK_APP_URL": slack.app_url}
        with dagster_dev(project, home, environ) as dagster:
            run_id = dagster.launch("nightly")
            wait_until(lambda: slack.messages, seconds=120, what="a message", log=dagster.log)
            (message,) = slack.messages
            told = message.all_text
            assert "nightly" in told
            assert "load" in told
            assert "AssertionError: row 7 has no plan" in told
            assert "RuntimeError: nothing was loaded" in told
            assert f"{dagster.url}/runs/{run_id}" in json.dumps(message.versions[-1])
            assert len(slack.calls) >= 3, "503 and 429 came first"

            broken.unlink()
            dagster.launch("nightly")
            wait_until(lambda: message.edited, seconds=120, what="the edit", log=dagster.log)
            assert "Resolved" in message.text
            assert slack.messages == [message]
