"""What holds where there is no alerts.yml; a test sees to it that the shipped one says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BUILT_IN = Path("<built-in alerts.yml>")

BUILT_IN_DATA: dict[str, Any] = {
    "global": {
        "smtp_require_tls": "${SMTP_REQUIRE_TLS:-true}",
        "smtp_auth_username": "${SMTP_AUTH_USERNAME:-}",
        "smtp_auth_password": "${SMTP_AUTH_PASSWORD:-}",
    },
    "fallback": "default",
    "route": {
        "receiver": "default",
        "group_by": ["alertname", "location", "job"],
        "group_wait": "0s",
        "group_interval": "1m",
        "repeat_interval": "4h",
        "routes": [
            {
                "matchers": ['alertname="Watchdog"'],
                "receiver": "watchdog",
                "group_interval": "1m",
                "repeat_interval": "50s",
            },
            {"matchers": ['severity="info"'], "receiver": "log"},
            {"matchers": ['alertname="StepFailed"'], "group_wait": "1m"},
        ],
    },
    "inhibit_rules": [
        {
            "source_matchers": ['alertname="RunFailed"'],
            "target_matchers": ['alertname="StepFailed"'],
            "equal": ["location", "job", "partition"],
        }
    ],
    "receivers": [
        {
            "name": "default",
            "log_configs": [{}],
            "prometheus_configs": [{}],
            "slack_configs": [
                {"app_token": "${SLACK_BOT_TOKEN:-}", "channel": "${SLACK_CHANNEL:-}"},
                {"api_url": "${SLACK_WEBHOOK_URL:-}"},
            ],
            "email_configs": [
                {
                    "to": "${ALERT_EMAIL_TO:-}",
                    "from": "${SMTP_FROM:-}",
                    "smarthost": "${SMTP_SMARTHOST:-}",
                }
            ],
            "webhook_configs": [{"url": "${ALERT_WEBHOOK_URL:-}"}],
        },
        {"name": "log", "log_configs": [{}], "prometheus_configs": [{}]},
        {
            "name": "watchdog",
            "webhook_configs": [{"url": "${WATCHDOG_URL:-}", "send_resolved": False}],
        },
    ],
}
