"""What every test stands on: an environment without settings, and a real PostgreSQL."""

from __future__ import annotations

import os

import pytest

from .postgres_server import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url", "scrubbed_environment"]


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's own reaches a test."""
    for name in os.environ:
        if name.startswith(("WDH_", "SLACK_", "SMTP_", "ALERT_")) or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)
