"""What `wdh serve` tells of itself."""

from __future__ import annotations

import pytest

from work_data_hub.alerting.redact import Redactor
from work_data_hub.observability.self_metrics import LinksCollector


def addresses() -> dict[str, str]:
    (family,) = LinksCollector(Redactor()).collect()
    (sample,) = family.samples
    assert (sample.name, sample.value) == ("wdh_links_info", 1.0)
    return dict(sample.labels)


def test_links_of_dashboards_lead_where_those_of_messages_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert addresses() == {
        "dagster_url": "http://127.0.0.1:3000",
        "runbook_url": "http://127.0.0.1:9464/runbooks",
    }
    monkeypatch.setenv("WDH_DAGSTER_URL", "http://127.0.0.1:3333/")
    monkeypatch.setenv("WDH_RUNBOOK_URL", "https://wiki.example/runbooks")
    assert addresses() == {
        "dagster_url": "http://127.0.0.1:3333",
        "runbook_url": "https://wiki.example/runbooks",
    }


def test_no_user_and_no_password_is_in_the_address_that_a_dashboard_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WDH_DAGSTER_URL", "https://me:hunter2@dagster.example")
    assert addresses()["dagster_url"] == "https://dagster.example"
