"""What the feed passed over and the hooks could not store is told all the same, and once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import DagsterEventType, DagsterInstance, in_process_executor, job, op

from work_data_hub.alerting import AlertRouter
from work_data_hub.alerting.errors import StoreUnavailable
from work_data_hub.alerting.sink import Deadline
from work_data_hub.observability import alert_on_failure, alert_on_success, events
from work_data_hub.observability.dagster_api import run_log
from work_data_hub.observability.feed import advance
from work_data_hub.observability.local_router import local_router
from work_data_hub.observability.position import Position
from work_data_hub.observability.reconciler import GRACE, Reconciled, Reconciler

from .dagster_runs import a_retry_of, create_run, failed_at, nightly, report, run, succeeded_at
from .stores import firing, incidents

NOW = datetime(2024, 11, 5, 2, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NOTHING = Reconciled()


def fed(instance: DagsterInstance, router: AlertRouter, *, now: datetime = NOW) -> int:
    return advance(instance, router, now=now, deadline=Deadline(60)).told


def turned(
    instance: DagsterInstance,
    router: AlertRouter,
    *,
    now: datetime = NOW,
    reconciler: Reconciler | None = None,
    **given: Any,
) -> Reconciled:
    """A turn, after a restart where no reconciler is given."""
    made = reconciler or Reconciler()
    return made.turn(instance, router, now=now, **{"deadline": Deadline(60), **given})


def passed_over(instance: DagsterInstance, router: AlertRouter, at: datetime) -> None:
    """As when an event was committed late: the feed is past the newest id there is."""
    cursor = f"feed:{run_log.storage_id(instance)}"
    router.store.set_cursor(cursor, Position(run_log.newest_event_id(instance), at).to_text())


def test_an_event_that_was_committed_late_under_a_lower_id_is_told(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - MINUTE)
    passed_over(instance, router, NOW)
    assert fed(instance, router) == 0
    assert turned(instance, router) == Reconciled(missing=1)
    (incident,) = firing(router)
    assert incident.labels["job"] == "nightly"


def test_a_success_that_was_passed_over_closes_what_it_ended(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - 2 * MINUTE)
    fed(instance, router)
    succeeded_at(instance, NOW - MINUTE)
    passed_over(instance, router, NOW)
    assert turned(instance, router) == Reconciled(recovered=1)
    assert firing(router) == []


def test_what_the_feed_told_is_told_no_second_time(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - MINUTE)
    succeeded_at(instance, NOW - MINUTE / 2, tags={"dagster/partition": "a"})
    fed(instance, router)
    assert turned(instance, router) == NOTHING
    (incident,) = firing(router)
    assert incident.event_count == 1


def test_a_turn_without_news_reads_no_event_and_writes_nothing(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_at(instance, NOW - MINUTE)
    reconciler = Reconciler()
    turned(instance, router, reconciler=reconciler)
    for name in ("publish_all", "resolve_all"):
        monkeypatch.delattr(type(router), name)
    monkeypatch.delattr(run_log, "changes_by_id")
    monkeypatch.delattr(type(router.store), "set_cursor")
    assert turned(instance, router, reconciler=reconciler, now=NOW + MINUTE) == NOTHING


def test_the_feed_has_its_turn_first(instance: DagsterInstance, router: AlertRouter) -> None:
    failed_at(instance, NOW)
    reconciler = Reconciler()
    assert turned(instance, router, reconciler=reconciler, now=NOW + GRACE - SECOND) == NOTHING
    assert turned(instance, router, reconciler=reconciler, now=NOW + GRACE).missing == 1


def test_it_starts_at_its_watermark_however_old_less_an_hour(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    turned(instance, router)
    for hour in (-2, 1, 24, 60):
        failed_at(instance, NOW + hour * HOUR, tags={"dagster/partition": str(hour)})
    monday = NOW + 61 * HOUR
    assert turned(instance, router, now=monday).missing == 3
    told = sorted(incident.labels["partition"] for incident in firing(router))
    assert told == ["1", "24", "60"]


def test_an_instance_never_seen_before_is_told_of_its_last_hour(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(instance, NOW - HOUR - MINUTE)
    assert turned(instance, router) == NOTHING
    failed_at(instance, NOW - MINUTE)
    assert turned(instance, router).missing == 1


@pytest.mark.parametrize("lost", ["", "nan", "2024-11-05T02:00:00"])
def test_a_cursor_that_is_lost_costs_nothing_while_the_other_is_there(
    instance: DagsterInstance, router: AlertRouter, lost: str
) -> None:
    turned(instance, router)
    failed_at(instance, NOW + HOUR)
    later = NOW + 5 * HOUR
    router.store.set_cursor(f"feed:{run_log.storage_id(instance)}", lost)
    assert fed(instance, router, now=later) == 0, "it starts an hour ago"
    assert turned(instance, router, now=later).missing == 1
    router.store.set_cursor(f"reconciled:{run_log.storage_id(instance)}", lost)
    assert turned(instance, router, now=later) == NOTHING


def test_a_turn_ends_with_its_deadline_and_the_next_goes_on_there(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    turned(instance, router)
    for number in range(5):
        failed_at(instance, NOW + HOUR, tags={"dagster/partition": str(number)})
    reconciler = Reconciler()
    given: dict[str, Any] = {"now": NOW + 2 * HOUR, "batch": 2, "deadline": Deadline(0)}
    turns = [turned(instance, router, reconciler=reconciler, **given) for _ in range(3)]
    assert [(turn.missing, turn.behind) for turn in turns] == [(2, True), (2, True), (1, False)]


def test_a_store_that_is_down_loses_nothing(
    instance: DagsterInstance, router: AlertRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_at(instance, NOW - MINUTE)
    reconciler = Reconciler()

    def down(_: object) -> None:
        raise StoreUnavailable("down for a minute")

    with monkeypatch.context() as patched:
        patched.setattr(router, "publish_all", down)
        with pytest.raises(StoreUnavailable):
            turned(instance, router, reconciler=reconciler)
    assert turned(instance, router, reconciler=reconciler).missing == 1


def test_what_waits_for_its_retry_is_looked_at_again_however_long_it_takes(
    retrying_instance: DagsterInstance, router: AlertRouter
) -> None:
    instance = retrying_instance
    first = failed_at(instance, NOW - MINUTE)
    retry = create_run(instance, nightly, **a_retry_of(first))
    instance.add_run_tags(first, {"dagster/auto_retry_run_id": retry.run_id})
    passed_over(instance, router, NOW)
    reconciler = Reconciler()
    assert turned(instance, router, reconciler=reconciler) == NOTHING
    for hour in range(1, 6):
        assert turned(instance, router, reconciler=reconciler, now=NOW + hour * HOUR) == NOTHING
    report(instance, retry, DagsterEventType.RUN_CANCELED, at=NOW + 6 * HOUR)
    assert turned(instance, router, now=NOW + 6 * HOUR).missing == 1


def test_a_run_that_was_deleted_is_told_no_more(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    instance.delete_run(failed_at(instance, NOW - MINUTE))
    assert turned(instance, router) == NOTHING


def test_it_reads_the_storage_of_dagster_dev_alike(
    stored_instance: DagsterInstance, router: AlertRouter
) -> None:
    failed_at(stored_instance, NOW - MINUTE, tags={"dagster/max_retries": "0"})
    passed_over(stored_instance, router, NOW)
    assert turned(stored_instance, router).missing == 1


broken = True


@op
def sometimes() -> None:
    if broken:
        raise ValueError("row 7 has no plan")


@job(hooks={alert_on_failure, alert_on_success}, executor_def=in_process_executor)
def hooked() -> None:
    sometimes()


@job(executor_def=in_process_executor)
def bare() -> None:
    sometimes()


@pytest.fixture
def no_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """While it lasts, hooks find no store."""
    with monkeypatch.context() as patched:
        patched.setenv("WDH_ALERTS_URL", "sqlite:////proc/no/such/alerts.db")
        yield patched


def later() -> datetime:
    """When the feed has had its turn on what happened in this test."""
    return datetime.now(UTC) + MINUTE


def steps(router: AlertRouter) -> list[str]:
    return [i.labels["step"] for i in firing(router) if i.labels["alertname"] == events.STEP_FAILED]


def test_a_failed_step_that_its_hook_could_not_store_is_told(
    instance: DagsterInstance, no_store: pytest.MonkeyPatch
) -> None:
    run(instance, hooked)
    no_store.undo()
    router = local_router()
    assert turned(instance, router, now=later()).missing == 2
    assert steps(router) == ["sometimes"]
    (step,) = [i for i in firing(router) if i.labels["alertname"] == events.STEP_FAILED]
    assert step.annotations["error"].startswith("ValueError: row 7 has no plan")


def test_a_failed_step_that_its_hook_told_is_one(instance: DagsterInstance) -> None:
    run(instance, hooked)
    router = local_router()
    fed(instance, router, now=later())
    assert turned(instance, router, now=later()) == NOTHING
    assert sorted(incident.event_count for incident in incidents(router)) == [1, 1]


def test_a_failed_step_of_a_job_without_the_hook_is_not_told(
    instance: DagsterInstance, router: AlertRouter
) -> None:
    run(instance, bare)
    assert turned(instance, router, now=later()).missing == 1
    assert steps(router) == []


def test_a_step_whose_success_its_hook_could_not_store_is_closed(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(instance, hooked)
    router = local_router()
    assert steps(router) == ["sometimes"]
    monkeypatch.setitem(globals(), "broken", False)
    with monkeypatch.context() as patched:
        patched.setenv("WDH_ALERTS_URL", "sqlite:////proc/no/such/alerts.db")
        run(instance, hooked)
    fed(instance, router, now=later())
    turned(instance, router, now=later())
    assert firing(router) == []
