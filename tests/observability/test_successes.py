"""RunSucceeded: nothing unless it is asked for; then a notice for each success."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import DagsterInstance

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.observability import alerting_definitions, successes
from work_data_hub.observability.feed import advance

from .dagster_runs import purposeful, succeeded_at
from .stores import filled, firing, incidents

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(successes, "_asked", set())


def advanced(instance: DagsterInstance, router: AlertRouter) -> None:
    advance(instance, router, now=NOW, deadline=Deadline(60))


def test_nobody_is_told_of_a_success_unless_they_asked(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    succeeded_at(instance, NOW)
    advanced(instance, router)
    assert incidents(router) == []


@pytest.mark.parametrize("asked", ["nightly", "other, nightly", "*"])
def test_each_success_of_a_job_in_wdh_tell_successes_is_a_notice_over_at_once(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("WDH_TELL_SUCCESSES", asked)
    for minutes in (2, 1):
        succeeded_at(instance, NOW - timedelta(minutes=minutes), tags={"owner": "anna"})
    advanced(instance, router)
    assert firing(router) == []
    told = incidents(router)
    assert sum(incident.event_count for incident in told) == 2
    assert filled(told[0].labels) == {
        "alertname": "RunSucceeded",
        "location": "sales",
        "job": "nightly",
        "owner": "anna",
        "severity": "info",
    }


def test_a_project_asks_where_it_adopts_us(instance: DagsterInstance, router: AlertRouter) -> None:
    alerting_definitions(tell_successes=["nightly"])
    succeeded_at(instance, NOW)
    succeeded_at(instance, NOW, purposeful)
    advanced(instance, router)
    assert [incident.labels["job"] for incident in incidents(router)] == ["nightly"]


def test_a_success_is_told_to_its_receiver_as_one_message(
    instance: DagsterInstance,
    router: AlertRouter,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WDH_TELL_SUCCESSES", "nightly")
    succeeded_at(instance, NOW)
    advanced(instance, router)
    router.dispatch(until_idle=True)
    (line,) = [record.message for record in caplog.records if "RunSucceeded" in record.message]
    assert "🔵 Run succeeded · nightly" in line
