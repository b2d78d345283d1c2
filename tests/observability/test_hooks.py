from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import (
    DagsterInstance,
    Definitions,
    RetryPolicy,
    asset,
    define_asset_job,
    in_process_executor,
    job,
    op,
)

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.sink import Deadline
from work_data_hub.alerting.timing import utc_now
from work_data_hub.observability import alert_on_failure, alert_on_success
from work_data_hub.observability.feed import advance
from work_data_hub.observability.local_router import local_router

from .dagster_runs import a_retry_of, run
from .stores import filled, firing, incidents

SHIPPED = Path(__file__).parents[2] / "alerts.yml"
HOOKS = {alert_on_failure, alert_on_success}
broken = True


@op
def sometimes() -> None:
    if broken:
        raise ValueError("row 7 has no plan")


@op(retry_policy=RetryPolicy(max_retries=2))
def stubborn() -> None:
    raise ConnectionError("bank is down")


@job(hooks=HOOKS, executor_def=in_process_executor)
def hooked() -> None:
    sometimes()


@op
def loud_and_broken() -> None:
    sys.stderr.write("row 7 was the last one\n")
    sys.stderr.flush()
    raise ValueError("row 8 has no plan")


@job(hooks=HOOKS, executor_def=in_process_executor)
def loud() -> None:
    loud_and_broken()


@job(hooks=HOOKS, executor_def=in_process_executor)
def hooked_with_retries() -> None:
    stubborn()


@pytest.fixture(autouse=True)
def _broken_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "broken", True)


@pytest.fixture
def store() -> AlertRouter:
    """The router that the hooks find on their own."""
    return local_router()


def test_a_failed_step_is_told_from_inside_its_run(
    instance: DagsterInstance, store: AlertRouter
) -> None:
    run_id = run(instance, hooked)
    (incident,) = firing(store)
    assert filled(incident.labels) == {
        "alertname": "StepFailed",
        "location": "sales",
        "job": "hooked",
        "step": "sometimes",
        "severity": "warning",
    }
    assert incident.annotations["error"].startswith("ValueError: row 7 has no plan")
    assert incident.annotations["run_url"].endswith(f"/runs/{run_id}")


def test_the_steps_next_success_closes_it_and_is_a_notice_already_over(
    instance: DagsterInstance, store: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, hooked)
    monkeypatch.setitem(globals(), "broken", False)
    run(instance, hooked)
    assert firing(store) == []
    told = {incident.labels["alertname"]: incident for incident in incidents(store)}
    assert set(told) == {"StepFailed", "StepSucceeded"}
    assert told["StepSucceeded"].severity == "info"


def test_the_shipped_alerts_yml_tells_of_the_run_and_not_of_its_step_beside_it(
    instance: DagsterInstance, store: AlertRouter
) -> None:
    run(instance, hooked)
    advance(instance, store, now=utc_now(), deadline=Deadline(60))
    names = {incident.labels["alertname"]: incident.fingerprint for incident in firing(store)}

    def told_after(minutes: int) -> dict[str, set[str]]:
        """By alertname, what its receivers heard by then."""
        with closing(
            AlertRouter.from_file(
                SHIPPED, environ={}, clock=lambda: utc_now() + timedelta(minutes=minutes)
            )
        ) as later:
            later.dispatch(until_idle=True)
            return {
                name: {attempt.purpose.value for attempt in store.store.attempts(fingerprint)}
                for name, fingerprint in names.items()
            }

    assert told_after(2) == {"RunFailed": {"open"}, "StepFailed": set()}
    store.resolve({"alertname": "RunFailed"})
    assert told_after(4) == {"RunFailed": {"open", "resolve"}, "StepFailed": {"open"}}


def test_a_step_that_dagster_tries_again_is_told_once(
    instance: DagsterInstance, store: AlertRouter
) -> None:
    run(instance, hooked_with_retries)
    (incident,) = firing(store)
    assert incident.event_count == 1
    assert incident.annotations["error_class"] == "ConnectionError"


def test_a_run_that_dagster_tries_again_is_told_by_its_last_attempt(
    retrying_instance: DagsterInstance, store: AlertRouter
) -> None:
    first = run(retrying_instance, hooked)
    assert firing(store) == []
    run(retrying_instance, hooked, **a_retry_of(first))
    (incident,) = firing(store)
    assert incident.annotations["root_run_id"] == first


def test_a_hook_never_fails_the_run_and_says_on_stderr_what_was_not_told(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WDH_ALERTS_URL", "sqlite:////proc/no/such/alerts.db")
    monkeypatch.setitem(globals(), "broken", False)
    run_id = run(instance, hooked)
    stored = instance.get_run_by_id(run_id)
    assert stored is not None
    assert stored.is_success
    said = capfd.readouterr().err
    assert f"alert_on_success: not told of step sometimes of hooked, run {run_id}" in said
    assert "StoreUnavailable" in said


def test_a_broken_alerts_yml_does_not_fail_the_run(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("alerts.yml").write_text("route: [")
    monkeypatch.setitem(globals(), "broken", False)
    stored = instance.get_run_by_id(run(instance, hooked))
    assert stored is not None
    assert stored.is_success
    assert "alerts.yml" in capfd.readouterr().err


def test_the_hooks_work_on_assets(instance: DagsterInstance, store: AlertRouter) -> None:
    @asset
    def prices() -> None:
        raise ValueError("no prices")

    defs = Definitions(
        assets=[prices],
        jobs=[define_asset_job("asset_job", hooks=HOOKS)],
        executor=in_process_executor,
    )
    resolved = defs.resolve_job_def("asset_job")
    resolved.execute_in_process(instance=instance, raise_on_error=False)
    (incident,) = firing(store)
    assert incident.labels["step"] == "prices"
    assert not incident.labels.get("location")


def test_the_hooks_decorate_a_job(instance: DagsterInstance, store: AlertRouter) -> None:
    @alert_on_failure
    @job(executor_def=in_process_executor)
    def decorated() -> None:
        sometimes()

    decorated.execute_in_process(instance=instance, raise_on_error=False)
    assert [incident.labels["job"] for incident in firing(store)] == ["decorated"]


def test_a_failed_step_says_who_owns_its_asset(
    instance: DagsterInstance, store: AlertRouter
) -> None:
    @asset(owners=["team:prices", "anna@example.com"])
    def prices() -> None:
        raise ValueError("no prices")

    @asset(tags={"owner": "ben"})
    def yields() -> None:
        raise ValueError("no yields")

    defs = Definitions(
        assets=[prices, yields],
        jobs=[define_asset_job("asset_job", hooks=HOOKS)],
        executor=in_process_executor,
    )
    resolved = defs.resolve_job_def("asset_job")
    resolved.execute_in_process(instance=instance, raise_on_error=False)
    owners = {
        i.labels["step"]: (i.labels.get("owner"), i.labels.get("team")) for i in firing(store)
    }
    assert owners == {"prices": ("anna@example.com", "prices"), "yields": ("ben", None)}


def test_a_failed_step_tells_its_last_words(stored_instance: DagsterInstance) -> None:
    """Its stderr is a file only where Dagster captures to one, as `stored_instance` does."""
    run(stored_instance, loud, tags={"dagster/max_retries": "0"})
    (incident,) = firing(local_router())
    assert incident.annotations["log_excerpt"].splitlines()[-1] == "row 7 was the last one"
